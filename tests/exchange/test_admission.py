"""Each rule an order can break, in the venue's words."""

from __future__ import annotations

import pytest

from trader.exchange.admission import check_book, check_terms
from trader.exchange.market import Market
from trader.exchange.orders import OrderType, Side
from trader.exchange.refusal import Refusal


@pytest.fixture
def market(spec):
    return Market(spec, 0)


@pytest.mark.parametrize(("cents", "text"), [(55.5, "0.555"), (0, "0"), (100, "1")])
def test_a_price_off_the_tick_or_out_of_range_is_refused(market, order, cents, text):
    with pytest.raises(Refusal) as refused:
        check_terms(order("ann", Side.BUY, 50, 10)._replace(price_bp=round(cents * 100)), market, 0)
    assert str(refused.value) == f"Price ({text}) breaks minimum tick size rule: 0.01"


def test_a_resting_order_has_at_least_five_shares_and_two_decimals(market, order):
    with pytest.raises(Refusal, match=r"Size \(4.99\) lower than the minimum: 5"):
        check_terms(order("ann", Side.BUY, 50, 4.99), market, 0)
    with pytest.raises(Refusal, match="buy orders maker amount supports a max accuracy of 4 decimals, taker amount a max of 2 decimals"):
        check_terms(order("ann", Side.BUY, 50, 5.001), market, 0)


def test_a_marketable_buy_spends_at_least_a_dollar(market, order):
    with pytest.raises(Refusal, match=r"invalid amount for a marketable BUY order \(\$0.5\), min size: \$1"):
        check_book(order("ann", Side.BUY, 50, 1, order_type=OrderType.FAK), market, [None])


def test_a_gtd_order_must_end_at_least_three_minutes_ahead(market, order):
    check_terms(order("ann", Side.BUY, 50, 5, order_type=OrderType.GTD, expires_ms=180_000), market, 0)
    with pytest.raises(Refusal, match="invalid expiration"):
        check_terms(order("ann", Side.BUY, 50, 5, order_type=OrderType.GTD, expires_ms=179_999), market, 0)


def test_only_resting_orders_can_be_post_only(market, order):
    with pytest.raises(Refusal, match="invalid post-only order"):
        check_terms(order("ann", Side.BUY, 50, 5, order_type=OrderType.FOK, post_only=True), market, 0)
