"""What the venue says about orders and trades, in any order and more than once."""

import pytest

from trader.executor.state import Session
from trader.model.action import CancelOrders, PlaceOrders, ReadBalances, ReadFills, ReadOrder
from trader.model.event import (
    Answer,
    CancelResult,
    Fill,
    FillsRead,
    MarketChange,
    OrderRead,
    Outcome,
    PlaceResult,
    Timing,
    TradeStatus,
    UserFeedDown,
    UserFeedUp,
    VenueStatus,
)
from trader.model.order import OrderState, Side
from trader.model.units import MICRO

BID, ASK = (Side.BUY, 40, 100), (Side.SELL, 60, 100)


def trades(desk, *fills, outcome=Outcome.OK):
    return desk.tell(*(FillsRead(r, outcome, fills, Timing()) for r in desk.asked(ReadFills)))


def foreign(desk, status, trade="t9"):
    return Fill(trade, "earlier", desk.market.condition_id, desk.market.yes_token, Side.BUY, 4000, 10 * MICRO, 0, status, 0)


def test_acks_belong_to_the_order_that_they_name_not_to_the_first_pending_one(desk):
    request = desk.wants(BID, ASK).asked(PlaceOrders)[0]
    desk.tell(PlaceResult(request, (Answer("o2", Outcome.OK), Answer("o1", Outcome.INVALID)), Timing()))
    assert (desk.order("o1").state, desk.order("o2").state) == (OrderState.REJECTED, OrderState.WORKING)


def test_a_fill_may_outrun_the_ack_of_its_order(desk):
    desk.wants(BID).filled("o1", 100).acked()
    assert desk.order().state is OrderState.FILLED and desk.state.ledger.effective("1") == 100 * MICRO


def test_the_side_of_a_fill_is_that_of_our_own_order(desk):
    desk.wants(ASK).acked().filled("o1", 100)
    assert desk.state.ledger.effective("2") == 100 * MICRO and desk.state.ledger.effective("1") == 0


def test_the_same_fill_twice_counts_once(desk):
    desk.wants(BID).acked().filled("o1", 30).filled("o1", 30).filled("o1", 30, status=TradeStatus.MINED)
    assert desk.state.ledger.settled("1") == 30 * MICRO and desk.order().traded_micro == 30 * MICRO


def test_a_fill_is_shown_once_with_the_side_and_price_of_the_quote_that_was_filled(desk):
    desk.wants(BID, ASK).acked().filled("o1", 30).filled("o2", 20, "t2").filled("o1", 30, status=TradeStatus.MINED)
    shown = [(fill.number, fill.side, fill.price_bp, fill.size_micro) for fill in desk.state.last_fills]
    assert shown == [(1, Side.BUY, 4_000, 30 * MICRO), (2, Side.SELL, 6_000, 20 * MICRO)]


def test_a_trade_that_is_first_heard_of_when_it_has_failed_ends_the_exposure_of_its_order(desk):
    desk.wants(BID).acked().tell(desk.update("o1", VenueStatus.FILLED, 100)).filled("o1", 100, status=TradeStatus.FAILED)
    assert desk.order().exposure_micro == 0 and desk.state.ledger.effective("1") == 0


def test_a_cancel_that_succeeds_is_asked_about_unless_the_stream_says_what_was_filled(desk):
    desk.wants(BID).acked().wants().cancels_answered()
    assert len(desk.wait(250).asked(ReadOrder)) == 1
    desk.tell(desk.update("o1", VenueStatus.CANCELLED))
    assert desk.order().exposure_micro == 0


def test_a_cancel_answered_not_found_is_asked_about_at_once(desk):
    desk.wants(BID).acked().wants().cancels_answered(Outcome.NOT_FOUND)
    assert [r.order_id for r in desk.asked(ReadOrder)] == ["o1"]


