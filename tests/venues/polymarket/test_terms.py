import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.model.costs import FeeSchedule, RewardBand
from trader.venues.polymarket.terms import fees_from_gamma, rewards_from_gamma, settles_on

SCHEDULE = {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2}


def test_the_schedule_of_the_hourly_market_is_read_exactly():
    assert fees_from_gamma({"feesEnabled": True, "feeSchedule": SCHEDULE}) == FeeSchedule(70_000, 1, True, 200_000)


def test_a_market_without_fees_is_known_to_be_free():
    assert fees_from_gamma({"feesEnabled": False}) == FeeSchedule(0, 1, True, 0)


def test_a_rebate_that_is_not_named_is_none():
    assert fees_from_gamma({"feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True}}).rebate_ppm == 0


@pytest.mark.parametrize("changes", [
    {"rate": None}, {"rate": -0.1}, {"rate": 1.5}, {"rate": "x"}, {"rate": 0.0700001}, {"exponent": 1.5}, {"exponent": 9},
    {"exponent": None},
    {"takerOnly": None}, {"takerOnly": "true"}, {"rebateRate": "all"},
])
def test_a_fee_that_cannot_be_computed_is_unknown(changes):
    assert fees_from_gamma({"feesEnabled": True, "feeSchedule": SCHEDULE | changes}) is None


def test_rewards_are_read_in_shares_and_cents():
    assert rewards_from_gamma({"rewardsMinSize": 50, "rewardsMaxSpread": 4.5}) == RewardBand(50_000_000, 450)


@pytest.mark.parametrize("row", [{}, {"rewardsMinSize": 0, "rewardsMaxSpread": 0}, {"rewardsMinSize": 50}, {"rewardsMinSize": 50,
                                 "rewardsMaxSpread": "wide"}])
def test_without_both_figures_there_are_no_rewards(row):
    assert rewards_from_gamma(row) is None


@pytest.mark.parametrize(("source", "settles"), [
    ("https://www.binance.com/en/trade/BTC_USDT", "BTCUSDT"),
    ("https://www.binance.com/en/trade/ETH_USDT?type=spot", "ETHUSDT"),
    ("https://data.chain.link/streams/btc-usd-twap-60s-streams", "https://data.chain.link/streams/btc-usd-twap-60s-streams"),
    ("https://evil.test/?https://www.binance.com/en/trade/BTC_USDT", "https://evil.test/?https://www.binance.com/en/trade/BTC_USDT"),
    *((nothing, "a source that the venue does not name") for nothing in ("", None, 7)),
])
def test_a_market_settles_on_binances_price_or_on_something_else(source, settles):
    assert settles_on({"resolutionSource": source}) == settles


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*SCHEDULE]), inner))


@given(st.dictionaries(st.sampled_from(["feesEnabled", "feeSchedule", "rewardsMinSize", "rewardsMaxSpread", "resolutionSource"]), anything))
def test_no_listing_can_break_the_reader(row):
    fees, rewards = fees_from_gamma(row), rewards_from_gamma(row)
    assert fees is None or fees.taker_fee_micro(5000, 10**8) >= 0
    assert rewards is None or rewards.max_spread_bp > 0
    assert settles_on(row)
