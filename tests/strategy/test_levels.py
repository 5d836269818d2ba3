from hypothesis import given
from hypothesis import strategies as st

from trader.model.intent import Quote
from trader.model.order import Kind, OrderState, Side, Slot
from trader.strategy.levels import Resting, in_place, resting

SHARE = 1_000_000


def ladder(*prices_bp):
    return [Quote(Side.BUY, price_bp, 20 * SHARE) for price_bp in prices_bp]


def rests(*prices_bp):
    return [Resting(Side.BUY, level, price_bp, 20 * SHARE) for level, price_bp in enumerate(prices_bp)]


def prices(quotes):
    return [quote.price_bp for quote in quotes]


def test_without_resting_orders_the_order_is_as_given():
    assert prices(in_place(ladder(4900, 4800, 4700), Side.BUY, [])) == [4900, 4800, 4700]


def test_a_ladder_that_moved_a_tick_replaces_one_order_only():
    assert prices(in_place(ladder(5000, 4900, 4800), Side.BUY, rests(4900, 4800, 4700))) == [4900, 4800, 5000]


def test_orders_of_the_other_side_hold_no_place():
    other = [Resting(Side.SELL, 0, 4700, SHARE)]
    assert prices(in_place(ladder(4900, 4700), Side.BUY, other)) == [4900, 4700]


def test_two_quotes_at_one_price_take_one_place_each():
    assert prices(in_place(ladder(4800, 4700, 4700), Side.BUY, rests(4700))) == [4700, 4800, 4700]


def test_the_two_orders_of_one_quote_are_one_and_a_dying_one_is_none(make):
    held = make.order(Side.BUY, 5300, 8, token_id="2")._replace(slot=Slot(Side.BUY, 0, Kind.REDUCE_SELL))
    dying = make.order(Side.BUY, 4500, 3)._replace(state=OrderState.PENDING_CANCEL)
    assert resting((make.order(Side.BUY, 4700, 12), held, dying), "1") == [Resting(Side.BUY, 0, 4700, 20 * SHARE)]


@given(st.lists(st.integers(1, 9), max_size=6), st.lists(st.integers(1, 9), max_size=6))
def test_no_quote_is_lost_or_made_and_one_without_gaps_before_it_keeps_its_place(wanted, open_prices):
    arranged = prices(in_place(ladder(*wanted), Side.BUY, rests(*open_prices)))
    assert sorted(arranged) == sorted(wanted)
    if len(wanted) >= len(open_prices):
        stays = [level for level, price in enumerate(open_prices) if wanted.count(price) >= open_prices.count(price)]
        assert all(arranged[level] == open_prices[level] for level in stays)
