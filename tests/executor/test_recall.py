"""What an earlier run left behind: taken over, asked about, and read again."""

import pytest

from trader.executor.recall import take_over
from trader.model.action import CancelMarket, CancelOrders, ReadFills, ReadOrder
from trader.model.cycle import Latch
from trader.model.event import (
    Command,
    Control,
    Fill,
    MarketChange,
    OrderRead,
    Outcome,
    Timing,
    TradeStatus,
    UserFeedUp,
    VenueStatus,
)
from trader.model.order import OrderSpec, OrderState, Side
from trader.model.recall import Recalled, RecalledOrder, RecalledWindow
from trader.model.units import MICRO

BID = (Side.BUY, 40, 100)


def leg(market, shares=100, status=TradeStatus.MINED):
    return Fill("t1", "old", market.condition_id, market.yes_token, Side.BUY, 4000, shares * MICRO, 0, status, 0)


def recalled(market, *, legs=(), orders=(), winner=None, latches=(), day_pnl_micro=0):
    return Recalled(tuple(legs), tuple(orders), (RecalledWindow(market, 1_000, 4500, winner),), tuple(latches), day_pnl_micro, 1_000)


def left_open(market, side=Side.BUY):
    spec = OrderSpec(market.condition_id, market.yes_token, side, 4000, 100 * MICRO, 1, 0, "v1", False)
    return RecalledOrder("old", spec, OrderState.WORKING, 0, 900)


@pytest.fixture
def restart(new_desk):
    def begin(**what):
        desk = new_desk()
        take_over(desk.state, recalled(desk.market, **what), desk.now())
        return desk.settle()
    return begin


def test_what_was_traded_goes_on_counting(restart, new_desk):
    desk = restart(legs=[leg(new_desk.market)])
    assert desk.state.windows.pnl().marked_micro == 5 * MICRO
    desk.boots(yes=100)
    assert desk.state.windows.pnl().marked_micro == 5 * MICRO and desk.state.counts["corrections"] == 0


def test_a_window_that_ended_before_is_settled(restart, new_desk):
    desk = restart(legs=[leg(new_desk.market)], winner=new_desk.market.yes_token)
    assert desk.state.windows.pnl().settled_micro == 60 * MICRO


def test_trades_since_the_last_word_of_the_journal_are_read(restart, new_desk):
    request, = restart().wait(1000).asked(ReadFills)
    assert request.condition_id == new_desk.market.condition_id and request.after_s < 1


def test_an_order_that_may_be_open_is_asked_by_id_and_its_fills_are_ours(restart, new_desk):
    desk = restart(orders=[left_open(new_desk.market)])
    assert [r.order_id for r in desk.wait(250).asked(ReadOrder)] == ["old"]
    desk.tell(leg(new_desk.market))
    assert desk.state.ledger.effective(new_desk.market.yes_token) == 100 * MICRO and desk.state.counts["foreign_fills"] == 0


def test_what_a_killed_run_left_open_is_cancelled_at_once_and_waits_for_no_window(restart, new_desk):
    desk = restart(orders=[left_open(new_desk.market)])
    assert [r.condition_id for r in desk.asked(CancelMarket)] == [new_desk.market.condition_id]
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("old",)]


def test_a_window_that_was_followed_and_is_open_is_cancelled_too_because_the_journal_may_not_know_everything(restart, new_desk):
    assert [r.condition_id for r in restart().asked(CancelMarket)] == [new_desk.market.condition_id]


def test_a_window_that_has_closed_with_nothing_open_is_left_alone(restart, new_desk):
    closed = new_desk.market._replace(close_ms=10)
    desk = new_desk()
    take_over(desk.state, Recalled((), (), (RecalledWindow(closed, 1, 4500, None),), (), 0, 1), desk.now())
    assert desk.settle().asked(CancelMarket) == [] and desk.state.sweep is None


def test_an_order_that_lives_is_cancelled(restart, new_desk):
    desk = restart(orders=[left_open(new_desk.market)]).boots()
    assert ("old",) in [r.order_ids for r in desk.asked(CancelOrders)] or desk.order("old").state is OrderState.CANCELLED


