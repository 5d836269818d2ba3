"""What a desk says of itself before, during and after a run: always an answer, always JSON."""

import json

import pytest

from trader.desk import build
from trader.executor.pnl import Pnl, WindowResult
from trader.executor.role import ExecutorReport
from trader.executor.state import Session
from trader.journal.folder import JournalFolder
from trader.journal.past import Past
from trader.model.action import CancelMarket, PlaceOrders
from trader.model.book import BookTop, Level, MarketBook, ReferencePrice
from trader.model.event import Command, Control
from trader.model.intent import Inventory, Mode, StrategyPulse
from trader.model.market import LiveMarket, Market
from trader.model.order import Kind, OrderState, OwnFill, Side, Slot, WorkingOrder
from trader.model.recall import NOTHING_RECALLED
from trader.model.setting import Secret
from trader.ops.stats import DeskStats
from trader.runtime.supervisor import Supervisor
from trader.settings import Settings
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.account import Account, ApiCredentials

ACCOUNT = Account("0x" + "1" * 40, "0x" + "1" * 40, 0, 137, Secret("0x" + "11" * 32), ApiCredentials("k", Secret("s"), Secret("p"), b"s"))
ORDER = WorkingOrder("0x1", Slot(Side.SELL, 0, Kind.COMPLEMENT_BUY), "2", Side.BUY, 4_900, 25_500_000, OrderState.WORKING)
HELD = Inventory("0xaa", 1_500_000, 0, 2_500_000, 0, 7_000_000, Mode.CAUTION, ("caution",), (ORDER,))
WINDOW = Market("btc", "0xaa", "1", "2", 100, 5_000_000, 0, 3_600_000, "v1", False)
PAST = WindowResult(WINDOW._replace(slug="past"), 5_000_000, 0, 5_100, 10_000, 250_000, True)
NOW = WindowResult(WINDOW, 2_500_000, 0, 5_250, None, -1_000_000, True)
FILL = OwnFill(2, 1_700_000_000_000, Side.SELL, Kind.COMPLEMENT_BUY, 5_150, 2_500_000)
REPORT = ExecutorReport(
    Session.ACTIVE, "btc", 7_000_000, Pnl(250_000, -750_000), -500_000, (PAST, NOW), 1,
    counts={"placed": 5, "acked": 3, "windows": 1, "unknown": 1}, ended={"filled": 1, "cancelled": 2},
    refusals={"would_cross": 1, "shed": 1}, cancel_alls={"boot": 1}, guard_ms={"caution": 120}, guard_since_ns={"caution": 1_000_000_000},
    fills=2, failed_fills=1, volume_micro=3_500_000, fees_micro=0, last_fills=(FILL,), residual_micro=0, flatten=None, flattening=False)


class Desk:
    def __init__(self, folder):
        self.clock = ManualClock(1_000)
        self.stats = DeskStats(self.clock)
        self.desk = build(Settings(), ACCOUNT, Past(JournalFolder(folder), NOTHING_RECALLED), self.clock, strategy=None,
                          on_stopped=lambda: None, on_finished=lambda: None)

    def begin(self):
        self.stats.begin(Settings(), self.desk, Supervisor(self.clock, 5_000, lambda name, error: None))

    def publish(self):
        self.desk.hands.inventory.publish(HELD)
        self.desk.hands.report.publish(REPORT)


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.desk.hands.book_orders.close()
    desk.desk.hands.user_orders.close()


def test_before_the_desk_is_built_there_is_only_the_head(desk):
    desk.clock.advance(ms=1_500)
    assert desk.stats.summary() == {"mode": "", "seconds": 1.5, "exit_reason": "", "fleet": None}
    now = desk.stats.now()
    assert now.pop("process").keys() >= {"switch_interval_us", "gc", "scheduling"}
    assert now == {**desk.stats.summary(), "status_url": None, "quotes": [], "depths": {}, "roles": []}


