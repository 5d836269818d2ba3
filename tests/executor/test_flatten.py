"""Emergency close: what it sells, at what price, when it ends, and what it says it could not sell."""

import pytest

from trader.executor.flatten import ROUNDS
from trader.model.action import CancelMarket, PlaceOrders
from trader.model.event import Command, Control, MarketChange, Outcome, TradeStatus, VenueStatus
from trader.model.order import Side

FLATTEN = Control(Command.FLATTEN, "test")
BID = (Side.BUY, 40, 100)


@pytest.fixture
def holding(new_desk):
    """100 YES and 50 NO, settled; the book is 49 to 51."""
    return new_desk().boots(yes=100, no=50).sees(49, 51)


def sold(desk, shares_of):
    """The venue takes this much of each order that was sent, and the rest is gone."""
    for request in desk.asked(PlaceOrders):
        for order_id, spec in request.orders:
            shares = shares_of(spec)
            if shares:
                desk.filled(order_id, shares, trade=order_id, status=TradeStatus.MINED)
            desk.tell(desk.update(order_id, VenueStatus.CANCELLED, matched=shares))
    return desk


def whole(spec):
    return spec.size_micro // 1_000_000


def nothing(spec):
    return 0


def test_it_cancels_everything_first_and_sells_only_when_that_is_proved(holding):
    holding.wants((Side.BUY, 40, 200)).acked().tell(FLATTEN)
    assert holding.asked(CancelMarket) != [] and holding.orders() == []
    assert [(side, size) for _, side, _, size in holding.proved().orders()] == [(Side.SELL, 100)]


def test_shares_that_a_cancelled_sell_may_still_have_sold_are_not_sold_again(holding):
    holding.wants((Side.SELL, 60, 100)).acked().tell(FLATTEN).proved()
    assert [size for _, _, _, size in holding.orders()] == [50]
    assert [size for _, _, _, size in holding.tell(holding.update("o1", VenueStatus.CANCELLED)).acked().orders()] == []


def test_it_sells_what_is_settled_immediately_or_not_at_all_and_no_cheaper_than_the_bound(holding):
    spec = {s.token_id: s for r in holding.tell(FLATTEN).proved().asked(PlaceOrders) for _, s in r.orders}
    assert [(s.price_bp, s.size_micro // 1_000_000, s.takes) for s in (spec["1"], spec["2"])] == [(4500, 100, True), (4500, 50, True)]


def test_when_all_is_sold_it_says_so_and_nothing_is_quoted_until_somebody_resumes(holding):
    sold(holding.tell(FLATTEN).proved(), whole).settle()
    assert holding.state.flatten.left == () and "flatten: everything is sold" in holding.notes
    assert holding.wants(BID).wait(20_000).orders() == []
    assert holding.tell(Control(Command.RESUME, "")).wait(20_000).wants(BID).orders() != []


def test_it_tries_again_while_bids_come_back(holding):
    assert sold(holding.tell(FLATTEN).proved(), lambda spec: 20).wait(499).orders() == []
    holding.wait(1)
    assert sorted(size for _, _, _, size in holding.orders()) == [30, 80]


def test_it_never_sells_below_the_bound_and_says_what_is_left(new_desk):
    desk = new_desk().boots(yes=100).sees(49, 51).tell(FLATTEN).proved()
    sold(desk.sees(30, 32), nothing).settle()
    assert desk.orders() == [] and desk.state.flatten.left is None
    assert desk.wait(31_000).state.flatten.left == ("100 YES are left: nobody bids 45 ¢ or more (executor.flatten_cents 5)",)


def test_it_gives_up_after_so_many_rounds_of_bids_that_take_nothing(holding):
    holding.tell(FLATTEN).proved()
    for _ in range(ROUNDS):
        sold(holding, nothing).wait(500)
    assert holding.state.flatten.left == ("100 YES are left: the bids did not take it in 10 rounds",
                                          "50 NO are left: the bids did not take it in 10 rounds")


def test_what_is_not_settled_is_waited_for_and_then_named(new_desk):
    desk = new_desk().boots().sees(39, 41).wants(BID).acked().wants().filled("o1", 100)
    desk.tell(FLATTEN).proved()
    assert desk.orders() == [] and desk.state.flatten.left is None
    assert desk.wait(31_000).state.flatten.left == ("100 YES are left: not settled yet",)


def test_dust_is_named(new_desk):
    desk = new_desk().boots(yes=3).sees(49, 51).tell(FLATTEN).proved().settle()
    assert desk.state.flatten.left == ("3 YES are left: less than the venue's minimum order of 5",)


def test_it_does_not_sell_blindly(new_desk):
    blind = new_desk().boots(yes=100).sees(49, 51)
    blind.suspect = True
    assert blind.tell(FLATTEN).proved().orders() == []
    assert blind.wait(31_000).state.flatten.left == ("100 YES are left: guard book_suspect is in force",)


def test_a_new_tick_is_no_other_market_and_the_bound_follows_it(new_desk):
    desk = new_desk().boots(yes=100).sees(49, 51).tell(FLATTEN, MarketChange(new_desk.market._replace(tick_bp=10)))
    assert [(price, size) for _, _, price, size in desk.proved().orders()] == [(4500, 100)] and desk.state.flatten.left is None


def test_rounds_are_not_spent_while_the_venue_takes_no_orders(holding):
    holding.tell(FLATTEN).proved().acked(Outcome.VENUE_MODE, retry_after_ms=20_000)
    assert holding.wait(19_000).orders() == [] and holding.state.flatten.left is None
    assert sorted(size for _, _, _, size in holding.wait(1_500).orders()) == [50, 100]


def test_what_is_left_is_named_also_when_a_guard_ended_it(holding):
    sold(holding.tell(FLATTEN).proved(), lambda spec: 60 if spec.token_id == "1" else 50)
    holding.suspect = True
    assert holding.wait(31_000).state.flatten.left == ("40 YES are left: guard book_suspect is in force",)


def test_an_order_that_nobody_can_account_for_ends_it_after_its_patience(holding):
    holding.tell(FLATTEN).proved().acked(Outcome.UNKNOWN)
    assert holding.wait(29_000).state.flatten.left is None
    assert holding.wait(2_000).state.flatten.left == ("100 YES are left: an order is not accounted for",
                                                      "50 NO are left: an order is not accounted for")


def test_without_a_market_nothing_can_be_sold(new_desk):
    assert new_desk().tell(FLATTEN).state.flatten.left == ("no market is open: nothing can be sold now",)


def test_a_window_that_closes_meanwhile_leaves_the_rest_to_its_outcome(holding):
    holding.tell(FLATTEN, MarketChange(holding.next_market)).proved().balances().settle()
    assert holding.state.flatten.left == ("its market has closed: what is held waits for the outcome",)


def test_nothing_is_taken_where_the_fee_for_it_is_not_known(new_desk):
    desk = new_desk().boots(market=new_desk.market._replace(fees=None), yes=100).sees(49, 51).tell(FLATTEN).proved()
    assert desk.wait(31_000).orders() == []
    assert desk.state.flatten.left == ("100 YES are left: the market's taker fees are not known",)
