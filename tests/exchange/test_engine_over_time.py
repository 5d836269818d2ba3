"""Random order flow over time: orders that expire, orders that are held back, and the naive matcher that says what must come of them."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.test_engine_properties import (
    CANCELS,
    PLACES,
    QUICK,
    SPEC,
    STEP_MS,
    Cancel,
    NaiveMatcher,
    check_conserved,
    justified,
    new_engine,
    order_of,
    yes_cents,
)
from trader.exchange import refusal
from trader.exchange.admission import GTD_EARLY_MS, GTD_LEAST_MS
from trader.exchange.orders import OrderStatus, OrderType
from trader.exchange.refusal import Refusal

DELAY_MS = 35


class Wait(NamedTuple):
    ms: int


class Expiring(NamedTuple):
    """A GTD order with this much more than the least life."""

    place: object
    more_ms: int


WAITS = st.builds(Wait, st.sampled_from([DELAY_MS, 60_000, 120_000]))
EXPIRING = st.builds(Expiring, PLACES, st.sampled_from([0, 5, 60_000]))
FLOWS = st.lists(st.one_of(PLACES, PLACES, EXPIRING, EXPIRING, CANCELS, WAITS), min_size=15, max_size=40)


class Reference:
    """The naive matcher with a calendar: who expires when, and who is held until when."""

    def __init__(self, engine):
        self.engine, self.naive, self.held, self.dies_ms = engine, NaiveMatcher(), [], {}

    def advance(self, now_ms):
        due, self.held = [each for each in self.held if each[1] <= now_ms], [each for each in self.held if each[1] > now_ms]
        self.engine.advance(now_ms)
        for new, _ in due:
            self._released(new)
        for order_id in [order_id for order_id, dies_ms in self.dies_ms.items() if dies_ms <= now_ms]:
            self.naive.cancel(order_id)

    def _released(self, new):
        order, wanted = self.engine.records.orders[new.order_id], self.naive.would_fill(new)
        if order.status is OrderStatus.NOT_ENOUGH:          # what it cost has changed meanwhile
            assert self.traded(new) == []
        elif new.order_type is OrderType.FOK and sum(taken for _, taken, _ in wanted) < new.size_micro:
            assert order.status is OrderStatus.FOK_KILLED and self.traded(new) == []
        else:
            assert self.traded(new) == self.naive.place(new)

    def place(self, new, now_ms):
        wanted = self.naive.would_fill(new)
        try:
            placed = self.engine.place(new, now_ms)
        except Refusal as refused:
            assert justified(new, str(refused), wanted, self.engine)
            return
        if new.order_type is OrderType.GTD:
            self.dies_ms[new.order_id] = new.expires_ms - GTD_EARLY_MS
        assert (placed.order.status is OrderStatus.DELAYED) == bool(wanted)
        if wanted:
            assert placed.trades == ()
            self.held.append((new, now_ms + DELAY_MS))
        else:
            self.naive.place(new)

    def cancel(self, order, now_ms):
        cancelled, kept = self.engine.cancel(order.new.account_id, [order.new.order_id], now_ms)
        is_held = order.new.order_id in [new.order_id for new, _ in self.held]
        assert not is_held or kept == {order.new.order_id: refusal.HELD_BACK}
        for order_id in cancelled:
            self.naive.cancel(order_id)

    def traded(self, new):
        return [(leg.order_id, leg.size_micro, yes_cents(leg.outcome, leg.price_bp // 100))
                for trade in self.engine.records.trades.values() if trade.taker_order_id == new.order_id for leg in trade.legs]

    def check(self):
        view = self.engine.markets[SPEC.condition_id].view()
        assert (view.bids, view.asks) == (self.naive.levels(True), self.naive.levels(False))
        check_conserved(self.engine)


@QUICK
@given(FLOWS)
def test_orders_expire_are_held_and_trade_when_and_as_they_must(flow):
    engine = new_engine(DELAY_MS)
    reference, now_ms = Reference(engine), 0
    for number, step in enumerate(flow):
        now_ms += step.ms if isinstance(step, Wait) else STEP_MS
        reference.advance(now_ms)
        if isinstance(step, Cancel):
            order = engine.records.orders.get(f"o{number - step.back}")
            if order:
                reference.cancel(order, now_ms)
        elif isinstance(step, Expiring):
            gtd = order_of(step.place._replace(kind="GTD"), number)
            reference.place(gtd._replace(expires_ms=now_ms + GTD_LEAST_MS + step.more_ms), now_ms)
        elif not isinstance(step, Wait):
            reference.place(order_of(step, number), now_ms)
        reference.check()
