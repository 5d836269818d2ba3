import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.strategy.pricing import VolatilityEstimate, fair_bp, widening_permille

SECOND_NS = 1_000_000_000
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


def test_the_volatility_starts_at_its_prior():
    assert VolatilityEstimate(60, prior_bp=2.0, floor_bp=0.3).bp == pytest.approx(2.0)


@pytest.mark.parametrize("true_bp", [0.5, 1.0, 8.5])
def test_the_estimate_finds_the_deviation_of_a_random_walk(true_bp):
    rng, estimate, mid = random.Random(7), VolatilityEstimate(600, prior_bp=2.0, floor_bp=0.1), 60_000e6
    for second in range(5000):
        estimate.observe(round(mid), second * SECOND_NS + 1, second * SECOND_NS + 1)
        mid *= math.exp(rng.gauss(0, true_bp * 1e-4))
    assert estimate.bp == pytest.approx(true_bp, rel=0.1)


def test_after_ten_samples_the_prior_counts_for_less_than_half():
    estimate = VolatilityEstimate(60, prior_bp=2.0, floor_bp=0.1)
    for second in range(11):
        estimate.observe(60_000 * DOLLARS, second * SECOND_NS + 1, second * SECOND_NS)
    assert estimate.bp**2 < 2.0**2 / 2


def test_moves_within_one_second_are_not_sampled():
    estimate = VolatilityEstimate(60, prior_bp=1.0, floor_bp=0.1)
    for tick in range(20):
        estimate.observe((60_000 + 100 * (tick % 2)) * DOLLARS, tick * 50_000_000 + 1, tick * 50_000_000)
    assert estimate.bp == pytest.approx(1.0)


def test_a_silent_feed_is_not_taken_for_a_calm_market():
    estimate = VolatilityEstimate(60, prior_bp=1.0, floor_bp=0.1)
    for second in range(600):
        estimate.observe(60_000 * DOLLARS, 1, second * SECOND_NS)
    assert estimate.bp == pytest.approx(1.0)


def test_a_return_over_four_seconds_counts_as_half_its_size_a_second():
    estimate = VolatilityEstimate(60, prior_bp=3.0, floor_bp=0.1)
    estimate.observe(60_000 * DOLLARS, 1, 0)
    estimate.observe(round(60_000 * DOLLARS * math.exp(6e-4)), 2, 4 * SECOND_NS)
    assert estimate.bp == pytest.approx(3.0)        # 6 bp / √4 s is what the prior says: nothing changes


def test_the_volatility_never_falls_below_its_floor():
    estimate = VolatilityEstimate(5, prior_bp=1.0, floor_bp=0.3)
    for second in range(200):
        estimate.observe(60_000 * DOLLARS, second + 1, second * SECOND_NS)
    assert estimate.bp == 0.3


@pytest.mark.parametrize(("vol_bp", "permille"), [(0.5, 1000), (1.0, 1000), (1.5, 1500), (30.0, 3000)])
def test_spreads_widen_with_volatility_between_once_and_three_times(vol_bp, permille):
    assert widening_permille(vol_bp, usual_bp=1.0) == permille
