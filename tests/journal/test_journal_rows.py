"""What people read of a run: orders and how they ended, fills, guards, modes, latches, windows."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise

import pytest

from trader.journal.schema import open_to_read
from trader.model.action import CancelOrders, PlaceOrders
from trader.model.cycle import Latch
from trader.model.event import Answer, CancelResult, Command, Control, Fill, Outcome, Timing, TradeStatus
from trader.model.order import Side
from trader.model.units import MICRO


@pytest.fixture
def told(keeper, desk):
    """Keeps the run, then asks its file."""
    def ask(sql):
        db = open_to_read(keeper.keep(desk)[-1])
        rows = [tuple(row) for row in db.execute(sql)]
        db.close()
        return rows
    return ask


def test_an_order_is_there_with_everything_that_was_sent(desk, told):
    desk.quotes(48, 52)
    assert told("SELECT side, price_bp, size_micro, state, condition_id, token_id, run_id FROM orders LIMIT 1") == [
        ("BUY", 4800, 20 * MICRO, "WORKING", desk.market.condition_id, desk.market.yes_token, "run-1")]


def test_an_order_that_was_refused_says_what_the_venue_said(desk, told):
    desk.wants(48, 52).acks(*desk.requests(PlaceOrders), outcome=Outcome.INVALID, detail="tick size")
    assert told("SELECT DISTINCT state, why FROM orders") == [("REJECTED", "place: invalid – tick size")]


def test_a_cancelled_order_says_that_we_cancelled_it_and_leaves_no_specification_behind(desk, told):
    first, _ = desk.quotes(48, 52)
    desk.cycle(Control(Command.CANCEL_ALL, "test"))
    desk.cycle(*(CancelResult(r, tuple(Answer(i, Outcome.OK) for i in r.order_ids), Timing()) for r in desk.requests(CancelOrders)))
    assert told(f"SELECT state, why FROM orders WHERE order_id = '{first}'") == [("CANCELLED", "cancel: ok")]


def test_specifications_are_kept_of_open_orders_only(desk, told):
    first, second = desk.quotes(48, 52)
    desk.fills(first)
    open_ids = told("SELECT order_id FROM open_specs")
    assert (second,) in open_ids and (first,) not in open_ids


def test_a_fill_takes_its_side_from_our_own_order(desk, told):
    desk.fills(desk.quotes(48, 52)[0])
    assert told("SELECT trade_id, side, price_bp, size_micro, status FROM fills") == [("t1", "BUY", 4800, 20 * MICRO, "MATCHED")]


@pytest.mark.parametrize("statuses", [
    (TradeStatus.MATCHED, TradeStatus.MINED, TradeStatus.CONFIRMED), (TradeStatus.CONFIRMED, TradeStatus.MATCHED, TradeStatus.MINED),
    (TradeStatus.MINED, TradeStatus.CONFIRMED, TradeStatus.CONFIRMED),
])
def test_a_trade_is_one_fill_in_its_last_phase_however_its_reports_come(desk, told, statuses):
    desk.fills(desk.quotes(48, 52)[0], 20, "t1", *statuses)
    assert told("SELECT trade_id, status FROM fills") == [("t1", "CONFIRMED")]


def test_a_fill_of_an_order_that_is_not_ours_has_the_side_that_the_venue_named(desk, told):
    desk.cycle(Fill("t9", "foreign", desk.market.condition_id, desk.market.yes_token, Side.SELL, 5000, MICRO, 0, TradeStatus.MINED, 7))
    assert told("SELECT side, traded_ms FROM fills") == [("SELL", 7)]


def test_a_guard_has_its_entry_its_exit_and_its_reason(desk, told):
    desk.cycle(Control(Command.PAUSE, "lunch"), ms=10).proves().cycle(Control(Command.RESUME, ""), ms=1000)
    (name, cap, reason, entered_ms, left_ms), = told("SELECT name, cap, reason, entered_ms, left_ms FROM guards WHERE name = 'paused'")
    assert (name, cap, reason) == ("paused", "STOP", "lunch") and left_ms - entered_ms > 1000


def test_modes_are_written_when_they_change_and_only_then(desk, told):
    desk.quotes(48, 52)
    desk.quotes(47, 53)
    modes = told("SELECT mode, session FROM modes ORDER BY since_ns")
    assert modes[-1] == ("NORMAL", "active") and all(one != other for one, other in pairwise(modes))


def test_a_latch_stays_until_it_is_cleared(desk, told):
    desk.cycles[-2] = desk.cycles[-2]._replace(latches=(Latch("daily_loss", "lost", 5), Latch("other", "", 6)))
    desk.cycles[-1] = desk.cycles[-1]._replace(latches=(Latch("other", "", 6),))
    cleared_ms = desk.cycles[-1].now.ms
    assert told("SELECT name, since_ms, cleared_ms FROM latches ORDER BY name") == [("daily_loss", 5, cleared_ms), ("other", 6, None)]


def test_a_latch_that_the_file_knows_already_is_one_latch(keeper, desk, new_desk):
    for run_id in ("run-1", "run-2"):
        heir = new_desk().boots()
        heir.cycles[-1] = heir.cycles[-1]._replace(latches=(Latch("daily_loss", "lost", 5),))
        file, = keeper.keep(heir, run_id)
    with closing(open_to_read(file)) as db:
        assert [tuple(row) for row in db.execute("SELECT name, run_id, cleared_ms FROM latches")] == [("daily_loss", "run-1", None)]


def test_a_window_has_its_last_mid_and_its_outcome(desk, told):
    desk.sees(40, 44).cycle().resolves(yes=True)
    assert told("SELECT slug, mid_bp, winning_token FROM windows") == [("window-1", 4200, desk.market.yes_token)]


def test_what_a_book_shows_after_trading_there_has_ended_is_no_price(desk, told):
    desk.sees(40, 44).cycle().cycle(Control(Command.STOP, "test"))
    desk.sees(1, 3).cycle()
    assert told("SELECT mid_bp FROM windows") == [(4200,)]


def test_a_book_with_one_side_leaves_the_mid_as_it_was(desk, told):
    desk.sees(40, 44).cycle()
    desk.book = desk.book._replace(yes=desk.book.yes._replace(asks=()))
    desk.cycle()
    assert told("SELECT mid_bp FROM windows") == [(4200,)]


def test_what_sqlite_cannot_hold_is_cut_to_what_it_can_and_the_run_goes_on(desk, told):
    desk.cycle(Fill("t\ud800", "foreign", "c", "t", Side.BUY, 5000, 2**70, -2**70, TradeStatus.MINED, 0))
    assert told("SELECT trade_id, size_micro, fee_micro FROM fills") == [("t?", 2**63 - 1, 1 - 2**63)]
