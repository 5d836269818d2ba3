"""Each guard: when it is in force, what it caps, and whether its entry is a cancel-all."""

import pytest

from trader.executor.state import Session
from trader.model.action import CancelMarket, CancelOrders, Flight, ReadOrder
from trader.model.event import Command, Control, MarketResolved, Outcome, TradeStatus
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Mode
from trader.model.order import OrderState, Side

BID, ASK = (Side.BUY, 40, 100), (Side.SELL, 60, 100)


def quoting(desk):
    desk.wants(BID).acked()
    return desk


def test_a_stale_book_cancels_everything(desk):
    quoting(desk).connected = False
    assert desk.settle().state.mode is Mode.STOP and "book_stale" in desk.state.guards
    assert desk.asked(CancelMarket) != []


def test_a_suspect_book_is_pulled_by_id_without_a_cancel_all(desk):
    quoting(desk).suspect = True
    assert [r.order_ids for r in desk.settle().asked(CancelOrders)] == [("o1",)]
    assert desk.asked(CancelMarket) == [] and "book_suspect" in desk.state.guards


def test_a_frozen_book_cancels_everything_although_its_connection_answers(desk):
    quoting(desk).frozen = "no data for 5 s"
    assert "book_frozen" in desk.settle().state.guards and desk.asked(CancelMarket) != []


def test_entry_and_exit_of_a_guard_are_said(desk):
    desk.suspect = True
    desk.settle().suspect = False
    assert any("guard book_suspect: differs" in note for note in desk.settle().notes) and "guard book_suspect is over" in desk.notes


def test_the_time_in_a_guard_is_counted(desk):
    desk.suspect = True
    desk.settle().wait(300)
    assert desk.state.guard_ns["book_suspect"] == 300_000_000


def test_the_moment_at_which_a_guard_began_is_kept_while_it_lasts_and_set_anew_at_its_return(desk):
    desk.suspect = True
    began_ns = desk.settle().ns
    assert desk.wait(300).state.guard_since_ns == {"book_suspect": began_ns}
    desk.suspect = False
    assert desk.settle().state.guard_since_ns == {}
    desk.suspect = True
    assert desk.wait(100).state.guard_since_ns["book_suspect"] > began_ns


@pytest.mark.parametrize("age_ms, stale", [(250, False), (251, True)])
def test_a_strategy_that_missed_five_periods_is_stale(desk, age_ms, stale):
    quoting(desk).pulse_age_ms = age_ms
    assert ("strategy_stale" in desk.settle().state.guards) is stale
    assert bool(desk.asked(CancelMarket)) is stale


@pytest.mark.parametrize("places, waited_ms, late", [(True, 3000, False), (True, 3001, True), (False, 9000, False)])
def test_a_place_is_late_from_the_moment_it_was_sent(desk, places, waited_ms, late):
    quoting(desk).flights = (Flight(places, desk.ns),)
    assert ("place_unanswered" in desk.wait(waited_ms).state.guards) is late


def test_the_age_of_a_cancel_is_measured_from_the_cancel_not_from_the_order(desk):
    quoting(desk).wait(60_000).wants()
    assert "cancel_unconfirmed" not in desk.wait(5000).state.guards
    assert "cancel_unconfirmed" in desk.wait(1).state.guards and desk.asked(CancelMarket) != []


def test_five_refusals_within_ten_seconds_stop_quoting_until_they_are_older(desk):
    quoting(desk).wants(BID, ASK)
    for _ in range(5):
        desk.acked(Outcome.INVALID).wait(1000)
    assert "error_burst" in desk.state.guards and desk.asked(CancelMarket) != []
    assert "error_burst" not in desk.wait(10_000).state.guards


def test_would_cross_is_not_an_error(desk):
    desk.wants(BID)
    for _ in range(9):
        desk.acked(Outcome.WOULD_CROSS).wait(100)
    assert "error_burst" not in desk.state.guards


def test_more_letters_than_the_limit_cancel_everything(desk):
    quoting(desk).crowded = True
    assert "inbox" in desk.settle().state.guards and desk.asked(CancelMarket) != []


def test_at_the_gross_cap_the_desk_reduces_instead_of_stopping(new_desk):
    desk = new_desk().boots(yes=500, no=500)
    desk.wants(BID, ASK)
    assert desk.state.mode is Mode.REDUCE_ONLY
    assert {side for _, side, _, _ in desk.orders()} == {Side.SELL}