def test_before_the_executor_reported_there_is_what_the_others_know(desk):
    desk.begin()
    summary = desk.stats.summary()
    assert summary["ticks"] == 0 and summary["open_orders_at_exit"] is None and "orders_placed" not in summary
    assert summary["feeds"].keys() == {"pm-book", "pm-user", "bn-ticker"}


def test_seconds_count_from_the_start_of_the_roles_to_the_end(desk):
    desk.clock.advance(ms=500)
    desk.begin()
    desk.clock.advance(ms=2_000)
    desk.stats.end(verified=True)
    desk.clock.advance(ms=9_000)
    assert desk.stats.summary()["seconds"] == 2.0


def test_money_and_shares_leave_micro_units_behind(desk):
    desk.begin()
    desk.publish()
    summary = desk.stats.summary()
    assert (summary["cash_usd"], summary["volume_usd"], summary["pnl_marked_usd"]) == (7.0, 3.5, -0.75)
    assert summary["inventory"] == {"yes": 2.5, "no": 0.0, "yes_settled": 1.5, "no_settled": 0.0}


def test_orders_are_counted_by_what_became_of_them(desk):
    desk.begin()
    desk.publish()
    summary = desk.stats.summary()
    counted = {name: summary[f"orders_{name}"] for name in ("placed", "acked", "rejected", "unknown", "cancelled", "filled", "foreign")}
    assert counted == {"placed": 5, "acked": 3, "rejected": 2, "unknown": 1, "cancelled": 2, "filled": 1, "foreign": 0}


def test_a_window_with_an_outcome_is_settled_and_one_without_is_marked(desk):
    desk.begin()
    desk.publish()
    summary = desk.stats.summary()
    assert (summary["pnl_settled_usd"], summary["pnl_marked_usd"], summary["pnl_today_usd"]) == (0.25, -0.75, -0.5)
    assert summary["positions"] == [
        {"market": "past", "yes": 5.0, "no": 0.0, "mid": 0.51, "outcome": "YES", "pnl_usd": 0.25},
        {"market": "btc", "yes": 2.5, "no": 0.0, "mid": 0.525, "outcome": None, "pnl_usd": -1.0},
    ]


@pytest.mark.parametrize(("verified", "shown"), [(None, 1), (True, 0), (False, None)])
def test_open_orders_are_the_executors_until_the_end_and_then_0_or_unknown(desk, verified, shown):
    desk.begin()
    desk.publish()
    if verified is not None:
        desk.stats.end(verified=verified)
    assert desk.stats.summary()["open_orders_at_exit"] == shown


def test_quotes_show_the_side_of_the_quote_and_of_the_token(desk):
    desk.begin()
    desk.publish()
    assert desk.stats.now()["quotes"] == [{"order_id": "0x1", "side": "SELL", "kind": "COMPLEMENT_BUY", "token_side": "BUY",
                                           "price": 0.49, "remaining": 25.5, "state": "WORKING"}]


def test_a_fill_shows_the_side_and_price_of_the_quote_that_was_filled(desk):
    desk.begin()
    desk.publish()
    assert desk.stats.now()["last_fills"] == [{"number": 2, "at_ms": 1_700_000_000_000, "side": "SELL", "kind": "COMPLEMENT_BUY",
                                               "price": 0.515, "size": 2.5}]


def test_depths_show_what_waits_in_each_hand_off(desk):
    desk.begin()
    desk.desk.hands.inbox.put(Control(Command.RESUME, "test"))
    desk.desk.hands.outbox.put(CancelMarket(1, "0xaa"))
    desk.desk.hands.outbox.put(PlaceOrders(2, 0, ()))
    assert desk.stats.depths() == {"inbox": 1, "outbox.cancel_all": 1, "outbox.cancel": 0, "outbox.place": 1, "outbox.read": 0}


# --- the market, in stats only ------------------------------------------------------------------------------------------

