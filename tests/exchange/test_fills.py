"""Who pays what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.book import Match
from trader.exchange.fills import fee_micro, priced
from trader.exchange.orders import Order, Outcome, Side
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
    fill, = priced(order("ann", Side.BUY, 67, 5), [Match(maker, 3_333_333)])
    assert fill.maker_money_micro == 1_099_999          # rounded down: a maker never pays more than it reserved
    assert fill.maker_money_micro + fill.taker_money_micro == 3_333_333
