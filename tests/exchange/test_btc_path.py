"""Nature."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest

from trader.exchange.btc_path import SECONDS_PER_YEAR, BtcPath, up_probability
from trader.exchange.population import load_population

PRICE = load_population().price


def returns(speed, steps=20_000):
    path = BtcPath(PRICE, random.Random(3), speed)
    prices = [path.step() for _ in range(steps)]
    return [math.log(after / before) for before, after in itertools.pairwise(prices)]


@pytest.mark.parametrize("speed", [1.0, 72.0])
def test_the_variance_a_second_scales_with_the_speed(speed):
    per_second = statistics.pvariance(returns(speed)) * 1000 / PRICE.step_ms
    assert per_second * SECONDS_PER_YEAR / speed == pytest.approx(PRICE.annual_volatility**2, rel=0.05)


def test_the_same_seed_walks_the_same_path():
    assert returns(72, 50) == returns(72, 50)


def test_the_fair_price_is_a_half_at_the_strike_and_certain_at_the_end():
    assert up_probability(6_000_000, 6_000_000, 1_800, 1e-4) == 0.5
    assert up_probability(6_000_100, 6_000_000, 0, 1e-4) == pytest.approx(1)
    assert up_probability(5_999_900, 6_000_000, 0, 1e-4) == pytest.approx(0)


def test_a_rise_means_more_the_less_time_is_left():
    early, late = (up_probability(6_003_000, 6_000_000, seconds, 1e-4) for seconds in (3_600, 60))
    assert 0.5 < early < late < 1
