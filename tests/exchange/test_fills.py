"""Who pays what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.fills import fee_micro, fills_of, sized
from trader.exchange.orders import MarketSpec, NewOrder, Order, Outcome, Side
from trader.model.units import MICRO


@pytest.mark.parametrize(("size", "price_bp", "expected_micro"), [
    (100, 5_000, 1_750_000),        # the venue's own example: 0.0175 a share at one half
    (1, 100, 690),                  # 0.000693 rounds to five decimals
    (0.01, 100, 10),                # never less than 0.00001
])
def test_the_taker_fee_has_five_decimals_and_a_minimum(size, price_bp, expected_micro):
    assert fee_micro(round(size * MICRO), price_bp) == expected_micro


@given(st.integers(1, 10**12), st.integers(1, 9_999))
def test_both_outcomes_pay_the_same_fee(size_micro, price_bp):
    assert fee_micro(size_micro, price_bp) == fee_micro(size_micro, 10_000 - price_bp)


def test_a_mint_costs_exactly_one_dollar_a_pair_down_to_the_last_micro(order):
    maker = Order(order("bob", Side.BUY, 33, 5, Outcome.NO), 0)
    fill, = fills_of(order("ann", Side.BUY, 67, 3.333333), [maker])
    assert fill.maker_money_micro == 1_099_999          # rounded down: a maker never pays more than it reserved
    assert fill.maker_money_micro + fill.taker_money_micro == 3_333_333


def market_buy(order, dollars, limit_cents):
    return order("ann", Side.BUY, limit_cents, 1)._replace(spend_micro=round(dollars * MICRO))


def resting(order, *levels):
    return [Order(order("bob", Side.SELL, cents, size), 0) for cents, size in levels]


def test_a_market_buy_gets_more_shares_where_they_are_cheaper(order):
    taker, makers = market_buy(order, 5, 60), resting(order, (40, 5), (60, 100))
    fills = fills_of(taker, makers)
    assert [fill.size_micro for fill in fills] == [5 * MICRO, 5 * MICRO]
    assert sized(taker, fills).size_micro == 10 * MICRO


def test_what_a_market_buy_could_not_spend_counts_at_its_limit(order):
    taker = market_buy(order, 5, 60)
    fills = fills_of(taker, resting(order, (40, 5)))
    assert sized(taker, fills).size_micro == 10 * MICRO


@given(st.integers(1, 10**9), st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 10**8), st.sampled_from(Outcome)), max_size=5))
def test_a_market_buy_never_overspends_and_leaves_at_most_rounding(spend_micro, levels):
    spec = MarketSpec("0x" + "c" * 64, ("111", "222"), "v1")
    taker = NewOrder("t", "ann", "", "", spec, Outcome.YES, Side.BUY, 9_999, 1, spend_micro=spend_micro)
    makers = [Order(NewOrder(str(number), "bob", "", "", spec, outcome, Side.BUY if outcome else Side.SELL, price_bp, size_micro), 0)
              for number, (price_bp, size_micro, outcome) in enumerate(levels)]
    fills = fills_of(taker, makers)
    left_micro = spend_micro - sum(fill.taker_money_micro for fill in fills)
    assert left_micro >= 0 and all(fill.size_micro > 0 for fill in fills)
    assert left_micro <= 1 or [fill.size_micro for fill in fills] == [maker.open_micro for maker in makers]
