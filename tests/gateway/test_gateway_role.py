"""One gateway thread, stepped: a real outbox and inbox, a scripted client, a clock that the test moves."""

import pytest

from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.role import GatewayRole
from trader.gateway.settings import GatewaySettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import CancelMarket, CancelOrders, Flight, PlaceOrders, ReadBalances, ReadFills, ReadOpenOrders, ReadOrder
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    FillsRead,
    OpenOrdersRead,
    OrderRead,
    Outcome,
    PlaceResult,
    Timing,
)
from trader.model.order import OrderSpec, Side
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import RateNote, SignedOrder

SPEC = OrderSpec("0xaa", "1", Side.BUY, 4000, 10_000_000, 7, 1_795_000_000_000, "v1", False)
SETTINGS = GatewaySettings()


def place(*order_ids, epoch=0, seq=1):
    return PlaceOrders(seq, epoch, tuple((order_id, SPEC) for order_id in order_ids or ("0x1",)))


class ScriptedClient:
    """Answers `outcome` to everything and takes 5 ms for it. `during` is called while a request is on its way."""

    def __init__(self, clock):
        self._clock, self.calls, self.outcome = clock, [], Outcome.OK
        self.during = self.while_signing = lambda: None

    def _do(self, *call):
        self.calls.append(call)
        self._clock.advance(ms=5)
        self.during()

    def warm(self):
        self._do("warm")

    def sign(self, order_id, order):
        self.while_signing()
        return SignedOrder(order_id, b"{}")

    def place(self, orders):
        self._do("place", *(order.order_id for order in orders))
        return tuple(Answer(order.order_id, self.outcome) for order in orders)

    def cancel(self, order_ids):
        self._do("cancel", *order_ids)
        return tuple(Answer(order_id, self.outcome) for order_id in order_ids)

    def cancel_market(self, condition_id):
        self._do("cancel_market", condition_id)
        return self.outcome, ("0x9",), 250

    def read_order(self, order_id):
        self._do("read_order", order_id)
        return self.outcome, None

    def read_open_orders(self, condition_id):
        self._do("read_open_orders", condition_id)
        return self.outcome, ()

    def read_fills(self, condition_id, after_s):
        self._do("read_fills", condition_id, after_s)
        return self.outcome, ()

    def read_balances(self, token_ids, protocol):
        self._do("read_balances", *token_ids, protocol)
        return self.outcome, 5_000_000, (("1", 7),)

    def close(self):
        self.calls.append(("close",))


class ScriptedJournal:
    """Has written what it is told to have written; `during` is called while somebody waits."""

    def __init__(self, written=True):
        self.written, self.waits, self.during = written, [], lambda: None

    def wait_written(self, seq, timeout_s):
        self.waits.append((seq, timeout_s))
        self.during()
        return self.written


class Gateway:
    def __init__(self, index=1, orders_per_s=40.0, burst=60, cancels_per_s=80.0, cancels_burst=120, journal=None):
        self.clock = ManualClock(1_000_000)
        self.client = ScriptedClient(self.clock)
        self.outbox, self.inbox = OrderOutbox(), ExecutorInbox()
        self.flight = SnapshotCache("flight")
        self.limits = AccountLimits(TokenBucket(self.clock, orders_per_s, burst), TokenBucket(self.clock, cancels_per_s, cancels_burst))
        self.role = GatewayRole(index, SETTINGS, self.client, self.limits, self.outbox, self.inbox, self.flight, self.clock, journal)

    def serve(self, request):
        """What the executor finds in its inbox after one cycle: exactly one letter."""
        self.outbox.put(request)
        self.role.do_work()
        return self.only_letter()

    def only_letter(self):
        assert self.inbox.depth == 1
        return self.inbox.get(0)


@pytest.fixture
def gateway():
    return Gateway()


REQUESTS = [
    (place("0x1", "0x2"), PlaceResult, ("place", "0x1", "0x2")),
    (CancelOrders(1, ("0x1", "0x2")), CancelResult, ("cancel", "0x1", "0x2")),
    (CancelMarket(1, "0xaa"), CancelMarketResult, ("cancel_market", "0xaa")),
    (ReadOrder(1, "0x1"), OrderRead, ("read_order", "0x1")),
    (ReadOpenOrders(1, "0xaa"), OpenOrdersRead, ("read_open_orders", "0xaa")),
    (ReadFills(1, "0xaa", 60), FillsRead, ("read_fills", "0xaa", 60)),
    (ReadBalances(1, ("1", "2"), "v1"), BalancesRead, ("read_balances", "1", "2", "v1")),
]
EVERY_REQUEST = pytest.mark.parametrize(("request_", "kind", "call"), REQUESTS, ids=[kind.__name__ for _, kind, _ in REQUESTS])


