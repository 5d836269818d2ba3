"""The thread shell, stepped without its thread: real hand-offs, a clock that stands still."""

from types import SimpleNamespace

import pytest

from trader.executor.guards import Limits
from trader.executor.role import GIVE_WAY_S, LETTERS_A_CYCLE, ExecutorRole, Inputs
from trader.executor.settings import ExecutorSettings
from trader.executor.state import Session, State
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import CancelMarket, PlaceOrders
from trader.model.book import FeedHealth
from trader.model.event import Answer, Command, Control, Fill, MarketChange, Outcome, PlaceResult, Timing, TradeStatus, UserFeedUp
from trader.model.intent import Mode, Quote, QuoteIntent
from trader.model.market import Market
from trader.model.order import OrderState, Side
from trader.model.units import MICRO
from trader.testing.manual_clock import ManualClock
from trader.testing.model_venue import ModelVenue

MARKET = Market("window", "m", "1", "2", 100, 5 * MICRO, 0, 10**13, "v1", False)
LIMITS = Limits(500, 1000, 8000, True, 50)


class Rules:
    max_batch = 15
    size_step_micro = 10_000

    def order_id(self, order):
        return f"o{order.salt}"


class SpyInbox(ExecutorInbox):
    """Remembers how long each `get` may park."""

    def __init__(self):
        super().__init__()
        self.parks = []

    def get(self, timeout_s):
        self.parks.append(timeout_s)
        return super().get(0)            # a stepped role never waits


def make_desk():
    desk = SimpleNamespace(clock=ManualClock(10**9), inbox=SpyInbox(), outbox=OrderOutbox(), bell=Doorbell(), stopped=[], pauses=[],
                           venue=ModelVenue(1000 * MICRO), inventory=SnapshotCache("inventory"), report=SnapshotCache("report"))
    desk.mailbox = IntentMailbox(desk.inbox.ring)
    desk.state = State(ExecutorSettings(), Rules(), first_salt=0)
    health = SnapshotCache("health")
    health.publish(FeedHealth(True, 10**9, 10**9, 10**9, None, 1, False))
    inputs = Inputs(SnapshotCache("book"), health, health, health, SnapshotCache("pulse"), ())
    desk.role = ExecutorRole(desk.state, LIMITS, inputs, inbox=desk.inbox, mailbox=desk.mailbox, outbox=desk.outbox,
                             inventory=desk.inventory, report=desk.report, bell=desk.bell, clock=desk.clock,
                             on_stopped=lambda: desk.stopped.append(True), pause=desk.pauses.append)
    return desk


def gateway(desk):
    """Serves everything that waits, as gateway threads would."""
    served = []
    while (request := desk.outbox.take(only_cancels=False, timeout_s=0)) is not None:
        desk.inbox.put(desk.venue.serve(request))
        served.append(request)
    return served


def run(desk, cycles=10):
    for _ in range(cycles):
        desk.role.do_work()
        gateway(desk)


def intent(seq, mode=Mode.NORMAL, cents=40):
    quotes = (Quote(Side.BUY, cents * 100, 100 * MICRO),) if mode is Mode.NORMAL else ()
    return QuoteIntent(seq, "m", mode, quotes, None, "", 10**9, 10**9)


@pytest.fixture
def desk():
    made = make_desk()
    made.role.on_start()
    made.inbox.put(UserFeedUp(1))
    made.inbox.put(MarketChange(MARKET))
    run(made)
    assert made.state.session is Session.ACTIVE
    return made


def test_an_intent_becomes_a_request_in_one_cycle(desk):
    desk.mailbox.put(intent(1))
    desk.role.do_work()
    assert isinstance(desk.outbox.take(only_cancels=False, timeout_s=0), PlaceOrders)


def test_a_cycle_parks_once_and_everything_else_is_taken_without_waiting(desk):
    for _ in range(3):
        desk.inbox.put(Control(Command.RESUME, ""))
    desk.inbox.parks.clear()
    desk.role.do_work()
    assert desk.inbox.parks[0] > 0 and set(desk.inbox.parks[1:]) == {0}


def test_it_parks_no_longer_than_the_next_look_at_the_guards_or_the_next_deadline(desk):
    desk.inbox.parks.clear()
    desk.role.do_work()
    assert desk.inbox.parks[0] == 0.02
    desk.state.later("nothing", "", 5)
    desk.role.do_work()
    assert desk.inbox.parks[-1] == 0.005


def test_one_cycle_handles_at_most_64_letters_and_the_rest_waits(desk):
    for _ in range(LETTERS_A_CYCLE + 5):
        desk.inbox.put(Control(Command.RESUME, ""))
    desk.role.do_work()
    assert desk.inbox.depth == 5


def test_what_cancels_everything_goes_out_before_the_letters_behind_it_are_read(desk):
    epoch = desk.outbox.epoch
    desk.inbox.put(Control(Command.CANCEL_ALL, "now"))
    for _ in range(20):
        desk.inbox.put(Control(Command.RESUME, ""))
    desk.role.do_work()
    assert (desk.inbox.depth, desk.outbox.epoch) == (20, epoch + 1)
    assert desk.pauses[-1:] == [GIVE_WAY_S]              # the gateway's turn


def test_a_stop_goes_out_before_the_letters_behind_it_are_read(desk):
    desk.mailbox.put(intent(1))
    run(desk)
    for _ in range(20):
        desk.inbox.put(Control(Command.RESUME, ""))
    desk.mailbox.put(intent(2, Mode.STOP))
    desk.role.do_work()
    assert desk.outbox.take(only_cancels=True, timeout_s=0) is not None
    assert desk.inbox.depth >= 19 and desk.pauses[-1:] == [GIVE_WAY_S]


