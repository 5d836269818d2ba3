"""The role stepped without a thread. Every cycle has a reason not to wait: a ring, a due tick, or an ended debounce time."""

from __future__ import annotations

import pytest

from trader.errors import ConfigError
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.mailbox import IntentMailbox
from trader.model.intent import Mode, Quote
from trader.model.market import LiveMarket
from trader.model.order import Side
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.strategy.settings import StrategySettings
from trader.testing.manual_clock import ManualClock

OPEN_MS = 1_795_000_000_000


class Scripted:
    """A strategy that wants what the test says and counts how often it was asked."""

    def __init__(self) -> None:
        self.wants, self.asked = (Mode.NORMAL, (Quote(Side.BUY, 4800, 100_000_000),), ""), 0

    def quote(self, view):
        self.asked += 1
        if isinstance(self.wants, Exception):
            raise self.wants
        return self.wants


class Desk:
    """The role and everything around it. `tick` and `ring` run one cycle each."""

    def __init__(self, make, bell=None, **settings) -> None:
        self.make, self.clock, self.strategy = make, ManualClock(wall_start_ms=OPEN_MS + 1_800_000), Scripted()
        self.inputs = StrategyInputs(*(SnapshotCache(name) for name in ("live", "books", "reference", "inventory")))
        self.bell, self.pulse, self.rings = bell or Doorbell(), SnapshotCache("pulse"), []
        self.mailbox = IntentMailbox(self.rings.append)
        self.role = StrategyRole(StrategySettings(**settings), self.strategy, inputs=self.inputs, bell=self.bell,
                                 mailbox=self.mailbox, pulse=self.pulse, clock=self.clock)
        self.role.on_start()

    def publish(self, **other):
        market = self.make.market()
        snapshots = {"live": LiveMarket(market, None), "books": self.make.book(), "reference": self.make.reference(),
                     "inventory": self.make.inventory(), **other}
        for name, snapshot in snapshots.items():
            getattr(self.inputs, name).publish(snapshot)

    def tick(self, ms: int = 50):
        self.clock.advance(ms=ms)
        self.role.do_work()
        return self.mailbox.take()

    def ring(self, ms: int = 0):
        self.clock.advance(ms=ms)
        self.bell.ring()
        self.role.do_work()
        return self.mailbox.take()


@pytest.fixture
def desk(make):
    desk = Desk(make)
    desk.publish()
    return desk


def test_a_tick_runs_the_strategy_and_publishes_what_it_wants(desk):
    intent = desk.tick()
    assert (intent.seq, intent.condition_id, intent.mode, intent.quotes, intent.fair_bp) == (
        1, "0xaa", *desk.strategy.wants[:2], 5000)


def test_what_did_not_change_is_not_published_again(desk):
    desk.tick()
    assert [desk.tick() for _ in range(5)] == [None] * 5
    assert desk.strategy.asked == 6


@pytest.mark.parametrize("wants", [
    (Mode.NORMAL, (Quote(Side.BUY, 4700, 100_000_000),), ""),
    (Mode.NORMAL, (), ""),
    (Mode.CAUTION, (Quote(Side.BUY, 4800, 100_000_000),), "x"),
])
def test_a_change_of_mode_or_quotes_is_published(desk, wants):
    desk.tick()
    desk.strategy.wants = wants
    assert desk.tick()[2:4] == wants[:2]


def test_another_wording_alone_is_not_published(desk):
    desk.tick()
    desk.strategy.wants = (*desk.strategy.wants[:2], "3.1 s left")
    assert desk.tick() is None


def test_quotes_that_stay_are_published_again_when_the_fair_price_moved_a_tick(desk):
    """The executor judges by the intent's fair price whether a quote is a fat finger."""
    desk.tick()
    desk.inputs.reference.publish(desk.make.reference(60_001))
    assert desk.tick() is None
    desk.inputs.reference.publish(desk.make.reference(60_100))
    intent = desk.tick()
    assert intent.quotes == desk.strategy.wants[1] and intent.fair_bp > 6000
    assert desk.tick() is None


def test_a_stop_is_published_at_every_tick(desk):
    desk.strategy.wants = (Mode.STOP, (), "enough")
    assert [desk.tick().reason for _ in range(4)] == ["enough"] * 4


def test_rings_do_not_repeat_a_stop(desk):
    desk.strategy.wants = (Mode.STOP, (), "enough")
    desk.tick()
    moves = [desk.make.book(4000 + 100 * step) for step in range(1, 4)]
    got = []
    for book in moves:
        desk.inputs.books.publish(book)
        got.append(desk.ring(ms=10))
    assert got == [None] * 3


def test_a_ring_without_a_move_runs_nothing(desk):
    desk.tick()
    desk.ring()
    assert desk.strategy.asked == 1


def test_a_ring_with_a_move_runs_before_the_tick(desk):
    desk.tick()
    desk.inputs.books.publish(desk.make.book(4100))
    desk.strategy.wants = (Mode.NORMAL, (), "")
    assert desk.ring(ms=1).quotes == ()
    assert desk.role.stats().triggers["book"] == 1