@pytest.mark.parametrize("held, cap", [({"yes": 500}, Mode.ONE_SIDED_SELL), ({"no": 500}, Mode.ONE_SIDED_BUY)])
def test_at_the_largest_position_only_the_reducing_side_is_quoted(new_desk, held, cap):
    desk = new_desk().boots(**held)
    desk.wants(BID, ASK)
    assert desk.state.mode is cap and [side for _, side, _, _ in desk.orders()] == [Side.SELL]


def test_a_failed_trade_lifts_the_position_guard_again(desk):
    desk.wants((Side.BUY, 40, 500)).acked().filled("o1", 500)
    assert "max_position" in desk.state.guards
    assert "max_position" not in desk.filled("o1", 500, status=TradeStatus.FAILED).state.guards


def test_pause_cancels_everything_and_resume_quotes_again_without_a_new_intent(desk):
    quoting(desk).tell(Control(Command.PAUSE, "by hand"))
    assert desk.state.mode is Mode.STOP and desk.asked(CancelMarket) != []
    desk.cancels_answered().listed().listed().wait(10_000)
    assert desk.orders() == []
    assert desk.tell(Control(Command.RESUME, "by hand")).orders() != []


def test_near_the_close_nothing_is_quoted_even_if_the_strategy_wants_it(new_desk):
    desk = new_desk()
    desk.boots(desk.market._replace(open_ms=0, close_ms=121_000))
    assert desk.wants(BID).acked().wait(121_000 - 1000 - 1009).state.mode is Mode.NORMAL
    assert desk.wait(1).state.mode is Mode.STOP and [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]


def test_a_guard_without_anything_placed_starts_no_cancel_all(desk):
    desk.connected = False
    assert desk.settle().asked(CancelMarket) == []


def test_feeds_are_no_reason_before_a_market_is_taken_up(new_desk):
    desk = new_desk()
    desk.connected = False
    assert desk.settle().state.guards == {} and desk.state.session is Session.BOOT


# --- money ------------------------------------------------------------------------------------------------------------


def losing(desk, shares=400):
    """Bought at 40 cents; the mid falls to 10."""
    desk.wants((Side.BUY, 40, shares)).acked().filled("o1", shares)
    return desk.sees(9, 11).wait(1000)


def test_the_loss_of_a_day_stops_the_desk_and_a_better_mid_does_not_end_it(new_desk):
    desk = losing(new_desk(daily_loss_usd=100).boots())
    assert "lost $120.00 today" in desk.state.guards["daily_loss"].reason and desk.asked(CancelMarket) != []
    assert "daily_loss" in desk.sees(60, 62).wait(5000).state.guards


def test_a_resume_ends_the_daily_loss_only_by_force_and_the_next_loss_counts_from_there(new_desk):
    desk = losing(new_desk(daily_loss_usd=100).boots())
    assert "daily_loss" in desk.tell(Control(Command.RESUME, "")).state.guards
    assert any("resume --force" in note for note in desk.notes)
    desk.tell(Control(Command.FORCE_RESUME, "")).proved()
    assert "daily_loss" not in desk.state.guards
    assert "daily_loss" not in desk.wait(60_000).state.guards


def test_a_new_utc_day_starts_its_loss_at_nothing(new_desk):
    desk = losing(new_desk(daily_loss_usd=200).boots())
    desk.ns += 86_400_000_000_000
    desk.settle()
    assert desk.state.day_start_micro == desk.state.pnl.marked_micro == -120_000_000


@pytest.mark.parametrize(("quote", "said"), [
    ((Side.BUY, 40, 301), "max_order_size"), ((Side.BUY, 60, 200), "max_order_usd"), ((Side.SELL, 30, 200), "max_order_usd"),
    ((Side.BUY, 56, 10), "through the fair price"), ((Side.SELL, 44, 10), "through the fair price"),
])
def test_a_quote_that_no_market_maker_means_is_not_sent(new_desk, quote, said):
    desk = new_desk(max_order_size=300, max_order_usd=100, max_through_fair_cents=5).boots().sees(49, 51)
    desk.wants((Side.BUY, 20, 10), quote)
    assert desk.orders() == [] and said in desk.state.guards["fat_finger"].reason


def test_a_quote_at_the_limits_is_sent(new_desk):
    desk = new_desk(max_order_size=300, max_order_usd=120, max_through_fair_cents=5).boots().sees(39, 60)
    assert len(desk.wants((Side.BUY, 40, 300)).orders()) == 1