def test_the_mailbox_is_looked_at_before_every_letter(desk):
    """The intent arrives while a letter is handled: it must not wait for the sixty others."""
    order = []
    late = Control(Command.RESUME, "")
    desk.inbox.put(late)
    desk.inbox.put(late)
    take, get = desk.mailbox.take, desk.inbox.get
    desk.mailbox = None
    spy = SimpleNamespace(waiting=lambda: len(order) == 1, take=lambda: order.append("mail") or take())
    desk.role = ExecutorRole(desk.state, LIMITS, desk.role._inputs, inbox=SimpleNamespace(
        get=lambda timeout_s: order.append("letter") or get(timeout_s), crowded=False, put=desk.inbox.put), mailbox=spy, outbox=desk.outbox,
        inventory=desk.inventory, report=desk.report, bell=desk.bell, clock=desk.clock, on_stopped=lambda: None)
    desk.role.do_work()
    assert order == ["letter", "mail", "letter", "letter"]


def test_every_ring_is_answered_so_that_the_next_intent_rings_again(desk):
    desk.mailbox.put(intent(1))
    desk.role.do_work()
    desk.mailbox.put(intent(2, cents=41))
    assert desk.inbox.depth == 1


def test_a_ring_whose_intent_was_taken_before_it_rang_does_not_silence_the_next(desk):
    """The strategy was stopped between `append` and its ring, and the executor took the intent in between."""
    desk.mailbox.put(intent(1))
    desk.mailbox._slot.clear()
    desk.role.do_work()
    desk.mailbox.put(intent(2))
    assert desk.inbox.depth == 1


def test_a_stop_overtakes_what_waits_and_its_cancel_all_leaves_in_the_same_cycle(desk):
    desk.mailbox.put(intent(1))
    run(desk, 3)
    for _ in range(10):
        desk.inbox.put(Control(Command.RESUME, ""))
    desk.inbox.put(Control(Command.STOP, "end"))
    desk.role.do_work()
    assert isinstance(desk.outbox.take(only_cancels=True, timeout_s=0), CancelMarket)


def test_places_that_a_cancel_all_sheds_are_answered_like_any_other(desk):
    desk.mailbox.put(intent(1))
    desk.role.do_work()
    desk.inbox.put(Control(Command.CANCEL_ALL, ""))
    desk.role.do_work()
    assert not any(isinstance(request, PlaceOrders) for request in gateway(desk))
    desk.role.do_work()
    assert desk.state.orders.get("o1").state is OrderState.REJECTED and desk.state.refusals == {Outcome.SHED: 1}
    assert not desk.role.times._put


def test_a_place_that_a_gateway_thread_had_taken_is_cancelled_when_its_answer_comes(desk):
    desk.mailbox.put(intent(1))
    desk.role.do_work()
    taken = desk.outbox.take(only_cancels=False, timeout_s=0)
    desk.inbox.put(Control(Command.CANCEL_ALL, ""))
    run(desk, 2)
    desk.inbox.put(desk.venue.serve(taken))
    run(desk, 6)
    assert desk.venue.live() == [] and desk.state.sweep is None


def test_a_fill_rings_the_strategy_and_changes_the_published_inventory(desk):
    desk.mailbox.put(intent(1))
    run(desk, 3)
    desk.bell.wait(0)
    desk.inbox.put(Fill("t1", "o1", "m", "1", None, 4000, 100 * MICRO, 0, TradeStatus.MATCHED, 0))
    desk.role.do_work()
    assert desk.bell.wait(0) and desk.inventory.read().yes_effective_micro == 100 * MICRO


def test_the_inventory_is_published_only_when_it_changed(desk):
    before = desk.inventory.read()
    desk.role.do_work()
    assert desk.inventory.read() is before


def test_the_end_of_a_session_is_told_once(desk):
    desk.inbox.put(Control(Command.STOP, "end"))
    run(desk, 8)
    assert desk.state.session is Session.STOPPED and desk.stopped == [True]


def test_the_last_report_is_published_on_stop_whenever_the_previous_one_was(desk):
    desk.inbox.put(Control(Command.STOP, "end"))
    run(desk, 8)
    desk.role.on_stop()
    assert desk.report.read().session is Session.STOPPED and desk.report.read().live_orders == 0


def test_latency_is_measured_from_outbox_to_wire_to_answer(desk):
    desk.mailbox.put(intent(1))
    desk.role.do_work()
    request = desk.outbox.take(only_cancels=False, timeout_s=0)
    desk.inbox.put(PlaceResult(request, (Answer("o1", Outcome.OK),), Timing(10**9, 10**9 + 2_000_000, 10**9 + 5_000_000)))
    desk.role.do_work()
    legs = (desk.role.times.outbox_to_wire, desk.role.times.wire_to_ack, desk.role.times.intent_to_outbox)
    assert [leg.summary()["count"] for leg in legs] == [1, 1, 1]


def test_a_key_that_is_refused_for_good_is_told_once_and_the_role_goes_on():
    desk, told = make_desk(), []
    desk.role = ExecutorRole(desk.state, LIMITS, desk.role._inputs, inbox=desk.inbox, mailbox=desk.mailbox, outbox=desk.outbox,
                             inventory=desk.inventory, report=desk.report, bell=desk.bell, clock=desk.clock,
                             on_stopped=lambda: desk.stopped.append(True), on_refused=told.append)
    desk.state.refused_for_good = "the venue has refused every place for 20000 ms, 5 times (api key)"
    run(desk)
    error, = told
    assert error.exit_code == 3 and "api key" in error.problem and "venue's own page" in error.remedy
    desk.inbox.put(Control(Command.STOP, "test"))
    run(desk)
    assert desk.stopped == [True]