def test_an_order_that_never_arrived_does_not_hold_the_start_up(restart, new_desk):
    desk = restart(orders=[left_open(new_desk.market)]).tell(UserFeedUp(1), MarketChange(new_desk.market))
    desk.market_cancelled().cancels_answered(Outcome.NOT_FOUND).denied().listed().listed().balances()
    assert desk.order("old").quarantined and len(desk.wants(BID).orders()) == 1


def test_the_slot_of_an_old_order_is_its_side_in_yes_terms(restart, new_desk):
    assert restart(orders=[left_open(new_desk.market)]).order("old").is_bid
    assert not restart(orders=[left_open(new_desk.market, Side.SELL)]).order("old").is_bid


def test_a_trade_that_is_reported_again_is_not_booked_again(restart, new_desk):
    desk = restart(legs=[leg(new_desk.market)], orders=[left_open(new_desk.market)])
    desk.tell(leg(new_desk.market), desk.update("old", VenueStatus.FILLED, matched=100))
    assert desk.state.ledger.effective(new_desk.market.yes_token) == 100 * MICRO and desk.state.ledger.fills == 0
    assert desk.order("old").exposure_micro == 0


def test_a_latch_outlives_the_restart(restart):
    desk = restart(latches=[Latch("daily_loss", "lost $300 today", 0)]).boots()
    assert desk.wants(BID).orders() == [] and "daily_loss" in desk.state.guards
    assert len(desk.tell(Control(Command.FORCE_RESUME, "")).wait(20_000).orders()) == 1


def ended(market, state, matched=0):
    return left_open(market)._replace(state=state, matched_micro=matched * MICRO)


def test_a_trade_that_comes_after_the_end_of_its_order_and_a_restart_is_ours(restart, new_desk):
    desk = restart(orders=[ended(new_desk.market, OrderState.FILLED, 100)]).tell(UserFeedUp(1), MarketChange(new_desk.market))
    desk.proved().balances(yes=100)
    assert desk.state.session == "adopt"                 # what we hold may or may not have that trade in it already
    desk.tell(leg(new_desk.market)).wait(250).balances(yes=100)
    assert (desk.state.session, desk.state.counts["foreign_fills"]) == ("active", 0)
    assert desk.state.ledger.traded(new_desk.market.yes_token) == 100 * MICRO == desk.state.ledger.effective(new_desk.market.yes_token)


def test_an_order_whose_cancel_was_only_answered_is_asked_by_id(restart, new_desk):
    desk = restart(orders=[ended(new_desk.market, OrderState.CANCELLED)])
    request, = desk.wait(250).asked(ReadOrder)
    desk.tell(OrderRead(request, Outcome.OK, desk.update("old", VenueStatus.CANCELLED), Timing()))
    assert desk.order("old").exposure_micro == 0 and desk.wants(BID).orders() == []


def test_an_order_of_which_everything_was_heard_is_not_asked_about(restart, new_desk):
    desk = restart(legs=[leg(new_desk.market)], orders=[ended(new_desk.market, OrderState.FILLED, 100)])
    assert desk.wait(5_000).asked(ReadOrder) == [] and desk.state.orders.take_closed() == ["old"]


def test_trades_are_read_from_before_the_oldest_that_had_not_settled(restart, new_desk):
    old = leg(new_desk.market, status=TradeStatus.MATCHED)._replace(venue_ms=400_000)
    heard = RecalledWindow(new_desk.market, 9_000_000, 4500, None)
    desk = new_desk()
    take_over(desk.state, Recalled((old,), (), (heard,), (), 0, 9_000_000), desk.now())
    request, = desk.settle().wait(1000).asked(ReadFills)
    assert request.after_s == 340


def test_a_day_whose_loss_was_forgiven_is_not_latched_again_by_a_restart(new_desk):
    desk = new_desk(daily_loss_usd=100)
    window = RecalledWindow(new_desk.market, 1_000, 4500, None)
    take_over(desk.state, Recalled((leg(new_desk.market),), (), (window,), (), -200 * MICRO, 1_000, 150 * MICRO), desk.now())
    assert desk.boots(yes=100).state.latched == {}
    desk.tell(Control(Command.FORCE_RESUME, ""))
    assert desk.state.forgiven_micro == 200 * MICRO


def test_the_day_goes_on_where_it_was(restart, new_desk):
    desk = restart(legs=[leg(new_desk.market)], day_pnl_micro=-200 * MICRO)
    assert desk.state.windows.pnl().marked_micro - desk.state.day_start_micro == -200 * MICRO
