"""Quotes in YES terms become token orders within position, gross and cash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.executor.legs import Caps, Holdings, legs_of, with_minimum
from trader.model.intent import Mode, Quote
from trader.model.market import Market
from trader.model.order import Kind, Side
from trader.model.units import MICRO, complement_bp, notional_micro

MARKET = Market("window", "m", "1", "2", 100, 5 * MICRO, 0, 10**13, "v1", False)
CAPS = Caps(500 * MICRO, 1000 * MICRO, 10_000)
RICH = 10_000 * MICRO


def have(yes=0, no=0, cash=RICH):
    return Holdings(yes * MICRO, no * MICRO, (yes - no) * MICRO, (yes + no) * MICRO, cash)


def split(quote, holdings, mode=Mode.NORMAL, caps=CAPS):
    legs, residual = legs_of((quote,), mode, MARKET, holdings, caps)
    return [(leg.slot.kind, leg.token_id, leg.side, leg.price_bp, leg.size_micro // MICRO) for leg in legs], residual // MICRO


def bid(cents, shares):
    return Quote(Side.BUY, cents * 100, shares * MICRO)


def ask(cents, shares):
    return Quote(Side.SELL, cents * 100, shares * MICRO)


def test_a_bid_buys_yes_when_no_is_not_held():
    assert split(bid(40, 100), have()) == ([(Kind.OPEN_BUY, "1", Side.BUY, 4000, 100)], 0)


def test_a_bid_first_sells_no_at_the_complement_and_buys_yes_with_the_rest():
    assert split(bid(40, 100), have(no=30)) == ([(Kind.REDUCE_SELL, "2", Side.SELL, 6000, 30), (Kind.OPEN_BUY, "1", Side.BUY, 4000, 70)], 0)


def test_an_ask_first_sells_yes_and_buys_no_at_the_complement_with_the_rest():
    assert split(ask(40, 100), have(yes=30)) == (
        [(Kind.REDUCE_SELL, "1", Side.SELL, 4000, 30), (Kind.COMPLEMENT_BUY, "2", Side.BUY, 6000, 70)], 0)


def test_a_quote_is_cut_to_what_the_largest_position_leaves():
    assert split(bid(40, 600), have()) == ([(Kind.OPEN_BUY, "1", Side.BUY, 4000, 500)], 100)
    assert split(ask(40, 600), have(yes=300)) == (
        [(Kind.REDUCE_SELL, "1", Side.SELL, 4000, 300), (Kind.COMPLEMENT_BUY, "2", Side.BUY, 6000, 300)], 0)


def test_a_buy_is_cut_to_what_the_gross_cap_and_the_cash_leave():
    assert split(bid(40, 100), have(yes=490, no=490)._replace(no_sellable_micro=0))[1] == 80
    assert split(bid(50, 100), have(cash=25 * MICRO)) == ([(Kind.OPEN_BUY, "1", Side.BUY, 5000, 50)], 50)


def test_reduce_only_sells_what_is_held_and_reports_the_rest_as_residual():
    assert split(ask(40, 100), have(yes=30), Mode.REDUCE_ONLY) == ([(Kind.REDUCE_SELL, "1", Side.SELL, 4000, 30)], 70)


@pytest.mark.parametrize("mode, sides", [(Mode.NORMAL, {Side.BUY, Side.SELL}), (Mode.CAUTION, {Side.BUY, Side.SELL}), (Mode.STOP, set()),
                                         (Mode.ONE_SIDED_BUY, {Side.BUY}), (Mode.ONE_SIDED_SELL, {Side.SELL})])
def test_a_mode_decides_which_sides_are_quoted(mode, sides):
    legs, _ = legs_of((bid(40, 10), ask(60, 10)), mode, MARKET, have(), CAPS)
    assert {leg.slot.side for leg in legs} == sides


@pytest.mark.parametrize("sell, rest, most_buy, expected", [
    (3, 7, 100, (0, 10)),        # too little to sell: all of it is bought
    (3, 7, 8, (0, 8)),
    (20, 2, 100, (17, 5)),       # a short rest borrows from the sale …
    (6, 2, 100, (6, 0)),         # … unless the sale would become too small: dropped
    (20, 9, 3, (20, 0)),         # no room for a whole buy
    (0, 4, 100, (0, 0)),
])
def test_no_leg_is_below_the_minimum(sell, rest, most_buy, expected):
    assert with_minimum(sell, rest, most_buy, 5) == expected


quotes = st.lists(st.builds(lambda side, cents, size: Quote(side, cents * 100, size), st.sampled_from(Side), st.integers(1, 99),
                            st.integers(0, 90).map(lambda tens: tens * 10 * MICRO + 123_456)), max_size=6)
held = st.builds(lambda yes, no, soon, cash: Holdings(yes, no, yes - no + soon, yes + no + abs(soon), cash),
                 *[st.integers(0, 600 * MICRO)] * 2, st.integers(-100 * MICRO, 100 * MICRO), st.integers(0, 2000 * MICRO))


@given(quotes, st.sampled_from(Mode), held)
def test_no_set_of_quotes_breaks_a_limit(wanted, mode, holdings):
    legs, residual = legs_of(tuple(wanted), mode, MARKET, holdings, CAPS)
    sold, bought = ({t: sum(leg.size_micro for leg in legs if leg.side is side and leg.token_id == t) for t in ("1", "2")}
                    for side in (Side.SELL, Side.BUY))
    assert sold["1"] <= holdings.yes_sellable_micro and sold["2"] <= holdings.no_sellable_micro
    assert sum(bought.values()) == 0 or holdings.gross_micro + sum(bought.values()) <= CAPS.gross_cap_micro
    assert sum(notional_micro(leg.price_bp, leg.size_micro) for leg in legs if leg.side is Side.BUY) <= holdings.cash_micro
    bids, asks = bought["1"] + sold["2"], bought["2"] + sold["1"]
    assert bids == 0 or holdings.net_micro + bids <= CAPS.max_position_micro
    assert asks == 0 or asks - holdings.net_micro <= CAPS.max_position_micro
    assert all(leg.size_micro >= MARKET.min_size_micro and leg.size_micro % CAPS.size_step_micro == 0 for leg in legs)
    assert residual >= 0


@given(quotes, held)
def test_no_leg_is_worse_than_the_price_that_was_wanted_and_none_is_larger(wanted, holdings):
    legs, residual = legs_of(tuple(wanted), Mode.NORMAL, MARKET, holdings, CAPS)
    for side in Side:
        of_side = [quote for quote in wanted if quote.side is side]
        for leg in (leg for leg in legs if leg.slot.side is side):
            assert leg.yes_price_bp == of_side[leg.slot.level].price_bp
            assert (leg.token_id == "1") is (leg.side is side)
            assert leg.price_bp == (leg.yes_price_bp if leg.token_id == "1" else complement_bp(leg.yes_price_bp))
    assert sum(leg.size_micro for leg in legs) + residual == sum(quote.size_micro for quote in wanted)