@EVERY_REQUEST
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_request_gets_exactly_one_result_that_names_it_whatever_the_outcome(gateway, request_, kind, call, outcome):
    gateway.client.outcome = outcome
    result = gateway.serve(request_)
    assert type(result) is kind and result.request is request_
    said = {answer.outcome for answer in result.answers} if hasattr(result, "answers") else {result.outcome}
    assert said == {outcome} and gateway.client.calls == [call]


@EVERY_REQUEST
def test_timing_says_when_it_was_taken_sent_and_answered(gateway, request_, kind, call):
    assert gateway.serve(request_).timing == Timing(1_000_000, 1_000_000, 6_000_000)


@EVERY_REQUEST
def test_a_flight_is_shown_while_a_request_is_on_its_way_and_never_after(gateway, request_, kind, call):
    seen = []
    gateway.client.during = lambda: seen.append(gateway.flight.read())
    gateway.serve(request_)
    assert seen == [Flight(kind is PlaceResult, 1_000_000)] and gateway.flight.read() is None


@EVERY_REQUEST
def test_a_client_that_raises_ends_the_role_but_not_without_an_answer_and_an_empty_sky(gateway, request_, kind, call):
    def fail():
        raise RuntimeError("a bug")

    gateway.client.during = fail
    gateway.outbox.put(request_)
    with pytest.raises(RuntimeError, match="a bug"):
        gateway.role.do_work()
    result = gateway.only_letter()
    said = {answer.outcome for answer in result.answers} if hasattr(result, "answers") else {result.outcome}
    assert type(result) is kind and said == {Outcome.UNKNOWN} and gateway.flight.read() is None


def test_a_place_whose_signing_raised_never_left_and_is_answered_as_shed(gateway):
    gateway.client.while_signing = lambda: 1 // 0
    gateway.outbox.put(place("0x1"))
    with pytest.raises(ZeroDivisionError):
        gateway.role.do_work()
    assert gateway.only_letter() == PlaceResult(place("0x1"), (Answer("0x1", Outcome.SHED),), Timing())


def test_a_place_of_an_older_epoch_is_shed_without_a_word_to_the_venue(gateway):
    gateway.outbox.raise_epoch(3)
    result = gateway.serve(place("0x1", "0x2", epoch=2))
    assert result.answers == (Answer("0x1", Outcome.SHED), Answer("0x2", Outcome.SHED))
    assert gateway.client.calls == [] and result.timing == Timing() and gateway.flight.read() is None


def test_a_place_of_the_epoch_itself_is_sent(gateway):
    gateway.outbox.raise_epoch(3)
    assert gateway.serve(place(epoch=3)).answers[0].outcome is Outcome.OK


def test_the_epoch_is_looked_at_again_after_signing(gateway):
    gateway.client.while_signing = lambda: gateway.outbox.raise_epoch(1)
    assert gateway.serve(place()).answers[0].outcome is Outcome.SHED
    assert gateway.client.calls == []


def test_a_place_is_shown_as_a_flight_before_the_epoch_is_looked_at_for_the_last_time():
    """Else whoever raises the epoch could see an empty sky, cancel, and have the place arrive behind the cancel."""
    gateway, seen = Gateway(), []

    class WatchedOutbox(OrderOutbox):
        @property
        def epoch(self):
            seen.append(gateway.flight.read())
            return 0

    outbox = WatchedOutbox()
    role = GatewayRole(1, SETTINGS, gateway.client, gateway.limits, outbox, gateway.inbox, gateway.flight, gateway.clock)
    outbox.put(place())
    role.do_work()
    assert seen[-1] == Flight(True, 1_000_000)


def test_beyond_the_rate_places_are_answered_with_the_wait_and_not_kept():
    gateway = Gateway(orders_per_s=10, burst=2)
    gateway.serve(place("0x1", "0x2"))
    late = gateway.serve(place("0x3", seq=2))
    assert late.answers == (Answer("0x3", Outcome.RATE_LIMITED, "", 95),)        # 5 of 100 ms went by in the first request
    assert late.timing == Timing() and len(gateway.client.calls) == 1


def test_cancel_all_and_reads_know_no_rate():
    gateway = Gateway(cancels_per_s=1, cancels_burst=1)
    for request in [CancelMarket(1, "0xaa")] * 3 + [r for r, kind, _ in REQUESTS if kind not in (PlaceResult, CancelResult)]:
        assert gateway.serve(request).outcome is Outcome.OK


def test_beyond_the_rate_a_cancel_by_id_is_given_back_with_the_wait_so_that_its_thread_is_free():
    gateway = Gateway(cancels_per_s=10, cancels_burst=2)
    gateway.serve(CancelOrders(1, ("0x1", "0x2")))
    late = gateway.serve(CancelOrders(2, ("0x3",)))
    assert late == CancelResult(CancelOrders(2, ("0x3",)), (Answer("0x3", Outcome.RATE_LIMITED, "", 95),), Timing())
    assert gateway.serve(CancelMarket(3, "0xaa")).outcome is Outcome.OK and len(gateway.client.calls) == 2