def test_an_order_works_again_when_its_cancel_was_refused_and_its_next_cancel_has_an_age_of_its_own(desk):
    desk.wants(BID).acked().wants().cancels_answered(Outcome.NOT_FOUND)
    read = desk.asked(ReadOrder)[0]
    desk.wants(BID).tell(OrderRead(read, Outcome.OK, desk.update("o1"), Timing()))
    desk.wait(4000).wants()
    assert desk.order().state is OrderState.PENDING_CANCEL and desk.order().cancel_asked_ns == desk.ns


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.RATE_LIMITED, Outcome.VENUE_MODE])
def test_a_cancel_that_did_not_work_is_repeated(desk, outcome):
    desk.wants(BID).acked().wants().cancels_answered(outcome)
    assert desk.wait(249).asked(CancelOrders) == []
    assert [r.order_ids for r in desk.wait(1).asked(CancelOrders)] == [("o1",)]


def test_a_place_without_an_answer_is_unknown_cancelled_and_asked_about(desk):
    desk.wants(BID).acked(Outcome.UNKNOWN)
    assert desk.order().state is OrderState.UNKNOWN
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]
    assert [r.order_id for r in desk.wait(250).asked(ReadOrder)] == ["o1"]


def test_an_order_that_the_stream_has_shown_stays_working_when_its_answer_is_lost(desk):
    desk.wants(BID).tell(desk.update("o1")).acked(Outcome.UNKNOWN)
    assert desk.order().state is OrderState.WORKING and desk.asked(CancelOrders) == []


def test_a_refusal_of_an_order_that_the_stream_has_shown_is_not_believed(desk):
    desk.wants(BID).tell(desk.update("o1")).acked(Outcome.INVALID)
    assert desk.order().state is OrderState.WORKING and [r.order_id for r in desk.asked(ReadOrder)] == ["o1"]


def test_absence_needs_three_answers_over_ten_seconds(desk):
    desk.wants(BID).acked(Outcome.UNKNOWN).wait(250).denied()
    for _ in range(2):
        desk.wait(4000).denied()
    assert desk.order().state is OrderState.UNKNOWN              # three answers, but only eight seconds
    assert desk.wait(4000).denied().order().state is OrderState.CANCELLED


def test_absence_counts_only_while_the_user_stream_is_up(desk):
    desk.wants(BID).acked(Outcome.UNKNOWN).tell(UserFeedDown(1, "reset"))
    for _ in range(8):
        desk.wait(4000).denied()
    assert desk.order().state is OrderState.UNKNOWN


def test_losing_the_user_stream_starts_the_count_of_absences_over(desk):
    desk.wants(BID).acked(Outcome.UNKNOWN).wait(250).denied()
    desk.wait(4000).denied().tell(UserFeedDown(1, "reset"), UserFeedUp(2))
    assert desk.wait(8000).denied().order().state is OrderState.UNKNOWN


def test_a_live_answer_starts_the_count_of_absences_over(desk):
    desk.wants(BID).acked(Outcome.UNKNOWN).wait(250).denied()
    desk.tell(desk.update("o1"))
    assert desk.order().state is OrderState.WORKING and desk.order().absent_answers == 0


@pytest.mark.parametrize("outcome, hold_ms", [(Outcome.WOULD_CROSS, 100), (Outcome.RATE_LIMITED, 250), (Outcome.VENUE_MODE, 1000),
                                              (Outcome.MARKET_CLOSED, 1000), (Outcome.INVALID, 1000)])
def test_a_refused_slot_rests_and_is_then_quoted_again_without_a_new_intent(desk, outcome, hold_ms):
    desk.wants(BID).acked(outcome)
    assert desk.wait(hold_ms - 1).orders() == []
    assert desk.wait(1).orders() == [("o2", Side.BUY, 4000, 100)]


def test_a_pause_that_the_venue_names_is_kept(desk):
    desk.wants(BID).acked(Outcome.VENUE_MODE, retry_after_ms=5000)
    assert desk.wait(4999).orders() == [] and desk.wait(1).orders() != []


def test_a_shed_place_is_planned_again_at_once(desk):
    assert desk.wants(BID).acked(Outcome.SHED).orders() == [("o2", Side.BUY, 4000, 100)]


def test_trades_are_read_when_an_order_is_filled_and_its_trades_do_not_come(desk):
    desk.wants(BID).acked().tell(desk.update("o1", VenueStatus.FILLED, 100)).wants().wait(3000)
    assert [r.condition_id for r in desk.asked(ReadFills)] == [desk.market.condition_id]


