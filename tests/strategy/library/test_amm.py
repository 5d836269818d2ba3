"""The configurations of poly-market-maker's own documentation and tests, in YES terms."""

import pytest

from trader.errors import ConfigError
from trader.model.order import Side
from trader.strategy.check import fault_in
from trader.strategy.library.amm import Amm, AmmParams
from trader.strategy.params import params_from
from trader.strategy.settings import StrategySettings

SHARE = 1_000_000


def quoted(view, **params):
    """{side: [(price in bp, shares), ...]}, best first."""
    made = Amm(StrategySettings(), AmmParams(**params)).quote(view)[1]
    return {side: [(q.price_bp, q.size_micro / SHARE) for q in made if q.side is side] for side in Side}


def holding(make, *, yes=0, no=0, cash=0, working=()):
    return make.inventory(working=working)._replace(yes_effective_micro=yes * SHARE, no_effective_micro=no * SHARE, cash_micro=cash * SHARE)


def test_the_documented_prices_begin_at_the_spread_and_end_a_depth_further(make):
    made = quoted(make.view(inventory=holding(make, yes=1000, no=1000, cash=2000)), spread=0.02, depth=0.05, max_collateral=2000)
    assert [price_bp for price_bp, _ in made[Side.BUY]] == [4800, 4700, 4600, 4500, 4400, 4300]
    assert [price_bp for price_bp, _ in made[Side.SELL]] == [5200, 5300, 5400, 5500, 5600, 5700]


def test_the_other_documented_example_has_21_prices_a_side(make):
    made = quoted(make.view(inventory=holding(make, yes=1000, no=1000, cash=2000), book=make.book(100, 9900)), spread=0.05, depth=0.2,
                  max_collateral=2000)
    assert [len(made[side]) for side in Side] == [21, 21]


def test_what_is_held_is_offered_whole_and_more_of_it_near_the_target(make):
    asks = quoted(make.view(inventory=holding(make, yes=1000)), depth=0.05)[Side.SELL]
    sizes = [shares for _, shares in asks]
    assert sizes == sorted(sizes, reverse=True)
    assert 999.9 < sum(sizes) <= 1000


def test_collateral_bids_more_shares_the_lower_the_price_and_spends_no_more_than_there_is(make):
    made = quoted(make.view(inventory=holding(make, cash=2000)), depth=0.05, max_collateral=2000)
    sizes = [shares for _, shares in made[Side.BUY]]
    cost = sum(price_bp * shares for price_bp, shares in made[Side.BUY]) + sum((10_000 - p) * shares for p, shares in made[Side.SELL])
    assert sizes == sorted(sizes)
    assert 1900 < cost / 10_000 <= 2000


def test_a_swap_through_every_ask_costs_what_the_pool_says(make):
    """Constant product: x shares sold from p to q bring L (√q − √p) dollars, and L follows from x."""
    view = make.view(inventory=holding(make, yes=1000), book=make.book(100, 9900, tick_bp=1))
    made = quoted(view, spread=0.0001, delta=0.0001, depth=0.0049)
    liquidity = 1000 / (0.5**-0.5 - 0.505**-0.5)
    proceeds = sum(price_bp * shares / 10_000 for price_bp, shares in made[Side.SELL])
    assert proceeds == pytest.approx(liquidity * (0.505**0.5 - 0.5**0.5), rel=0.02)


def test_best_bid_and_ask_are_of_one_size_whatever_is_held(make):
    """50 shares of YES are offered already, so more of the cash goes to the bid for YES."""
    made = quoted(make.view(inventory=holding(make, yes=50, cash=200)))
    assert made[Side.BUY][0][1] == pytest.approx(made[Side.SELL][0][1], abs=0.05)


def test_the_most_collateral_is_a_limit(make):
    capped, whole = (quoted(make.view(inventory=holding(make, cash=cash)), max_collateral=200) for cash in (100_000, 200))
    assert capped == whole


def test_prices_stay_within_p_min_and_p_max(make):
    made = quoted(make.view(fair_bp=9000, book=make.book(8000, 9800), inventory=holding(make, yes=1000, cash=200)))
    assert [price_bp for price_bp, _ in made[Side.SELL]] == [9100, 9200, 9300, 9400, 9500]


@pytest.mark.parametrize("fair_bp", [200, 500, 9500, 9900])
def test_a_target_at_or_beyond_the_range_quotes_only_what_lies_within(make, fair_bp):
    made = quoted(make.view(fair_bp=fair_bp, book=make.book(100, 9900), inventory=holding(make, yes=100, no=100, cash=200)))
    assert all(500 <= price_bp <= 9500 for side in Side for price_bp, _ in made[side])


def test_what_rests_stays_while_it_is_off_by_less_than_an_order(make):
    wanted = quoted(make.view(inventory=holding(make, cash=200)))[Side.BUY][0]
    partly = holding(make, cash=200, working=(make.order(Side.BUY, wanted[0], int(wanted[1]) - 2),))
    assert quoted(make.view(inventory=partly))[Side.BUY][0] == (wanted[0], int(wanted[1]) - 2)
    more = holding(make, cash=200, working=(make.order(Side.BUY, wanted[0], int(wanted[1]) + 4),))
    assert quoted(make.view(inventory=more))[Side.BUY][0] == (wanted[0], int(wanted[1]) + 4)
    hardly = holding(make, cash=200, working=(make.order(Side.BUY, wanted[0], 6),))
    assert quoted(make.view(inventory=hardly))[Side.BUY][0] == wanted


def test_what_is_too_small_for_an_order_is_left_out(make):
    assert quoted(make.view(inventory=holding(make, cash=2))) == {Side.BUY: [], Side.SELL: []}


def test_the_names_of_the_documentation_page_fit_too():
    text = '{"minPrice": 0.1, "maxPrice": 0.9, "spread": 0.02, "delta": 0.01, "depth": 0.05}'
    assert params_from(AmmParams, text) == AmmParams(0.1, 0.9, 0.02, 0.01, 0.05)


@pytest.mark.parametrize("fair_bp", [2, 1000, 5000, 9000, 9998])
def test_two_pools_whose_prices_do_not_meet_quote_no_more_than_may_be_quoted(make, fair_bp):
    """p_min and p_max are not mirror images, so a price of the one pool lies between two of the other."""
    params = AmmParams(p_min=0.0013, p_max=0.95, spread=0.002, delta=0.01, depth=0.49, max_collateral=100_000)
    view = make.view(fair_bp=fair_bp, book=make.book(1, 9999, tick_bp=1), inventory=holding(make, yes=9000, no=9000, cash=100_000))
    assert fault_in(Amm(StrategySettings(), params).quote(view), 1) is None


@pytest.mark.parametrize(("text", "said"), [
    ('{"p_min": 0.9, "p_max": 0.2}', "p_min: was 0.9, must be below p_max"),
    ('{"delta": 0.001, "depth": 0.5}', "more than 50 orders a side"),
    ('{"delta": 0}', "delta: was 0, must be at least 0.0001"),
])
def test_parameters_that_make_no_sense_are_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        params_from(AmmParams, text)
