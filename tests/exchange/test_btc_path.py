"""Nature."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from dataclasses import replace

import pytest

from trader.exchange.btc_path import SECONDS_PER_YEAR, BtcPath, up_probability
from trader.exchange.population import load_population

PRICE = load_population().price
EVEN = replace(PRICE, cluster_spread=0.0, jumps_per_hour=0.0, jump_share=0.0)


def returns(speed, steps=20_000, price=PRICE):
    path = BtcPath(price, random.Random(3), speed)
    prices = [path.step() for _ in range(steps)]
    return [math.log(after / before) for before, after in itertools.pairwise(prices)]


@pytest.mark.parametrize("speed", [1.0, 72.0])
def test_the_variance_a_second_scales_with_the_speed(speed):
    per_second = statistics.pvariance(returns(speed, price=EVEN)) * 1000 / PRICE.step_ms
    assert per_second * SECONDS_PER_YEAR / speed == pytest.approx(PRICE.annual_volatility**2, rel=0.05)


def test_clusters_and_jumps_change_the_shape_and_not_the_mean_variance():
    per_second = statistics.pvariance(returns(720, 400_000)) * 1000 / PRICE.step_ms
    assert per_second * SECONDS_PER_YEAR / 720 == pytest.approx(PRICE.annual_volatility**2, rel=0.1)


def test_wild_stretches_follow_wild_ones():
    """Squares of returns a second apart: uncorrelated in an even path, clearly correlated in this one."""
    def memory(price):
        squares = [each * each for each in returns(72, 50_000, price)]
        return statistics.correlation(squares[:-20], squares[20:])
    assert memory(replace(PRICE, jumps_per_hour=0, jump_share=0)) > 0.1 > memory(EVEN) + 0.05


def test_jumps_are_far_outside_of_what_a_quiet_path_does():
    spread = statistics.pstdev(returns(72, 50_000, EVEN))
    far = sum(abs(each) > 6 * spread for each in returns(72, 50_000, replace(EVEN, jumps_per_hour=3, jump_share=0.1)))
    assert 25 < far < 80        # of 150 jumps in these 42 minutes at 72 times the speed, the larger third


def test_the_same_seed_walks_the_same_path():
    assert returns(72, 50) == returns(72, 50)


def test_the_fair_price_is_a_half_at_the_strike_and_certain_at_the_end():
    assert up_probability(6_000_000, 6_000_000, 1_800, 1e-4) == 0.5
    assert up_probability(6_000_100, 6_000_000, 0, 1e-4) == pytest.approx(1)
    assert up_probability(5_999_900, 6_000_000, 0, 1e-4) == pytest.approx(0)


def test_a_rise_means_more_the_less_time_is_left():
    early, late = (up_probability(6_003_000, 6_000_000, seconds, 1e-4) for seconds in (3_600, 60))
    assert 0.5 < early < late < 1
