import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.fills import fee_micro
from trader.model.costs import FeeSchedule, RewardBand

SHARE = 1_000_000
CRYPTO = FeeSchedule(rate_ppm=70_000, exponent=1, taker_only=True, rebate_ppm=200_000)


@pytest.mark.parametrize(("price_bp", "cents_of_100"), [(5000, 175), (1000, 63), (9000, 63), (9900, 6.93)])
def test_a_taker_pays_most_at_50_cents(price_bp, cents_of_100):
    assert CRYPTO.taker_fee_micro(price_bp, 100 * SHARE) == cents_of_100 * 10_000


def test_a_maker_pays_nothing_unless_the_schedule_says_so():
    assert CRYPTO.maker_fee_micro(5000, 100 * SHARE) == 0
    assert CRYPTO._replace(taker_only=False).maker_fee_micro(5000, 100 * SHARE) == 1_750_000


def test_a_maker_gets_back_its_part_of_the_takers_fee():
    assert CRYPTO.maker_rebate_micro(5000, 100 * SHARE) == 350_000


def test_the_least_fee_is_a_thousandth_of_a_cent():
    assert CRYPTO.taker_fee_micro(100, 1000) == 10
    assert CRYPTO._replace(rate_ppm=0).taker_fee_micro(100, 1000) == 0


def test_a_higher_exponent_cuts_the_tails():
    assert CRYPTO._replace(exponent=2).taker_fee_micro(5000, 100 * SHARE) == 437_500
    assert CRYPTO._replace(exponent=0).taker_fee_micro(9900, 100 * SHARE) == 7_000_000


@given(st.integers(1, 9999), st.integers(1, 10**12))
def test_the_curve_is_the_one_that_the_exchange_charges(price_bp, size_micro):
    assert CRYPTO.taker_fee_micro(price_bp, size_micro) == fee_micro(size_micro, price_bp)


@pytest.mark.parametrize(("price_bp", "shares", "counts"), [(4550, 50, True), (5450, 50, True), (4549, 50, False), (5000, 49, False)])
def test_rewards_need_size_and_nearness_to_the_mid(price_bp, shares, counts):
    assert RewardBand(50 * SHARE, 450).counts(price_bp, shares * SHARE, mid_bp=5000) is counts
