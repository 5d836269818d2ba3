"""Cancel-all: what it asks, what it takes for proof, and how it meets requests that are under way."""

import pytest

from trader.executor import sweep
from trader.executor.state import Session
from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, ReadOpenOrders, ReadOrder
from trader.model.cycle import RaiseEpoch
from trader.model.event import (
    Answer,
    Command,
    Control,
    MarketChange,
    OpenOrdersRead,
    OrderRead,
    Outcome,
    PlaceResult,
    Timing,
    UserFeedDown,
    UserFeedUp,
    VenueStatus,
)
from trader.model.intent import Mode
from trader.model.market import Market
from trader.model.order import OrderState, Side
from trader.model.units import MICRO, PriceBp, SizeMicro

BID = (Side.BUY, 40, 100)
CANCEL_ALL = Control(Command.CANCEL_ALL, "test")
STOP = Control(Command.STOP, "test")
NEXT = Market("next", "0x" + "cd" * 32, "3", "4", PriceBp(100), SizeMicro(5 * MICRO), 0, 10**13, "v1", False)


def finish(desk):
    """Every order is cancelled for good, and the listings are empty."""
    desk.market_cancelled().cancels_answered()
    return desk.listed().listed()


def test_it_raises_the_epoch_cancels_the_market_and_every_id_that_it_knows(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL)
    assert desk.asked(RaiseEpoch) and [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]
    assert [r.condition_id for r in desk.asked(CancelMarket)] == [desk.market.condition_id]


def test_one_empty_listing_is_no_proof_and_two_are(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL).market_cancelled().cancels_answered().listed()
    assert desk.state.sweep is not None
    assert desk.listed().state.sweep is None


def test_no_listing_is_asked_for_while_an_order_may_be_live(desk):
    desk.wants(BID).tell(CANCEL_ALL).market_cancelled()
    assert desk.asked(ReadOpenOrders) == []
    assert desk.acked(Outcome.SHED).asked(ReadOpenOrders) != []


def test_a_listing_that_an_earlier_cancel_all_asked_for_proves_nothing(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL).market_cancelled().cancels_answered()
    old = desk.asked(ReadOpenOrders)
    desk.tell(CANCEL_ALL)
    for request in old * 2:
        desk.tell(OpenOrdersRead(request, Outcome.OK, (), Timing()))
    assert desk.state.sweep is not None and desk.listed().state.sweep is not None
    assert desk.listed().state.sweep is None


def test_a_listing_that_shows_an_order_starts_the_proof_over_and_cancels_it(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL).market_cancelled().cancels_answered().listed()
    foreign = desk.update("o1")._replace(order_id="earlier")
    desk.listed(foreign)
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("earlier",)]
    assert desk.wait(250).listed().state.sweep is not None
    assert desk.listed().state.sweep is None


def test_an_order_that_we_believe_dead_and_the_listing_shows_is_cancelled_again(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL).market_cancelled().cancels_answered()
    desk.listed(desk.update("o1"))
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]


def test_a_listing_that_failed_is_no_proof_and_is_repeated(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL).market_cancelled().cancels_answered().listed(outcome=Outcome.UNKNOWN)
    assert desk.asked(ReadOpenOrders) == []
    assert len(desk.wait(250).asked(ReadOpenOrders)) == 1


def test_a_cancel_all_that_the_venue_throttles_is_repeated_after_its_pause(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL).market_cancelled(Outcome.RATE_LIMITED, retry_after_ms=700)
    assert desk.wait(699).asked(CancelMarket) == []
    assert len(desk.wait(1).asked(CancelMarket)) == 1


def test_a_place_of_an_older_epoch_that_turns_out_live_is_cancelled_at_once(desk):
    desk.wants(BID).tell(CANCEL_ALL).market_cancelled()
    assert [r.order_ids for r in desk.acked().asked(CancelOrders)] == [("o1",)]
    assert desk.order().state is OrderState.PENDING_CANCEL and desk.state.sweep is not None


def test_a_place_of_an_older_epoch_is_cancelled_by_its_answer_alone_whether_or_not_a_cancel_all_still_runs(desk):
    desk.wants(BID)
    desk.state.epoch += 1
    assert [r.order_ids for r in desk.acked().asked(CancelOrders)] == [("o1",)]