def test_too_many_orders_within_ten_seconds_stop_the_desk(new_desk):
    desk = new_desk(max_orders_10s=10).boots()
    for cents in range(20, 31):
        desk.wants((Side.BUY, cents, 10)).acked().cancels_answered()
    assert "order_rate" in desk.state.guards
    assert "order_rate" not in desk.wait(10_001).state.guards


def test_a_venue_that_takes_no_orders_is_left_alone_for_as_long_as_it_asks(desk):
    desk.wants(BID).acked(Outcome.VENUE_MODE, retry_after_ms=5000)
    assert "venue_mode" in desk.wait(4999).state.guards and desk.orders() == []
    assert len(desk.wait(1).orders()) == 1


def test_an_outcome_of_a_window_is_told_with_what_it_made(desk):
    desk.wants(BID).acked().filled("o1", 100)
    desk.tell(MarketResolved(desk.market.condition_id, desk.market.yes_token))
    assert "window ended YES: +$60.00; all windows with an outcome: +$60.00" in desk.notes


# --- the dead-man's switch and the journal ------------------------------------------------------------------------------


def test_nothing_is_placed_before_the_first_beat_was_accepted(new_desk):
    desk = new_desk()
    desk.beat = BeatHealth(None, 0, "not sent yet")
    assert desk.boots().wants(BID).orders() == [] and "no beat was accepted yet" in desk.state.guards["heartbeat"].reason
    desk.beat = BeatHealth(desk.ns, 0, "")
    assert len(desk.settle().orders()) == 1


@pytest.mark.parametrize(("silent_ms", "cancelled"), [(6999, False), (7000, True)])
def test_a_silence_of_the_heartbeat_cancels_everything_before_the_venue_does(desk, silent_ms, cancelled):
    desk.beat = BeatHealth(desk.ns, 0, "")
    quoting(desk)
    desk.pulse_age_ms = 0
    assert ("heartbeat" in desk.wait(silent_ms).state.guards) is cancelled
    assert bool(desk.asked(CancelMarket)) is cancelled


def test_from_ten_seconds_of_silence_on_every_order_is_unknown_and_asked_about(desk):
    quoting(desk).beat = BeatHealth(desk.ns, 0, "timeout")
    assert desk.wait(10_000).order().state is OrderState.UNKNOWN
    assert [r.order_id for r in desk.wait(250).asked(ReadOrder)] == ["o1"]


def test_a_silence_that_is_over_when_we_wake_up_is_dealt_with_once(desk):
    quoting(desk).beat = BeatHealth(desk.ns, 1, "")
    assert desk.settle().order().state is OrderState.UNKNOWN and desk.state.cancel_alls["heartbeat_lapsed"] == 1
    desk.wait(10_000)
    assert desk.state.cancel_alls["heartbeat_lapsed"] == 2            # another one
    desk.beat = BeatHealth(desk.ns, 2, "")
    assert desk.settle().state.cancel_alls["heartbeat_lapsed"] == 2   # … which the heartbeat has noticed too


def test_a_journal_that_cannot_be_written_stops_the_desk(desk):
    quoting(desk).journal_trouble = "the disk is full"
    assert desk.settle().state.guards["journal"].reason == "the disk is full" and desk.asked(CancelMarket) != []


def skewed(desk, skew_ms):
    desk.beat = BeatHealth(desk.ns, 0, "", skew_ms)
    return desk.settle()


@pytest.mark.parametrize("skew_ms, stops", [(None, False), (1_999, False), (2_000, True), (-2_000, True)])
def test_a_clock_that_is_off_by_the_limit_stops_the_desk(desk, skew_ms, stops):
    assert ("clock_skew" in skewed(quoting(desk), skew_ms).state.guards) is stops
    assert (desk.asked(CancelMarket) != []) is stops


def test_a_clock_near_the_limit_does_not_flap_as_the_venues_seconds_fall(desk):
    skewed(desk, 2_000)
    assert [("clock_skew" in skewed(desk, skew_ms).state.guards) for skew_ms in (1_001, 1_999, 1_000, 1_999)] == [True, True, False, False]


def test_a_wrong_clock_says_which_way_and_what_to_do(desk):
    assert "4000 ms behind the venue's" in skewed(desk, -4_000).state.guards["clock_skew"].reason and "NTP" in desk.notes[-1]


def test_a_feed_that_cannot_be_read_cancels_everything(desk):
    quoting(desk).garbled = "5 frames within 10 s could not be read"
    guard = desk.settle().state.guards["garbled_frames"]
    assert guard.cap is Mode.STOP and "5 frames" in guard.reason and desk.asked(CancelMarket) != []
