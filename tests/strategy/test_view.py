import pytest

from trader.model.market import LiveMarket
from trader.strategy.settings import StrategySettings
from trader.strategy.view import NO_STRIKE, PROVISIONAL, NoView, Snapshots, ViewBuilder

SECOND_NS = 1_000_000_000


def seen(make, **other):
    return Snapshots(**{"live": LiveMarket(make.market(), None), "book": make.book(), "reference": make.reference(),
                        "inventory": make.inventory(), **other})


def build(snapshots, make, late_ms=1_800_000):
    return ViewBuilder(StrategySettings()).build(snapshots, 0, make.market().open_ms + late_ms)


def test_a_view_carries_the_fair_price_of_the_window(make):
    view = build(seen(make), make)
    assert (view.fair_bp, view.fair_reason, view.provisional_strike, view.time_left_ms) == (5000, "", False, 1_800_000)
    assert view.volatility_bp == pytest.approx(1.0)


@pytest.mark.parametrize(("missing", "reason"), [
    ({"live": None}, "no window is open"),
    ({"live": LiveMarket(None, None)}, "no window is open"),
    ({"book": None}, "waiting for the book of this market"),
    ({"reference": None}, "waiting for the first reference price"),
    ({"inventory": None}, "waiting for the executor to take over this market"),
])
def test_what_is_missing_is_named(make, missing, reason):
    assert build(seen(make, **missing), make).reason == reason


def test_the_book_of_another_market_is_no_book(make):
    assert build(seen(make, book=make.book(condition_id="0xbb")), make) == NoView("0xaa", "waiting for the book of this market")


def test_an_executor_that_has_not_switched_yet_would_discard_the_intent(make):
    assert build(seen(make, inventory=make.inventory(condition_id="0xbb")), make).reason.startswith("waiting for the executor")


def test_without_a_strike_there_is_no_fair_price_and_it_says_why(make):
    view = build(seen(make, reference=make.reference(open=None, open_ms=None)), make)
    assert (view.fair_bp, view.fair_reason) == (None, NO_STRIKE)


def test_an_open_seen_while_nothing_could_be_quoted_gives_a_provisional_strike(make):
    builder, market = ViewBuilder(StrategySettings()), make.market()
    early = seen(make, live=LiveMarket(None, market), book=None, reference=make.reference(59_000, open=None, received_ns=0))
    builder.build(early, 0, market.open_ms - 100)
    late = seen(make, reference=make.reference(60_000, open=None, received_ns=SECOND_NS))
    view = builder.build(late, SECOND_NS, market.open_ms + 900)
    assert (view.provisional_strike, view.fair_reason, view.fair_bp) == (True, PROVISIONAL, 5000)


def test_a_reference_received_before_the_open_is_not_after_it_because_it_was_read_late(make):
    builder, market = ViewBuilder(StrategySettings()), make.market()
    snapshots = seen(make, reference=make.reference(open=None, received_ns=0))
    builder.build(snapshots, 0, market.open_ms - 100)
    assert builder.build(snapshots, SECOND_NS, market.open_ms + 900).fair_bp is None


def test_a_market_that_settles_on_another_reference_is_observed_only_and_says_why(make):
    live = LiveMarket(make.market(settles_on="https://data.chain.link/streams/btc-usd-twap-60s-streams"), None)
    assert build(seen(make, live=live), make).reason == (
        "observed only: this market settles on https://data.chain.link/streams/btc-usd-twap-60s-streams, the reference feed is BTCUSDT")


@pytest.mark.parametrize("hours", [1, 24])
def test_a_window_longer_than_the_candle_that_gives_the_strike_is_observed_only_and_says_why(make, hours):
    """The daily market settles on other candles of the same pair."""
    market = make.market(close_ms=make.market().open_ms + hours * 3_600_000, settles_on="BTCUSDT")
    scene = build(seen(make, live=LiveMarket(market, None)), make)
    assert getattr(scene, "reason", "") == {
        1: "", 24: "observed only: this window lasts 24 h, the strike is the open of an hour's candle"}[hours]


def test_a_market_that_settles_on_the_reference_feed_has_a_view(make):
    view = build(seen(make, live=LiveMarket(make.market(settles_on="BTCUSDT"), None)), make)
    assert view.fair_bp == 5000


def test_a_view_carries_the_band_the_shock_and_the_age_of_the_source(make):
    builder, market = ViewBuilder(StrategySettings()), make.market()
    for second, mid in enumerate((60_000, 60_000, 60_000, 60_120)):
        view = builder.build(seen(make, reference=make.reference(mid, received_ns=second * SECOND_NS)), second * SECOND_NS + 30_000_000,
                             market.open_ms + 1_800_000)
    assert view.fair_lo_bp < view.fair_bp < view.fair_hi_bp
    assert view.shock_z > 10 and view.fast_volatility_bp > view.volatility_bp
    assert view.reference_age_ms == 30


def test_without_a_fair_price_there_is_no_band(make):
    view = build(seen(make, reference=make.reference(open=None, open_ms=None)), make)
    assert (view.fair_lo_bp, view.fair_hi_bp) == (None, None)
