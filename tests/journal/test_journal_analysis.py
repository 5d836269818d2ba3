"""What a window's profit is made of: by definition, by example, and adding up exactly for whatever was traded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.journal.analysis import HORIZONS_S, analysed, fill_parts, parts_of
from trader.journal.analysis_mids import Mids
from trader.journal.report import Wanted, pnl_of

CLOSE_MS = 60_000
OPEN = {"yes_token": "y", "no_token": "n", "mid_bp": 5000, "winning_token": None, "close_ms": CLOSE_MS}
YES_WON = OPEN | {"winning_token": "y"}


def leg(side, token, price_bp, size_micro=1_000_000, at_ms=10_000, fee_micro=0, status="CONFIRMED"):
    return {"side": side, "token_id": token, "price_bp": price_bp, "size_micro": size_micro, "traded_ms": at_ms, "fee_micro": fee_micro,
            "status": status}


def mids(*seen):
    """(ms, mid in bp) each."""
    found = Mids()
    for at_ms, mid_bp in seen:
        found.see(at_ms, at_ms, mid_bp)
    return found


WALK = mids((9_000, 5000), (10_500, 4900), (14_000, 4700), (39_000, 5600))


@pytest.mark.parametrize(("side", "token", "price_bp", "sign"), [
    ("BUY", "y", 4800, 1), ("SELL", "n", 5200, 1), ("SELL", "y", 5200, -1), ("BUY", "n", 4800, -1),
])
def test_a_fill_is_measured_in_yes_terms_whatever_token_it_was_of(side, token, price_bp, sign):
    parts = parts_of(YES_WON, [leg(side, token, price_bp)], WALK, 1)
    assert parts.spread_micro == 20_000                              # 2 ¢ better than the mid of 50 ¢
    assert parts.markouts_micro == (-10_000 * sign, -30_000 * sign, 60_000 * sign)
    assert parts.inventory_micro == 510_000 * sign                   # from 49 ¢, a second after the fill, to a dollar


@pytest.mark.parametrize(("horizon_s", "adverse", "inventory"), [(1, -10_000, 510_000), (5, -30_000, 530_000), (30, 60_000, 440_000)])
def test_the_horizon_says_which_move_is_adverse_selection_and_the_rest_is_inventory(horizon_s, adverse, inventory):
    parts = parts_of(YES_WON, [leg("BUY", "y", 4800)], WALK, horizon_s)
    assert (parts.adverse_micro, parts.inventory_micro) == (adverse, inventory)


def test_the_mid_that_the_trade_itself_made_is_not_its_mid():
    assert parts_of(OPEN, [leg("BUY", "y", 4800)], mids((9_000, 5000), (10_000, 4000)), 1).spread_micro == 20_000


def test_after_the_close_the_outcome_is_the_price():
    late = leg("BUY", "y", 4800, at_ms=CLOSE_MS - 2_000)
    parts = parts_of(YES_WON, [late], mids((CLOSE_MS - 3_000, 5000)), 5)
    assert (parts.adverse_micro, parts.inventory_micro) == (500_000, 0)


def test_a_fill_of_a_time_that_nobody_recorded_is_inventory_and_is_counted():
    parts = parts_of(YES_WON, [leg("BUY", "y", 4800, at_ms=15_000)], mids((9_999, 5000)), 1)
    assert parts[:3] == (0, 0, 520_000) and parts.unmarked == 1


def test_without_a_value_of_what_is_left_there_are_no_parts():
    assert parts_of(OPEN | {"mid_bp": None}, [leg("BUY", "y", 4800)], WALK, 1) is None


LEGS = st.lists(st.builds(leg, st.sampled_from(["BUY", "SELL", None]), st.sampled_from("ynx"), st.integers(0, 10_000),
                          st.integers(0, 10**12), st.integers(0, CLOSE_MS), st.integers(0, 10**6),
                          st.sampled_from(["MATCHED", "CONFIRMED", "FAILED"])))
SEEN = st.lists(st.tuples(st.integers(0, CLOSE_MS), st.integers(1, 9_999))).map(sorted)


@given(LEGS, SEEN, st.sampled_from([None, "y", "n"]), st.sampled_from([None, 3_333]), st.sampled_from(HORIZONS_S))
def test_the_parts_less_fees_are_the_profit_to_the_micro_dollar(legs, seen, winner, mid_bp, horizon_s):
    window = OPEN | {"winning_token": winner, "mid_bp": mid_bp}
    result, parts = pnl_of(window, legs), parts_of(window, legs, mids(*seen), horizon_s)
    if result.value_micro is None:
        assert parts is None
    else:
        assert sum(parts[:3]) - result.fees_micro == result.total_micro


@given(st.lists(st.builds(leg, st.sampled_from(["BUY", "SELL"]), st.sampled_from("yn"), st.integers(0, 10_000), st.integers(0, 10**12),
                          st.integers(1_001, CLOSE_MS))), SEEN, st.sampled_from("yn"))
def test_the_rest_is_what_holding_from_the_horizon_to_the_outcome_brought(legs, seen, winner):
    """Computed again from the definition, fill by fill in floating point; within a micro-dollar a fill and one a part."""
    every, window, expected = mids((0, 5000), *seen), OPEN | {"winning_token": winner}, 0.0
    for one in legs:
        is_yes, at_ms = one["token_id"] == "y", one["traded_ms"]
        signed = one["size_micro"] * (1 if is_yes == (one["side"] == "BUY") else -1)
        end, price = 10_000 if winner == "y" else 0, one["price_bp"] if is_yes else 10_000 - one["price_bp"]
        mid_bp = every.before(at_ms)
        later = end if at_ms + 1000 >= CLOSE_MS else every.at(at_ms + 1000)
        expected += signed * (end - (price if mid_bp is None else later)) / 10_000
    assert abs(parts_of(window, legs, every, 1).inventory_micro - expected) <= len(legs) + 3


@given(*[st.integers(-10**12, 10**12)] * 5)
def test_the_three_parts_of_a_fill_are_what_it_came_to(signed, price, at_fill, later, end):
    assert sum(fill_parts(signed, price, at_fill, later, end)) == signed * (end - price)


def test_a_journal_is_split_window_by_window_out_of_its_own_cycles(keeper, desk):
    desk.fills(desk.quotes(48, 52)[0], 20, "t1").sees(50, 54)
    desk.book = desk.book._replace(venue_ms=desk.now().ms + 500)
    desk.wants(49, 55).resolves(yes=True)
    row, = analysed(keeper.keep(desk), Wanted(), 1)
    assert (row["fills"], row["spread"], row["adverse"], row["inventory"], row["pnl"], row["unmarked"]) == (1, 0.4, 0.4, 9.6, 10.4, 0)