def test_a_move_inside_the_debounce_time_is_seen_at_its_end_without_a_ring(make):
    desk = Desk(make, strategy_hz=1, debounce_ms=100)
    desk.publish()
    desk.ring()                                                  # the first look of all: an early run
    desk.inputs.books.publish(make.book(4100))
    desk.ring(ms=10)
    assert desk.strategy.asked == 1
    desk.tick(ms=90)                                             # no ring, no tick (1 Hz): only the end of the debounce time
    assert desk.strategy.asked == 2


def test_the_park_ends_with_the_debounce_time_and_never_after_250_ms(make):
    class SilentBell:
        def wait(self, timeout_s: float) -> None:
            waits.append(round(timeout_s, 3))

    waits, desk = [], Desk(make, SilentBell(), strategy_hz=1, debounce_ms=100)
    desk.publish()
    desk.role.do_work()
    desk.clock.advance(ms=40)
    desk.inputs.books.publish(make.book(4100))
    desk.role.do_work()
    desk.role.do_work()
    assert waits == [0.25, 0.25, 0.06]


def test_a_long_debounce_time_does_not_lengthen_the_park(make):
    class SilentBell:
        def wait(self, timeout_s: float) -> None:
            waits.append(timeout_s)

    waits, desk = [], Desk(make, SilentBell(), strategy_hz=1, debounce_ms=900)
    desk.publish()
    for bid_bp in (4000, 4100, 4200):
        desk.inputs.books.publish(make.book(bid_bp))
        desk.role.do_work()
    assert waits == [0.25] * 3


def test_late_ticks_are_skipped_never_bunched(desk):
    desk.tick()
    desk.tick(ms=175)
    stats = desk.role.stats()
    assert (stats.ticks, stats.skipped, desk.strategy.asked) == (2, 2, 2)
    lateness = desk.role.lateness.summary()
    assert (lateness["count"], lateness["p99_us"]) == (2, pytest.approx(125_000, rel=0.14))


def test_a_pulse_is_written_at_every_run_with_or_without_an_intent(desk):
    for count in range(1, 4):
        desk.tick()
        assert desk.pulse.read() == (count * 50_000_000, count, 0, 5000)


def test_without_a_market_it_says_so_once_a_second_and_its_pulse_goes_on(make):
    desk = Desk(make)
    intents = [desk.tick() for _ in range(41)]                   # 50 ms … 2.05 s
    assert [count for count, intent in enumerate(intents) if intent] == [0, 20, 40]
    assert (intents[0].mode, intents[0].condition_id, intents[0].reason) == (Mode.STOP, "", "no window is open")
    assert desk.pulse.read().ticks == 41


def test_a_new_reason_for_having_no_view_is_published_at_once(make):
    desk = Desk(make)
    desk.publish(books=make.book(condition_id="0xbb"))
    assert desk.tick().reason == "waiting for the book of this market"
    desk.inputs.books.publish(make.book())
    desk.inputs.inventory.publish(make.inventory(condition_id="0xbb"))
    assert desk.tick().reason == "waiting for the executor to take over this market"
    assert desk.strategy.asked == 0


def test_a_rollover_stops_until_book_and_executor_have_switched(desk):
    make = desk.make
    desk.tick()
    desk.inputs.live.publish(LiveMarket(make.market("0xbb"), None))
    assert desk.tick()[1:4] == ("0xbb", Mode.STOP, ())
    desk.inputs.books.publish(make.book(condition_id="0xbb"))
    assert desk.tick().mode is Mode.STOP
    desk.inputs.inventory.publish(make.inventory(condition_id="0xbb"))
    assert desk.tick()[1:3] == ("0xbb", Mode.NORMAL)


def test_the_same_quotes_in_a_new_window_are_published_again(desk):
    first = desk.tick()
    desk.publish(live=LiveMarket(desk.make.market("0xbb"), None), books=desk.make.book(condition_id="0xbb"),
                 inventory=desk.make.inventory(condition_id="0xbb"))
    second = desk.tick()
    assert (second.quotes, second.condition_id) == (first.quotes, "0xbb")


def test_an_intent_names_the_newest_snapshot_it_is_based_on(desk):
    desk.tick()
    desk.inputs.books.publish(desk.make.book(4100, received_ns=51_000_000))
    desk.strategy.wants = (Mode.NORMAL, (), "")
    intent = desk.ring(ms=3)
    assert (intent.snapshot_ns, intent.decided_ns) == (51_000_000, 53_000_000)
    latency = desk.role.latency.summary()
    assert (latency["count"], latency["p99_us"]) == (1, pytest.approx(2000, rel=0.14))


