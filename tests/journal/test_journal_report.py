"""Fills, orders and P&L as rows: which ones, in which order, and what they come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.journal import report
from trader.journal.report import Wanted, pnl_of, utc_text
from trader.model.event import TradeStatus


@pytest.fixture
def files(keeper, desk):
    """Two windows with a fill each. The first one is resolved: YES."""
    desk.fills(desk.quotes(48, 52)[0], 20, "t1", TradeStatus.MINED).resolves(yes=True)
    desk.boots(2).sees(60, 64)
    desk.fills(desk.quotes(60, 64)[0], 10, "t2", TradeStatus.MINED)
    return keeper.keep(desk)


def test_each_window_is_worth_its_outcome_or_else_its_last_mid(files):
    columns = ("market", "fills", "bought", "yes_left", "marked_at", "pnl")
    assert [tuple(row[name] for name in columns) for row in report.pnl(files, Wanted())] == [
        ("window-1", 1, 9.6, 20, "YES", 10.4), ("window-2", 1, 6.0, 10, 0.62, 0.2)]


def test_fills_say_market_side_and_outcome(files):
    rows = [(row["market"], row["side"], row["outcome"], row["price"], row["size"]) for row in report.fills(files, Wanted())]
    assert rows == [("window-1", "BUY", "YES", 0.48, 20), ("window-2", "BUY", "YES", 0.6, 10)]


@pytest.mark.parametrize("ask", [report.fills, report.pnl])
def test_rows_are_chosen_by_market_number_and_time(files, desk, ask):
    def markets(**wanted):
        return [row["market"] for row in ask(files, Wanted(**wanted))]

    assert markets(market="window-1") == markets(market=f"0x{1:064x}") == ["window-1"]
    assert markets(limit=1) == markets(since_ms=desk.now().ms) == ["window-2"]
    assert markets(market="another") == []


def test_of_many_orders_the_newest_are_shown_oldest_first(keeper, desk):
    for cents in range(40, 46):
        desk.quotes(cents, 99 - cents)
    files = keeper.keep(desk)
    every = report.orders(files, Wanted())
    assert report.orders(files, Wanted(limit=2)) == every[-2:] and every == sorted(every, key=lambda row: row["placed"])


LEG = st.fixed_dictionaries({
    "status": st.sampled_from(["MATCHED", "CONFIRMED", "FAILED"]), "side": st.sampled_from(["BUY", "SELL", None]),
    "token_id": st.sampled_from("yn"), "price_bp": st.integers(0, 10_000), "size_micro": st.integers(0, 10**12),
    "fee_micro": st.integers(0, 10**6)})


@given(st.lists(LEG), st.integers(0, 10_000), st.sampled_from("yn"))
def test_the_result_of_a_window_is_the_sum_of_what_each_leg_came_to(legs, mid_bp, winner):
    """Leg by leg, in floating point, as a person would add it up; within a micro-dollar a leg."""
    window = {"yes_token": "y", "no_token": "n", "mid_bp": mid_bp, "winning_token": winner}
    total = 0.0
    for leg in legs:
        if leg["status"] != "FAILED" and leg["side"] is not None:
            worth = (1 if leg["token_id"] == winner else 0) - leg["price_bp"] / 10_000
            total += leg["size_micro"] * worth * (1 if leg["side"] == "BUY" else -1) - leg["fee_micro"]
    assert abs(pnl_of(window, legs).total_micro - total) <= len(legs) + 1e-3


def test_what_is_left_without_an_outcome_or_a_mid_has_no_known_value():
    window = {"yes_token": "y", "no_token": "n", "mid_bp": None, "winning_token": None}
    leg = {"status": "MINED", "side": "BUY", "token_id": "y", "price_bp": 5000, "size_micro": 10, "fee_micro": 0}
    assert (pnl_of(window, [leg]).value_micro, pnl_of(window, []).value_micro) == (None, 0)


@given(st.integers())
def test_every_number_has_a_text(wall_ms):
    assert utc_text(wall_ms)