def test_it_does_not_end_while_the_outcome_of_a_place_is_unknown(desk):
    desk.wants(BID).tell(CANCEL_ALL).market_cancelled().acked(Outcome.UNKNOWN).cancels_answered(Outcome.NOT_FOUND)
    for _ in range(8):
        desk.wait(1000).listed()
    assert desk.state.sweep is not None


def test_the_cancel_of_a_market_may_answer_before_the_place_that_it_cancelled(desk):
    desk.wants(BID).tell(CANCEL_ALL)
    request = desk.asked(PlaceOrders)[0]
    from_stream = desk.update("o1", VenueStatus.CANCELLED)
    desk.tell(from_stream, PlaceResult(request, (Answer("o1", Outcome.OK),), Timing()))
    assert desk.order().state is OrderState.CANCELLED
    assert finish(desk).state.sweep is None


def test_after_it_nothing_is_placed_in_the_cool_down_and_then_the_kept_intent_is_quoted_in_caution(desk):
    finish(desk.wants(BID).acked().tell(CANCEL_ALL))
    assert desk.wait(2999).orders() == [] and "cooldown" in desk.state.guards
    assert desk.wait(1).orders() == [("o2", Side.BUY, 4000, 100)]
    assert desk.state.mode is Mode.CAUTION
    assert desk.wait(10_000).state.mode is Mode.NORMAL


def test_a_stop_intent_in_the_cool_down_is_honoured_after_it(desk):
    finish(desk.wants(BID).acked().tell(CANCEL_ALL))
    desk.wants(mode=Mode.STOP)
    assert desk.wait(5000).orders() == []


def test_a_cancel_all_is_not_suppressed_by_the_cool_down_of_another(desk):
    finish(desk.wants(BID).acked().tell(CANCEL_ALL))
    assert len(desk.tell(CANCEL_ALL).asked(CancelMarket)) == 1


def test_a_stop_during_a_roll_ends_stopped_and_never_adopts_the_next_market(desk):
    desk.wants(BID).acked().tell(MarketChange(desk.next_market), STOP)
    finish(desk)
    assert desk.state.session is Session.STOPPED and desk.state.market.slug == "window"
    assert desk.wants(BID).wait(20_000).orders() == []


def test_a_roll_proves_both_markets_empty_before_it_adopts(desk):
    desk.wants(BID).acked().tell(MarketChange(desk.next_market)).market_cancelled().cancels_answered()
    assert {r.condition_id for r in desk.asked(ReadOpenOrders)} == {desk.market.condition_id, desk.next_market.condition_id}


def test_a_market_change_during_a_sweep_is_carried_out_when_it_is_proved(desk):
    desk.wants(BID).acked().tell(CANCEL_ALL, MarketChange(desk.next_market))
    assert finish(desk).state.session is Session.ADOPT
    assert desk.balances().state.market == desk.next_market


def test_a_kept_intent_for_the_next_market_takes_effect_after_adoption(desk):
    desk.tell(MarketChange(desk.next_market)).wants(BID, market=desk.next_market)
    assert desk.orders() == []
    desk.proved().balances()
    assert [side for _, side, _, _ in desk.orders()] == [Side.BUY]


def test_loss_and_return_of_the_user_stream_during_a_roll_start_the_proof_over(desk):
    desk.wants(BID).acked().tell(MarketChange(desk.next_market)).market_cancelled().cancels_answered().listed()
    desk.tell(UserFeedDown(1, "reset"), UserFeedUp(2))
    assert desk.listed().state.session is Session.ROLL
    assert desk.market_cancelled().listed().state.session is Session.ADOPT


def test_a_listing_that_races_a_late_answer_does_not_end_the_sweep(desk):
    desk.wants(BID).tell(CANCEL_ALL)
    place = desk.asked(PlaceOrders)[0]
    desk.market_cancelled().listed().listed()
    assert desk.state.sweep is not None
    desk.tell(PlaceResult(place, (Answer("o1", Outcome.OK),), Timing()))
    assert desk.asked(CancelOrders) != [] and desk.state.sweep is not None