def test_a_price_that_was_held_back_measures_no_latency(desk):
    desk.ring()                                                  # the first look of all: an early run
    desk.inputs.books.publish(desk.make.book(4100))
    desk.ring(ms=30)
    desk.strategy.wants = (Mode.NORMAL, (), "")
    assert desk.tick(ms=20).quotes == ()                         # the tick comes first
    desk.inputs.books.publish(desk.make.book(4200))
    desk.ring(ms=10)
    desk.strategy.wants = (Mode.CAUTION, (), "x")
    assert desk.ring(ms=39) is None
    assert desk.ring(ms=1).mode is Mode.CAUTION
    assert desk.role.latency.summary()["count"] == 0


def test_a_stop_rings_the_executor_urgently(desk):
    desk.tick()
    desk.strategy.wants = (Mode.STOP, (), "enough")
    desk.tick()
    assert desk.rings == [False, True]


def test_a_fill_runs_early(desk):
    desk.tick()
    desk.inputs.inventory.publish(desk.make.inventory(net=7))
    desk.strategy.wants = (Mode.NORMAL, (), "")
    assert desk.ring(ms=1).quotes == ()
    assert (desk.role.stats().triggers["fill"], desk.role.latency.summary()["count"]) == (1, 0)


def test_a_strategy_that_raises_is_a_crash_of_the_role(desk):
    desk.strategy.wants = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        desk.tick()


def test_a_malformed_quote_becomes_a_stop_that_names_it_and_quoting_resumes_when_it_is_right(desk):
    good = desk.strategy.wants
    desk.strategy.wants = (Mode.NORMAL, (Quote(Side.BUY, 4850, 100_000_000),), "")
    intent = desk.tick()
    assert (intent.mode, intent.quotes) == (Mode.STOP, ())
    assert intent.reason.startswith("strategy Scripted: quote 0: price_bp was 4850 (int), must be a multiple of the tick 100")
    desk.strategy.wants = good
    assert desk.tick()[2:4] == good[:2]
    assert desk.role.stats().refused == 1


def test_a_fault_is_logged_once_however_its_figures_change(desk, caplog):
    for price_bp in (4801, 4802, 4803):
        desk.strategy.wants = (Mode.NORMAL, (Quote(Side.BUY, price_bp, 100_000_000),), "")
        desk.tick()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "write-a-strategy.md" in caplog.text


def test_a_generator_is_refused_and_logged_once_however_often_it_is_another_one(desk, caplog):
    for _ in range(3):
        desk.strategy.wants = (one for one in ())
        assert desk.tick().mode is Mode.STOP
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_new_settings_take_effect_at_the_next_tick(desk):
    desk.tick()
    desk.role.reload(StrategySettings(base_spread_cents=5))
    assert [quote.price_bp for quote in desk.tick().quotes] == [4500, 5500]
    assert desk.role.stats().reloads == 1


def test_a_reload_that_is_wrong_changes_nothing(desk):
    desk.tick()
    with pytest.raises(ConfigError, match="levls"):
        desk.role.reload(StrategySettings(params='{"levls": 2}'))
    assert desk.tick() is None
    assert desk.role.stats().reloads == 0


def test_a_reload_refuses_what_needs_a_restart(desk):
    with pytest.raises(ConfigError, match=r"strategy.strategy_hz cannot change while the desk runs. Undo that, or restart"):
        desk.role.reload(StrategySettings(strategy_hz=50))


def test_of_two_reloads_before_a_cycle_the_last_one_counts(desk):
    desk.tick()
    for cents in (5, 7):
        desk.role.reload(StrategySettings(base_spread_cents=cents))
    assert [quote.price_bp for quote in desk.tick().quotes] == [4300, 5700]


def test_a_new_phase_of_the_window_runs_when_it_begins_without_a_ring_or_a_tick(make):
    desk = Desk(make, strategy_hz=1, small_size_fraction=0.4001)         # begins 359,640 ms from here, between two ticks
    desk.publish()
    desk.tick(ms=359_600)
    before = desk.strategy.asked
    desk.tick(ms=40)
    assert (desk.strategy.asked - before, desk.role.stats().triggers["close"]) == (1, 1)


def test_rings_for_a_touch_that_stays_change_nothing_and_the_next_move_of_it_still_runs(desk):
    desk.tick()
    for size in (101, 102, 103):
        desk.inputs.books.publish(desk.make.book()._replace(yes=desk.make.top([(4000, 500), (3900, size)], [(6000, size)])))
        assert desk.ring() is None
    asked = desk.strategy.asked
    desk.inputs.books.publish(desk.make.book()._replace(yes=desk.make.top([(3900, 103)], [(6000, 103)])))
    desk.ring(ms=1)
    assert desk.strategy.asked == asked + 1


def test_a_touch_that_turns_out_to_be_our_own_is_looked_at_anew(desk):
    """Same book, other working orders: what others quote has moved."""
    desk.tick()
    desk.ring()
    asked = desk.strategy.asked
    desk.inputs.inventory.publish(desk.make.inventory(working=(desk.make.order(Side.BUY, 4000, 500),)))
    desk.ring(ms=1)
    assert desk.strategy.asked == asked + 1