NOBODY_BIDS = {"bid": None, "bid_size": None, "ask": None, "ask_size": None}
YES = BookTop("1", (Level(4_900, 20_000_000),), (Level(5_100, 1_500_000), Level(5_200, 1)), 100)
BOOK = MarketBook("0xaa", YES, BookTop("2", (), (), 100), 1, 1, 0, 0)
REFERENCE = ReferencePrice("BTCUSDT", 99_000_000, 101_000_000, None, 98_000_000, 0, 0)


def test_before_anything_is_known_of_the_market_every_key_is_there(desk):
    desk.begin()
    now = desk.stats.now()
    assert now["window"] == {"slug": None, "time_left_s": None, "next": None} and now["fair"] is None
    assert now["reference"] == {"symbol": None, "price": None, "strike": None}
    assert now["books"] == {"yes": NOBODY_BIDS, "no": NOBODY_BIDS} and now["guards_for_ms"] == {}


def test_the_window_is_shown_with_its_time_left_and_the_next_one(desk):
    desk.begin()
    desk.desk.hands.live.publish(LiveMarket(WINDOW._replace(close_ms=desk.clock.wall_ms() + 90_500), WINDOW._replace(slug="later")))
    assert desk.stats.now()["window"] == {"slug": "btc", "time_left_s": 90.5, "next": "later"}


def test_the_best_prices_of_both_books_are_shown_with_their_sizes(desk):
    desk.begin()
    desk.desk.hands.live.publish(LiveMarket(WINDOW, None))
    desk.desk.hands.book.publish(BOOK)
    assert desk.stats.now()["books"] == {"yes": {"bid": 0.49, "bid_size": 20.0, "ask": 0.51, "ask_size": 1.5}, "no": NOBODY_BIDS}


@pytest.mark.parametrize("live", [None, WINDOW._replace(condition_id="0xbb")])
def test_a_book_of_another_window_is_not_shown(desk, live):
    desk.begin()
    desk.desk.hands.live.publish(LiveMarket(live, WINDOW))
    desk.desk.hands.book.publish(BOOK)
    assert desk.stats.now()["books"]["yes"] == NOBODY_BIDS


@pytest.mark.parametrize(("open_ms", "strike"), [(0, 98.0), (1, None), (None, None)])
def test_the_strike_is_shown_only_when_it_is_that_of_the_live_window(desk, open_ms, strike):
    desk.begin()
    desk.desk.hands.live.publish(LiveMarket(WINDOW, None))
    desk.desk.hands.reference.publish(REFERENCE._replace(open_ms=open_ms))
    assert desk.stats.now()["reference"] == {"symbol": "BTCUSDT", "price": 100.0, "strike": strike}


def test_the_fair_price_is_that_of_the_strategys_last_run(desk):
    desk.begin()
    desk.desk.hands.pulse.publish(StrategyPulse(0, 1, 0, 5_230))
    assert desk.stats.now()["fair"] == 0.523


def test_a_guard_shows_how_long_it_has_been_in_force(desk):
    desk.begin()
    desk.desk.hands.report.publish(REPORT._replace(guard_since_ns={"paused": desk.clock.monotonic_ns()}))
    desk.clock.advance(ms=750)
    assert desk.stats.now()["guards_for_ms"] == {"paused": 750}


@pytest.mark.parametrize("moment", ["before", "running", "reported", "ended"])
def test_everything_is_json_at_every_moment_with_no_infinity_in_it(desk, moment):
    if moment != "before":
        desk.begin()
    if moment in ("reported", "ended"):
        desk.publish()
    if moment == "ended":
        desk.stats.end(verified=False)
    for said in (desk.stats.now(), desk.stats.summary()):
        assert json.loads(json.dumps(said, allow_nan=False)) == said


def test_a_second_run_of_the_same_keys_after_the_end_says_the_same(desk):
    desk.begin()
    desk.publish()
    desk.stats.end(verified=True)
    assert desk.stats.summary() == desk.stats.summary()