def test_a_cancel_all_is_paid_with_one_and_what_it_cancelled_and_holds_back_later_cancels_and_places():
    gateway = Gateway(cancels_per_s=10, cancels_burst=1)
    gateway.serve(CancelMarket(1, "0xaa"))                   # cancelled one: two tokens of one
    assert gateway.serve(place()).answers[0] == Answer("0x1", Outcome.RATE_LIMITED, "", 100)
    assert gateway.serve(CancelOrders(2, ("0x1",))).answers[0].retry_after_ms == 200


def test_what_the_venue_says_about_the_rate_holds_the_next_place_back():
    gateway = Gateway()
    gateway.limits.heard(RateNote(is_cancel=False, remaining=0, wait_ms=700))
    assert gateway.serve(place()).answers == (Answer("0x1", Outcome.RATE_LIMITED, "", 700),)
    assert gateway.serve(CancelOrders(2, ("0x1",))).answers[0].outcome is Outcome.OK


def test_a_place_waits_until_the_journal_has_it_and_is_signed_meanwhile():
    journal = ScriptedJournal()
    gateway, signed = Gateway(journal=journal), []
    gateway.client.while_signing = lambda: signed.append(len(journal.waits))
    journal.during = lambda: signed.append(gateway.flight.read())
    assert gateway.serve(place(seq=17)).answers[0].outcome is Outcome.OK
    assert journal.waits == [(17, SETTINGS.journal_ms / 1000)] and signed == [0, None]       # not yet in flight


def test_a_place_that_the_journal_does_not_have_in_time_is_not_sent():
    gateway = Gateway(journal=ScriptedJournal(written=False))
    result = gateway.serve(place("0x1", "0x2"))
    assert {(a.outcome, a.detail) for a in result.answers} == {(Outcome.SHED, "not in the journal within 500 ms")}
    assert gateway.client.calls == [] and result.timing == Timing() and gateway.flight.read() is None


def test_the_epoch_is_looked_at_again_after_the_wait_for_the_journal():
    journal = ScriptedJournal()
    gateway = Gateway(journal=journal)
    journal.during = lambda: gateway.outbox.raise_epoch(1)
    assert gateway.serve(place()).answers[0].outcome is Outcome.SHED and gateway.client.calls == []


@pytest.mark.parametrize("request_", [CancelOrders(1, ("0x1",)), CancelMarket(1, "0xaa"), ReadOrder(1, "0x1")])
def test_nothing_but_places_waits_for_the_journal(request_):
    journal = ScriptedJournal(written=False)
    Gateway(journal=journal).serve(request_)
    assert journal.waits == []


@pytest.mark.parametrize("request_", [place(), ReadOrder(1, "0x1")])
def test_gateway_0_leaves_all_but_cancels_to_the_others(request_):
    gateway = Gateway(index=0)
    gateway.outbox.put(request_)
    gateway.outbox.put(CancelOrders(2, ("0x1",)))
    gateway.role.do_work()
    gateway.role.do_work()
    assert gateway.client.calls == [("cancel", "0x1"), ("warm",)]
    assert gateway.outbox.take(only_cancels=False, timeout_s=0) is request_


def test_cancel_all_is_served_before_cancels_before_places(gateway):
    for request in (place(), CancelOrders(2, ("0x1",)), CancelMarket(3, "0xaa")):
        gateway.outbox.put(request)
    for _ in range(3):
        gateway.role.do_work()
    assert [call[0] for call in gateway.client.calls] == ["cancel_market", "cancel", "place"]


@pytest.mark.parametrize(("request_", "limit_ms"), [
    (place(), 500 + 2500 + 1000), (CancelOrders(1, ("0x1",)), 2000 + 1000), (CancelMarket(1, "0xaa"), 2000 + 1000),
    (ReadOpenOrders(1, "0xaa"), 3 * 3000 + 1000),
])
def test_the_posture_names_the_request_and_the_deadlines_of_the_settings(gateway, request_, limit_ms):
    gateway.serve(request_)
    assert gateway.role.posture.now[::2] == (type(request_).__name__, limit_ms)


def test_a_cycle_without_a_request_answers_nothing_and_looks_after_the_connection(gateway):
    gateway.role.do_work()
    assert gateway.inbox.depth == 0 and gateway.client.calls == [("warm",)]
    assert gateway.role.posture.now[::2] == ("connecting", 30_000)


def test_it_warms_its_connection_at_the_start_and_closes_it_at_the_end(gateway):
    gateway.role.on_start()
    gateway.role.on_stop()
    assert gateway.client.calls == [("warm",), ("close",)] and gateway.flight.read() is None
