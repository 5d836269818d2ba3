"""Profit and loss by window: what our trades cost and brought, and what their tokens are worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.executor.ledger import Ledger
from trader.executor.pnl import KEPT, Pnl, Windows
from trader.model.event import Fill, TradeStatus
from trader.model.market import Market
from trader.model.order import Side
from trader.model.units import MICRO

MARKET = Market("window", "c", "1", "2", 100, 5 * MICRO, 0, 3_600_000, "v1", False)


class Desk:
    def __init__(self):
        self.ledger = Ledger()
        self.windows = Windows(self.ledger)
        self.windows.open(MARKET)
        self.trades = 0

    def trade(self, side, cents, shares, token="1", status=TradeStatus.MATCHED, fee=0):
        self.trades += 1
        fill = Fill(f"t{self.trades}", "o", "c", token, None, cents * 100, shares * MICRO, fee, status, 0)
        self.ledger.apply(fill, side)
        return self

    def marked(self, cents):
        self.windows.mark("c", cents * 100)
        return self.windows.pnl()


@pytest.fixture
def desk():
    return Desk()


def test_a_bought_token_gains_what_the_mid_gains(desk):
    assert desk.trade(Side.BUY, 40, 100).marked(45) == Pnl(0, 5 * MICRO)


def test_a_bought_complement_gains_what_the_mid_loses(desk):
    assert desk.trade(Side.BUY, 40, 100, token="2").marked(65) == Pnl(0, -5 * MICRO)


def test_fees_are_a_loss_at_once(desk):
    assert desk.trade(Side.BUY, 40, 100, fee=MICRO).marked(40) == Pnl(0, -MICRO)


def test_a_trade_that_fails_is_neither_gain_nor_loss(desk):
    desk.trade(Side.BUY, 40, 100)
    desk.trades -= 1
    assert desk.trade(Side.BUY, 40, 100, status=TradeStatus.FAILED).marked(90) == Pnl(0, 0)


def test_tokens_that_were_there_before_us_are_neither_gain_nor_loss(desk):
    desk.ledger.correct(0, (("1", 500 * MICRO), ("2", 0)))
    assert desk.marked(90) == Pnl(0, 0)
    assert desk.trade(Side.SELL, 90, 100).marked(80) == Pnl(0, 10 * MICRO)      # sold above today's mid


@pytest.mark.parametrize(("winner", "pnl"), [("1", 60), ("2", -40)])
def test_the_winning_token_pays_a_dollar_and_the_other_nothing(desk, winner, pnl):
    desk.trade(Side.BUY, 40, 100).marked(50)
    assert desk.windows.resolve("c", winner).pnl_micro == pnl * MICRO
    assert desk.windows.pnl() == Pnl(pnl * MICRO, pnl * MICRO)


def test_an_outcome_is_told_once_and_only_of_windows_and_tokens_that_are_ours(desk):
    assert desk.windows.resolve("other", "1") is None and desk.windows.resolve("c", "9") is None
    assert desk.windows.resolve("c", "1") is not None and desk.windows.resolve("c", "2") is None


def test_a_failure_that_is_heard_of_after_the_outcome_still_counts(desk):
    desk.trade(Side.BUY, 40, 100).windows.resolve("c", "1")
    desk.trades -= 1
    desk.trade(Side.BUY, 40, 100, status=TradeStatus.FAILED)
    assert desk.windows.pnl() == Pnl(0, 0)


def test_old_outcomes_stay_in_the_sum_and_leave_the_list(desk):
    for number in range(KEPT + 5):
        market = MARKET._replace(condition_id=f"c{number}", yes_token=f"y{number}", no_token=f"n{number}")
        desk.windows.open(market)
        desk.trade(Side.BUY, 40, 1, token=market.yes_token).windows.resolve(market.condition_id, market.yes_token)
    assert len(desk.windows.results()) == KEPT + 1                              # and the one that is open
    assert desk.windows.pnl().settled_micro == (KEPT + 5) * 600_000


def test_of_a_window_that_left_the_list_the_ledger_holds_nothing_any_more(desk):
    markets = [MARKET._replace(condition_id=f"c{number}", yes_token=f"y{number}", no_token=f"n{number}") for number in range(KEPT + 1)]
    for market in markets:
        desk.windows.open(market)
        desk.trade(Side.BUY, 40, 1, token=market.yes_token).windows.resolve(market.condition_id, market.no_token)
    held = [desk.ledger.effective(market.yes_token) for market in markets]
    assert held == [0, *[MICRO] * KEPT] and desk.windows.pnl().settled_micro == -(KEPT + 1) * 400_000


def test_a_failure_in_a_window_that_left_the_list_gives_its_cash_back_and_changes_no_result(desk):
    markets = [MARKET._replace(condition_id=f"c{number}", yes_token=f"y{number}", no_token=f"n{number}") for number in range(KEPT + 1)]
    for market in markets:
        desk.windows.open(market)
        desk.trade(Side.BUY, 40, 1, token=market.yes_token).windows.resolve(market.condition_id, market.no_token)
    before, cash_micro = desk.windows.pnl(), desk.ledger.cash_micro
    desk.trades = 0
    desk.trade(Side.BUY, 40, 1, token="y0", status=TradeStatus.FAILED)
    assert desk.windows.pnl() == before and desk.ledger.cash_micro == cash_micro + 400_000


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 99), st.integers(1, 50), st.sampled_from(["1", "2"])), max_size=8),
       st.integers(0, 100))
def test_the_result_is_the_change_of_cash_and_tokens_at_the_mid(trades, cents):
    desk = Desk()
    desk.ledger.correct(1000 * MICRO, (("1", 500 * MICRO), ("2", 500 * MICRO)))
    for side, price, shares, token in trades:
        desk.trade(side, price, shares, token, TradeStatus.MINED)
    worth = desk.ledger.cash_micro + (desk.ledger.effective("1") * cents + desk.ledger.effective("2") * (100 - cents)) // 100
    assert desk.marked(cents).marked_micro == worth - 1500 * MICRO