def test_a_read_of_trades_that_fails_is_repeated(desk):
    desk.tell(UserFeedDown(1, "reset"), UserFeedUp(2))
    trades(desk, outcome=Outcome.UNKNOWN)
    assert len(desk.wait(1000).asked(ReadFills)) == 1


def test_a_read_of_trades_that_left_before_the_stream_was_lost_does_not_count_as_the_answer(desk):
    desk.tell(UserFeedDown(1, "reset"), UserFeedUp(2), UserFeedDown(2, "reset"), UserFeedUp(3))
    trades(desk)
    assert len(desk.wait(1000).asked(ReadFills)) == 1


def test_trades_are_read_from_a_minute_before_the_last_read(desk):
    trades(desk.wait(100_000).tell(UserFeedDown(1, "reset"), UserFeedUp(2)))
    desk.wait(5000).tell(UserFeedDown(2, "reset"), UserFeedUp(3))
    assert desk.asked(ReadFills)[0].after_s == 101 - 60


def test_trades_of_the_old_market_are_still_read_after_a_roll(desk):
    desk.wants(BID).acked().tell(desk.update("o1", VenueStatus.FILLED, 100))
    desk.tell(MarketChange(desk.next_market)).proved().balances()
    assert desk.wait(3000).asked(ReadFills)[0].condition_id == desk.market.condition_id


def test_a_fill_of_the_old_market_is_booked_after_the_roll(desk):
    desk.wants(BID).acked().tell(desk.update("o1", VenueStatus.FILLED, 100), MarketChange(desk.next_market)).proved().balances(cash=960)
    desk.filled("o1", 100)
    assert desk.state.ledger.cash_micro == 960 * MICRO       # $1000 by our own books, minus this buy


def test_a_trade_of_an_earlier_run_is_not_booked_but_balances_are_read_again_with_nothing_open(desk):
    desk.wants(BID).acked().tell(foreign(desk, TradeStatus.MINED))
    assert desk.state.session is Session.ROLL and desk.state.ledger.effective("1") == 0
    desk.proved().tell(desk.update("o1", VenueStatus.CANCELLED)).balances(yes=10).wait(250).balances(yes=10)
    assert desk.state.session is Session.ACTIVE and desk.state.ledger.settled("1") == 10 * MICRO


def test_a_trade_of_an_order_that_was_forgotten_since_clears_the_book_and_reads_what_it_did(desk):
    desk.wants(BID).acked().wants().tell(desk.update("o1", VenueStatus.CANCELLED))
    late = Fill("t1", "o1", desk.market.condition_id, "1", None, 4000, 40 * MICRO, 0, TradeStatus.MATCHED, 0)
    for _ in range(62):
        desk.wait(1000)
    assert desk.order("o1") is None and desk.tell(late).state.session is Session.ROLL
    desk.proved().balances(cash=984, yes=40).wait(250).balances(cash=984, yes=40)
    assert desk.state.session is Session.ACTIVE and desk.state.ledger.effective("1") == 40 * MICRO


def test_the_same_word_on_a_trade_of_an_earlier_run_is_acted_on_once(desk):
    desk.tell(foreign(desk, TradeStatus.MINED)).proved().balances(yes=10).tell(foreign(desk, TradeStatus.CONFIRMED))
    assert desk.state.session is Session.ACTIVE and desk.state.counts["foreign_fills"] == 1


def test_a_live_order_that_we_do_not_know_is_cancelled(desk):
    desk.wants(BID)
    desk.tell(desk.update("o1")._replace(order_id="earlier"))
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("earlier",)]


def test_an_order_of_another_market_is_left_alone(desk):
    desk.wants(BID)
    desk.tell(desk.update("o1")._replace(order_id="foreign", condition_id="0xother"))
    assert desk.asked(CancelOrders) == []


def test_an_answer_about_an_order_that_has_ended_changes_nothing(desk):
    desk.wants(BID).acked().filled("o1", 100)
    desk.tell(CancelResult(CancelOrders(99, ("o1",)), (Answer("o1", Outcome.NOT_FOUND),), Timing()))
    assert desk.order().state is OrderState.FILLED and desk.asked(ReadOrder) == [] and desk.asked(ReadBalances) == []
