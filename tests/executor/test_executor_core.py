"""Sessions, and that the newest intent takes effect in the end."""

from trader.executor.state import Session
from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, ReadBalances, ReadFills
from trader.model.event import Command, Control, MarketChange, Outcome, UserFeedDown, UserFeedUp, VenueStatus
from trader.model.order import OrderState, Side
from trader.model.units import PriceBp

BID, ASK = (Side.BUY, 40, 100), (Side.SELL, 60, 100)


def test_nothing_is_quoted_before_the_market_is_proved_empty_and_our_balances_are_known(new_desk):
    desk = new_desk()
    desk.tell(UserFeedUp(1), MarketChange(desk.market)).wants(BID)
    assert desk.state.session is Session.ROLL and desk.orders() == []
    assert desk.proved().state.session is Session.ADOPT and desk.orders() == []
    assert desk.balances().state.session is Session.ACTIVE and len(desk.orders()) == 1


def test_all_places_of_a_wave_go_in_one_request(desk):
    assert [len(r.orders) for r in desk.wants(BID, ASK).asked(PlaceOrders)] == [2]


def test_a_wave_larger_than_the_venue_takes_is_split(new_desk):
    desk = new_desk(max_position=100_000, gross_cap=100_000).boots(cash=100_000)
    desk.wants(*[(Side.BUY, cents, 10) for cents in range(40, 22, -1)])
    assert [len(r.orders) for r in desk.asked(PlaceOrders)] == [15, 3]


def test_an_intent_for_another_market_cancels_what_is_open(desk):
    desk.wants(BID).acked().wants(BID, market=desk.next_market)
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]


def test_a_busy_slot_takes_the_newest_intent_when_it_is_free(desk):
    desk.wants(BID).wants((Side.BUY, 41, 100)).wants((Side.BUY, 42, 100))
    assert [price for _, _, price, _ in desk.orders()] == [4000]
    desk.tell(desk.update("o1"))
    assert [r.order_ids for r in desk.asked(CancelOrders)] == [("o1",)]
    assert [price for _, _, price, _ in desk.orders()] == [4200]


def test_an_intent_that_repeats_itself_changes_nothing(desk):
    desk.wants(BID).acked().wants(BID).wants(BID)
    assert desk.asked(PlaceOrders) == [] and desk.asked(CancelOrders) == []


def test_no_two_orders_share_an_id_or_a_salt(desk):
    specs = [s for r in desk.wants(BID, ASK, (Side.BUY, 39, 50)).asked(PlaceOrders) for _, s in r.orders]
    assert len({s.salt for s in specs}) == 3 and len({s.salt for s in specs}) == len(specs)


def test_a_new_tick_of_the_same_market_is_taken_without_a_roll(desk):
    desk.wants(BID).acked().tell(MarketChange(desk.market._replace(tick_bp=PriceBp(10))))
    assert desk.state.session is Session.ACTIVE and desk.state.market.tick_bp == 10 and desk.asked(CancelMarket) == []


def test_no_window_means_flat_and_the_next_one_is_taken_up(desk):
    desk.wants(BID).acked().tell(MarketChange(None)).proved()
    assert desk.state.session is Session.BOOT and desk.state.market is None and desk.wants(BID).orders() == []
    desk.tell(desk.update("o1", VenueStatus.CANCELLED), MarketChange(desk.next_market)).proved().balances()
    assert desk.state.session is Session.ACTIVE and desk.state.counts["windows"] == 2


def test_the_return_of_the_user_stream_cancels_all_and_reads_trades_because_fills_may_be_missing(desk):
    desk.wants(BID).acked().tell(UserFeedDown(1, "reset"))
    assert len(desk.asked(CancelMarket)) == 1
    desk.tell(UserFeedUp(2))
    assert len(desk.asked(CancelMarket)) == 1 and len(desk.asked(ReadFills)) == 1


def test_an_up_that_was_overtaken_by_its_own_down_is_not_believed(new_desk):
    desk = new_desk().tell(UserFeedDown(1, "reset"), UserFeedUp(1))
    assert desk.state.user_up is False


def test_the_first_connection_of_the_user_stream_is_no_return(new_desk):
    desk = new_desk()
    desk.tell(MarketChange(desk.market), UserFeedUp(1))
    assert desk.state.cancel_alls == {"boot": 1}


def test_stop_is_stopped_only_after_the_proof_and_nothing_follows(desk):
    desk.wants(BID).acked().tell(Control(Command.STOP, "end"))
    assert desk.market_cancelled().cancels_answered().listed().state.session is Session.STOPPING
    assert desk.listed().state.session is Session.STOPPED
    assert desk.wants(ASK).tell(MarketChange(desk.next_market), UserFeedDown(1, ""), UserFeedUp(2)).wait(60_000).orders() == []
    assert desk.state.session is Session.STOPPED and desk.asked(CancelMarket) == []


def test_a_replaced_order_counts_twice_until_it_is_dead_so_a_full_size_replace_waits(desk):
    desk.wants((Side.BUY, 40, 300)).acked().wants((Side.BUY, 41, 300))
    assert desk.orders() == []
    desk.cancels_answered().tell(desk.update("o1", VenueStatus.CANCELLED))
    assert desk.orders() == [("o2", Side.BUY, 4100, 300)]


def test_a_place_that_the_market_crosses_goes_out_when_the_market_has_moved(desk):
    assert desk.sees(38, 40).wants(BID).orders() == []
    assert desk.sees(38, 41).settle().orders() == [("o1", Side.BUY, 4000, 100)]


def test_no_order_of_a_market_is_counted_against_the_limits_of_the_next(desk):
    desk.wants((Side.BUY, 40, 500)).acked().tell(desk.update("o1", VenueStatus.FILLED, 500), MarketChange(desk.next_market))
    desk.proved().balances().wants((Side.BUY, 40, 500), market=desk.next_market)
    assert desk.order("o1").exposure_micro > 0 and [size for *_, size in desk.orders()] == [500]


def test_a_refused_answer_never_leaves_the_slot_blocked(desk):
    for number, outcome in enumerate((Outcome.SHED, Outcome.WOULD_CROSS, Outcome.RATE_LIMITED), start=1):
        desk.wants(BID).wait(300).acked(outcome)
        assert desk.order(f"o{number}").state is OrderState.REJECTED
    assert desk.wait(300).orders() != [] and desk.asked(ReadBalances) == []
