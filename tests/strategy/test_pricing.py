import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.strategy.pricing import NO_JUMPS, Jumps, fair_band, fair_bp, widening_permille

DOLLARS = 1_000_000
prices = st.integers(1_000 * DOLLARS, 1_000_000 * DOLLARS)
times_s = st.floats(0, 86_400)
volatilities_bp = st.floats(0.001, 100)


def test_at_the_strike_the_fair_price_is_a_half():
    assert fair_bp(60_000 * DOLLARS, 60_000 * DOLLARS, 1800, 1.0) == 5000


def test_one_deviation_above_the_strike_is_worth_84_cents():
    one_deviation = 60_000 * DOLLARS * math.exp(60e-4)      # 1 bp × √3600 s = 60 bp
    assert fair_bp(round(one_deviation), 60_000 * DOLLARS, 3600, 1.0) == 8413


@pytest.mark.parametrize(("mid", "expected_bp"), [(60_001, 9999), (60_000, 9999), (59_999, 1)])
def test_at_the_close_the_sign_decides_and_a_tie_pays_up(mid, expected_bp):
    assert fair_bp(mid * DOLLARS, 60_000 * DOLLARS, 0, 1.0) == expected_bp
    assert fair_bp(mid * DOLLARS, 60_000 * DOLLARS, -5, 1.0) == expected_bp


@given(prices, prices, times_s, volatilities_bp)
def test_a_fair_price_is_an_integer_within_1_and_9_999(mid, strike, time_left_s, vol_bp):
    fair = fair_bp(mid, strike, time_left_s, vol_bp)
    assert type(fair) is int and 1 <= fair <= 9999


@given(prices, prices, prices, st.floats(1, 86_400), volatilities_bp)
def test_a_higher_reference_is_never_worth_less(one, other, strike, time_left_s, vol_bp):
    low, high = sorted((one, other))
    assert fair_bp(low, strike, time_left_s, vol_bp) <= fair_bp(high, strike, time_left_s, vol_bp)


@given(prices, prices, st.floats(1, 86_400), volatilities_bp)
def test_up_and_down_pay_one_dollar_together(mid, strike, time_left_s, vol_bp):
    assert abs(fair_bp(mid, strike, time_left_s, vol_bp) + fair_bp(strike, mid, time_left_s, vol_bp) - 10_000) <= 1


@given(prices, prices, times_s, volatilities_bp)
def test_a_chance_of_news_moves_the_price_towards_a_half(mid, strike, time_left_s, vol_bp):
    calm, news = (fair_bp(mid, strike, time_left_s, vol_bp, jumps) for jumps in (NO_JUMPS, Jumps(2.0, 20.0)))
    assert abs(news - 5000) <= abs(calm - 5000)


def test_news_matters_most_when_the_outcome_seems_certain():
    mid, strike = 60_120 * DOLLARS, 60_000 * DOLLARS                # 20 bp above, a minute left: 2.6 deviations
    assert fair_bp(mid, strike, 60, 1.0) == 9951
    assert fair_bp(mid, strike, 60, 1.0, Jumps(1.0, 10.0)) == 9942


@given(prices, prices, times_s, volatilities_bp, st.floats(0, 0.5))
def test_the_band_holds_the_fair_price_and_grows_with_what_is_not_known(mid, strike, time_left_s, vol_bp, error):
    narrow, wide = (fair_band(mid, strike, time_left_s, vol_bp, each) for each in (error / 2, error))
    assert wide.lo_bp <= narrow.lo_bp <= narrow.fair_bp == wide.fair_bp <= narrow.hi_bp <= wide.hi_bp


def test_at_the_strike_the_volatility_does_not_matter_and_the_band_is_empty():
    assert fair_band(60_000 * DOLLARS, 60_000 * DOLLARS, 600, 1.0, 0.2) == (5000, 5000, 5000)


@pytest.mark.parametrize(("vol_bp", "permille"), [(0.5, 1000), (1.0, 1000), (1.5, 1500), (30.0, 3000)])
def test_spreads_widen_with_volatility_between_once_and_three_times(vol_bp, permille):
    assert widening_permille(vol_bp, usual_bp=1.0) == permille
