"""Lanes and the epoch: first sentence by sentence, then as a state machine against four lists."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trader.handoff.outbox import Lane, OrderOutbox, lane_of
from trader.model.action import (
    CancelMarket,
    CancelOrders,
    PlaceOrders,
    ReadBalances,
    ReadFills,
    ReadOpenOrders,
    ReadOrder,
)

LANE_OF = {CancelMarket: Lane.CANCEL_ALL, CancelOrders: Lane.CANCEL, PlaceOrders: Lane.PLACE, ReadOrder: Lane.READ,
           ReadOpenOrders: Lane.READ, ReadFills: Lane.READ, ReadBalances: Lane.READ}


def place(seq, epoch=0):
    return PlaceOrders(seq, epoch, ())


def cancel(seq):
    return CancelOrders(seq, ("0x1",))


def cancel_market(seq):
    return CancelMarket(seq, "0x1")


def read(seq):
    return ReadOrder(seq, "0x1")


def drain(outbox, *, only_cancels=False):
    taken = []
    while (request := outbox.take(only_cancels=only_cancels, timeout_s=0)) is not None:
        taken.append(request)
    return taken


def filled(*requests):
    outbox = OrderOutbox()
    for request in requests:
        outbox.put(request)
    return outbox


@pytest.mark.parametrize(("request_class", "lane"), LANE_OF.items())
def test_every_request_has_its_lane(request_class, lane):
    fields = dict.fromkeys(request_class._fields)
    assert lane_of(request_class(**fields)) is lane


def test_an_empty_outbox_answers_none():
    assert OrderOutbox().take(only_cancels=False, timeout_s=0) is None


def test_cancel_all_is_first_then_cancels_places_and_reads():
    outbox = filled(read(1), place(2), cancel(3), cancel_market(4))
    assert drain(outbox) == [cancel_market(4), cancel(3), place(2), read(1)]


def test_requests_of_one_lane_keep_their_order():
    assert drain(filled(*map(place, range(5)))) == [*map(place, range(5))]


def test_the_thread_that_serves_cancels_never_takes_a_place_or_a_read():
    outbox = filled(place(1), cancel(2), read(3), cancel_market(4))
    assert drain(outbox, only_cancels=True) == [cancel_market(4), cancel(2)]
    assert drain(outbox) == [place(1), read(3)]


def test_a_flood_of_places_never_delays_a_cancel():
    outbox = filled(*map(place, range(1_000)))
    outbox.put(cancel(1_000))
    assert outbox.take(only_cancels=False, timeout_s=0) == cancel(1_000)


def test_raising_the_epoch_sheds_the_older_places_and_returns_each_of_them():
    outbox = filled(place(1), place(2), cancel(3))
    assert outbox.raise_epoch(1) == [place(1), place(2)]
    assert drain(outbox) == [cancel(3)]


def test_places_of_the_new_epoch_survive_it_in_their_order():
    outbox = filled(place(1, epoch=0), place(2, epoch=1), place(3, epoch=0), place(4, epoch=1))
    assert outbox.raise_epoch(1) == [place(1), place(3)]
    assert drain(outbox) == [place(2, epoch=1), place(4, epoch=1)]


def test_a_place_of_an_older_epoch_that_comes_late_is_recognised_by_the_gateway():
    outbox = OrderOutbox()
    outbox.raise_epoch(7)
    outbox.put(place(1, epoch=6))
    late = outbox.take(only_cancels=False, timeout_s=0)
    assert late.epoch < outbox.epoch == 7            # it is handed out, because its place must be answered: as shed


def test_the_epoch_never_falls():
    outbox = OrderOutbox()
    outbox.raise_epoch(7)
    outbox.put(place(1, epoch=7))
    assert outbox.raise_epoch(3) == []
    assert outbox.epoch == 7


def test_the_depths_are_shown_by_lane():
    assert filled(place(1), place(2), cancel(3)).depths == {"cancel_all": 0, "cancel": 1, "place": 2, "read": 0}


class OutboxMachine(RuleBasedStateMachine):
    """Against the plainest model there is: a list a lane."""

    @initialize()
    def build(self):
        self.outbox, self.seq, self.epoch = OrderOutbox(), 0, 0
        self.lanes = {lane: [] for lane in Lane}

    @rule(make=st.sampled_from([cancel_market, cancel, read]))
    def put(self, make):
        self._put(make(self.seq))

    @rule(lag=st.integers(0, 2))
    def put_place(self, lag):
        self._put(place(self.seq, self.epoch - lag))

    def _put(self, request):
        self.seq += 1
        self.lanes[LANE_OF[type(request)]].append(request)
        self.outbox.put(request)

    @rule(step=st.integers(-1, 2))
    def raise_epoch(self, step):
        self.epoch = max(self.epoch, self.epoch + step)
        places = self.lanes[Lane.PLACE]
        self.lanes[Lane.PLACE] = [request for request in places if request.epoch >= self.epoch]
        assert self.outbox.raise_epoch(self.epoch + min(step, 0)) == [r for r in places if r.epoch < self.epoch]

    @rule(only_cancels=st.booleans())
    def take(self, only_cancels):
        served = [lane for lane in sorted(Lane) if self.lanes[lane] and (lane <= Lane.CANCEL or not only_cancels)]
        expected = self.lanes[served[0]].pop(0) if served else None
        assert self.outbox.take(only_cancels=only_cancels, timeout_s=0) == expected

    @invariant()
    def depths_and_epoch_agree(self):
        assert self.outbox.depths == {lane.name.lower(): len(waiting) for lane, waiting in self.lanes.items()}
        assert self.outbox.epoch == self.epoch


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
