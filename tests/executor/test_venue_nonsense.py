"""A venue that contradicts itself: what it says is believed as far as it can be true, and nothing that is open is forgotten."""

import pytest

from trader.model.action import CancelOrders, ReadOpenOrders, ReadOrder
from trader.model.event import Fill, OpenOrdersRead, Outcome, Timing, TradeStatus, VenueStatus
from trader.model.order import OrderState, Side
from trader.model.units import MICRO

BID = (Side.BUY, 40, 100)
ELSEWHERE = "0x" + "99" * 32


@pytest.fixture
def resting(desk):
    return desk.wants(BID).acked()


def listing(desk, *rows):
    """The answer to the comparison that comes every five seconds."""
    desk.asked(ReadOpenOrders)
    request, = desk.wait(5000).asked(ReadOpenOrders)
    return desk.tell(OpenOrdersRead(request, Outcome.OK, rows, Timing()))


def test_more_matched_than_the_order_was_for_counts_as_all_of_it(resting):
    resting.filled("o1", 100).tell(resting.update("o1", VenueStatus.FILLED, matched=180))
    assert resting.order().exposure_micro == 0


def test_a_matched_size_that_shrinks_is_the_larger_one(resting):
    resting.tell(resting.update("o1", matched=60), resting.update("o1", matched=20))
    assert resting.order().remaining_micro == 40 * MICRO


def test_a_fill_beyond_the_orders_size_is_booked_up_to_it_and_balances_are_read(resting):
    resting.filled("o1", 60, "t1").filled("o1", 80, "t2")
    assert resting.state.ledger.effective("1") == 100 * MICRO and resting.state.counts["implausible_fills"] == 1
    assert any("80" in note and "o1" in note for note in resting.notes)


def test_later_words_on_a_fill_that_was_cut_to_size_settle_what_was_booked(resting):
    resting.filled("o1", 150, "t1").filled("o1", 150, "t1", TradeStatus.MINED)
    assert resting.state.ledger.settled("1") == 100 * MICRO and resting.state.counts["implausible_fills"] == 1


def test_a_fill_of_our_order_in_another_token_is_booked_where_the_order_is(resting):
    resting.tell(Fill("t1", "o1", ELSEWHERE, "77", None, 4000, 10 * MICRO, 0, TradeStatus.MATCHED, 0))
    assert (resting.state.ledger.effective("1"), resting.state.ledger.effective("77")) == (10 * MICRO, 0)


def test_a_refused_place_that_was_filled_is_asked_about(desk):
    desk.wants(BID).filled("o1", 10).acked(Outcome.INVALID)
    assert desk.order().state is OrderState.UNKNOWN and [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]
    assert [r.order_id for r in desk.wait(250).asked(ReadOrder)] == ["o1"]


def test_an_order_that_is_listed_long_after_its_end_is_cancelled_again(desk):
    desk.wants(BID).acked(Outcome.INVALID).wants()
    desk.asked(CancelOrders)
    assert [r.order_ids for r in listing(desk, desk.update("o1")).asked(CancelOrders)] == [("o1",)]


def test_a_listing_that_was_asked_for_before_the_end_of_an_order_proves_nothing(resting):
    resting.asked(ReadOpenOrders)
    request, = resting.wait(5000).asked(ReadOpenOrders)
    resting.tell(resting.update("o1", VenueStatus.CANCELLED)).wants()
    resting.asked(CancelOrders)
    assert resting.tell(OpenOrdersRead(request, Outcome.OK, (resting.update("o1"),), Timing())).asked(CancelOrders) == []


def test_an_order_of_another_market_in_our_listing_is_reported_and_left_alone(desk):
    desk.wants(BID).acked()
    row = desk.update("o1")._replace(order_id="somebody", condition_id=ELSEWHERE)
    desk.connected = False
    desk.settle().market_cancelled().cancels_answered().tell(desk.update("o1", VenueStatus.CANCELLED)).asked(CancelOrders)
    desk.listed(row)
    assert desk.asked(CancelOrders) == [] and desk.state.counts["foreign_orders"] == 1
    assert desk.listed(row).state.sweep is None


def test_a_dead_order_in_a_listing_of_open_ones_does_not_hold_the_proof_up(resting):
    resting.connected = False
    resting.settle().market_cancelled().cancels_answered()
    row = resting.update("o1", VenueStatus.CANCELLED)
    assert resting.listed(row).listed(row).state.sweep is None
