"""When the venue's balances replace our books, and how a difference between its list of orders and ours is found."""

import pytest

from trader.executor.state import Chore, Session
from trader.model.action import CancelMarket, ReadBalances, ReadOpenOrders, ReadOrder
from trader.model.event import MarketChange, OpenOrdersRead, OrderRead, Outcome, Timing, TradeStatus, VenueStatus
from trader.model.order import OrderState, Side
from trader.model.units import MICRO

BID = (Side.BUY, 40, 100)


def test_a_read_of_balances_that_fails_is_repeated_and_quoting_begins_when_it_works(new_desk):
    desk = new_desk().boots(outcome=Outcome.UNKNOWN)
    assert desk.state.session is Session.ADOPT
    assert desk.wait(250).balances().state.session is Session.ACTIVE


def test_an_empty_answer_of_a_failed_read_is_not_believed(new_desk):
    desk = new_desk().boots(cash=1000, yes=50)
    desk.wants(BID).acked(Outcome.INSUFFICIENT_BALANCE).settle().balances(cash=0, outcome=Outcome.UNKNOWN)
    assert desk.state.ledger.settled("1") == 50 * MICRO and desk.state.ledger.cash_micro == 1000 * MICRO


def test_balances_are_not_believed_while_an_order_may_have_traded_unseen(desk):
    desk.wants(BID, (Side.BUY, 39, 10)).tell(desk.update("o2")).acked(Outcome.INSUFFICIENT_BALANCE)
    assert desk.settle().balances(cash=5).state.ledger.cash_micro == 1000 * MICRO


def test_balances_that_were_read_while_a_trade_settled_are_not_believed(desk):
    desk.wants(BID).acked().filled("o1", 100)
    desk.wants((Side.BUY, 39, 100)).acked(Outcome.INSUFFICIENT_BALANCE).settle()
    desk.wants().filled("o1", 100, status=TradeStatus.MINED).balances(cash=960, yes=0)
    assert desk.state.ledger.settled("1") == 100 * MICRO
    assert desk.wait(1000).balances(cash=960, yes=100).state.ledger.settled("1") == 100 * MICRO


def test_balances_are_not_believed_while_a_trade_is_unsettled(desk):
    desk.wants(BID).acked().wants().filled("o1", 100)
    desk.state.later(Chore.BALANCES, "", 0)
    assert desk.settle().balances(cash=960, yes=0).state.ledger.effective("1") == 100 * MICRO


def test_a_correction_is_said_and_counted(desk):
    desk.wants(BID).acked(Outcome.INSUFFICIENT_BALANCE).wants().balances(cash=30)
    assert desk.state.ledger.cash_micro == 30 * MICRO and desk.state.counts["corrections"] == 1


def test_three_refusals_for_lack_of_balance_in_a_row_clear_the_book_to_read_it(desk):
    for _ in range(3):
        desk.wants(BID).acked(Outcome.INSUFFICIENT_BALANCE).wait(1000)
    assert desk.state.cancel_alls["insufficient_balance"] == 1 and desk.asked(CancelMarket) != []


def test_many_refusals_ask_for_one_read_at_a_time(desk):
    desk.wants(BID, (Side.BUY, 39, 10), (Side.BUY, 38, 10)).acked(Outcome.INSUFFICIENT_BALANCE).wait(1)
    assert len(desk.asked(ReadBalances)) == 1


def test_unsettled_trades_of_the_old_market_do_not_hold_the_new_one_up(desk):
    desk.wants(BID).acked().filled("o1", 100).acked().tell(MarketChange(desk.next_market)).proved().balances(cash=1)
    assert desk.state.session is Session.ACTIVE and desk.state.ledger.cash_micro == 960 * MICRO
    desk.filled("o1", 100, status=TradeStatus.MINED).tell(desk.update("o2", VenueStatus.CANCELLED)).wait(1000).balances(cash=970)
    assert desk.state.ledger.cash_micro == 970 * MICRO


def test_every_five_seconds_the_open_orders_are_listed(desk):
    desk.wants(BID).acked().wait(5000)
    assert len(desk.asked(ReadOpenOrders)) == 1
    assert desk.wait(4000).asked(ReadOpenOrders) == [] and len(desk.wait(1000).asked(ReadOpenOrders)) == 1


def test_a_working_order_that_is_not_listed_is_asked_by_id_and_only_that_answer_counts(desk):
    desk.wants(BID).acked().wait(5000).listed()
    assert desk.order().state is OrderState.WORKING
    read = desk.asked(ReadOrder)[0]
    desk.tell(OrderRead(read, Outcome.OK, desk.update("o1", VenueStatus.CANCELLED), Timing()))
    assert desk.order().state is OrderState.CANCELLED


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.RATE_LIMITED])
def test_a_listing_that_failed_says_nothing(desk, outcome):
    desk.wants(BID).acked().wait(5000).listed(outcome=outcome)
    assert desk.asked(ReadOrder) == []


def test_an_order_that_changed_after_the_listing_was_asked_for_is_not_judged_by_it(desk):
    listing = desk.wait(5000).asked(ReadOpenOrders)[0]
    desk.wants(BID).acked().tell(OpenOrdersRead(listing, Outcome.OK, (), Timing()))
    assert desk.asked(ReadOrder) == []
