import math
import random

import pytest

from trader.strategy.volatility import ShockGauge, VolatilityEstimate

SECOND_NS = 1_000_000_000
DOLLARS = 1_000_000


def shock_of(moves):
    """Mids of (second, dollars), one deviation a second being 6 dollars at 60,000."""
    gauge, trace = ShockGauge(), []
    for second, mid in moves:
        at_ns = round(second * SECOND_NS)
        gauge.observe(round(mid * DOLLARS), at_ns, at_ns, 1.0)
        trace.append(round(gauge.z, 1))
    return trace


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


@pytest.mark.parametrize("half_life_s", [20, 60])
def test_the_stated_error_is_the_error_that_estimates_have(half_life_s):
    """1,500 estimates of a known deviation, as far apart as their memory reaches."""
    rng, estimate, log_mid, errors = random.Random(3), VolatilityEstimate(half_life_s, 1.0, 0.01), math.log(60_000e6), []
    for second in range(1500 * half_life_s):
        estimate.observe(round(math.exp(log_mid)), second * SECOND_NS + 1, second * SECOND_NS)
        log_mid = (log_mid + rng.gauss(0, 1e-4)) if 10 < log_mid < 40 else math.log(60_000e6)
        if second % half_life_s == 0 and second > 20 * half_life_s:
            errors.append(math.log(estimate.bp) ** 2)
    assert math.sqrt(sum(errors) / len(errors)) == pytest.approx(estimate.relative_error, rel=0.15)


def test_before_much_was_seen_the_error_is_large():
    estimate = VolatilityEstimate(600, 1.0, 0.1)
    assert 0.15 < estimate.relative_error < 0.17


def test_a_jump_shows_at_once_and_for_one_to_two_seconds():
    calm = [(second / 4, 60_000) for second in range(9)]
    jump = [(2.3, 60_060), (2.9, 60_060), (3.1, 60_060), (3.9, 60_060), (4.1, 60_060)]
    assert shock_of(calm + jump)[-5:] == pytest.approx([10 / math.sqrt(1.3), 10 / math.sqrt(1.9), 10 / math.sqrt(1.1),
                                                        10 / math.sqrt(1.9), 0.0], abs=0.1)


def test_a_jump_just_before_a_whole_second_is_not_forgotten_at_it():
    assert shock_of([(0, 60_000), (1, 60_000), (1.99, 59_940), (2.01, 59_940)])[-1] < -9


def test_the_move_over_a_silence_is_measured_against_the_whole_silence():
    assert shock_of([(0, 60_000), (1, 60_000), (17, 60_024)])[-1] == pytest.approx(1.0, abs=0.1)


def test_the_first_price_of_all_is_no_shock():
    assert shock_of([(0, 60_000)]) == [0.0]