def test_an_answer_that_was_lost_is_asked_for_by_id(desk):
    desk.wants(BID).acked(Outcome.UNKNOWN).wait(250)
    read = desk.asked(ReadOrder)[0]
    desk.tell(OrderRead(read, Outcome.OK, desk.update("o1", VenueStatus.CANCELLED), Timing()))
    assert desk.order().state is OrderState.CANCELLED and desk.order().exposure_micro == 0


# --- quarantine (docs/decisions/0005) ---------------------------------------------------------------------------------


def lost_place(desk):
    """A bid whose answer was lost, in a cancel-all."""
    return desk.wants(BID).acked(Outcome.UNKNOWN).tell(CANCEL_ALL).market_cancelled().cancels_answered(Outcome.NOT_FOUND)


def test_an_order_that_the_venue_does_not_know_holds_no_cancel_all_up_but_counts_against_the_caps(desk):
    lost_place(desk).denied()
    assert desk.listed().listed().state.sweep is None
    assert desk.wait(3000).orders() == [("o2", Side.BUY, 4000, 100)]
    assert desk.wants((Side.BUY, 40, 450)).orders() == []          # with the two of 100 that would be 650 of 500


def test_an_order_in_quarantine_that_comes_alive_is_cancelled(desk):
    lost_place(desk).denied().listed().listed()
    assert [r.order_ids for r in desk.tell(desk.update("o1")).asked(CancelOrders)] == [("o1",)]


def test_an_order_in_quarantine_is_not_crossed(desk):
    lost_place(desk).denied().listed().listed()
    assert desk.wants((Side.SELL, 40, 100)).wait(3000).orders() == []


def test_what_is_in_quarantine_is_no_proof_that_nothing_is_open(desk):
    lost_place(desk).denied().listed().listed()
    desk.wait(3000)
    desk.connected = False
    assert len(desk.settle().asked(CancelMarket)) == 1


@pytest.mark.parametrize(("event", "after"), [(MarketChange(NEXT), Session.ADOPT), (STOP, Session.STOPPED)])
def test_a_roll_and_the_end_wait_until_absence_is_proved(desk, event, after):
    lost_place(desk).denied().listed().listed().tell(event).market_cancelled()
    for _ in range(2):
        assert desk.wait(4000).asked(ReadOpenOrders) == [] and desk.state.sweep is not None
        desk.denied()
    assert desk.wait(4000).denied().listed().listed().state.session is after


def test_at_the_end_what_nobody_confirmed_is_named_order_by_order_and_market_by_market(desk):
    desk.wants((Side.BUY, 40, 100)).acked().tell(Control(Command.STOP, "test"))
    assert sweep.unproved(desk.state) == (f"o1 BUY 100 at 40 ¢ of token 1 (PENDING_CANCEL); "
                                          f"no listing showed market {desk.market.condition_id} empty")
    desk.cancels_answered().tell(desk.update("o1", VenueStatus.CANCELLED)).proved()
    assert sweep.unproved(desk.state) == "" and desk.state.session is Session.STOPPED


def boots_up(desk):
    return desk


def rolls(desk):
    return desk.boots().wants(BID).acked().tell(MarketChange(NEXT))


def adopts(desk):
    return desk.tell(UserFeedUp(1), MarketChange(desk.market)).proved()


def quotes(desk):
    return desk.boots().wants(BID).acked()


def cools_down(desk):
    return desk.boots().wants(BID).acked().tell(CANCEL_ALL).cancels_answered().tell(desk.update("o1", VenueStatus.CANCELLED)).proved()


@pytest.mark.parametrize("so_far", [boots_up, rolls, adopts, quotes, cools_down])
def test_a_stop_in_any_session_ends_with_the_proof_and_places_nothing_more(new_desk, so_far):
    desk = so_far(new_desk())
    desk.orders()
    desk.tell(STOP).market_cancelled().cancels_answered()
    if desk.order() is not None:
        desk.tell(desk.update("o1", VenueStatus.CANCELLED))
    desk.proved().wants(BID)
    assert desk.state.session is Session.STOPPED and desk.wait(60_000).orders() == []
    assert desk.balances().state.session is Session.STOPPED
