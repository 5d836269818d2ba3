import pytest

from trader.model.intent import Mode, Quote
from trader.model.order import Side
from trader.strategy.library.two_sided import TwoSided, TwoSidedParams
from trader.strategy.settings import StrategySettings

SHARES = 1_000_000
HOUR_MS = 3_600_000


def prices(view, **settings):
    """{side: price in bp} of what is quoted."""
    return {quote.side: quote.price_bp for quote in TwoSided(StrategySettings(**settings)).quote(view)[1]}


def test_a_calm_market_is_quoted_two_cents_either_side_of_fair(make):
    mode, quotes, reason = TwoSided(StrategySettings()).quote(make.view())
    assert (mode, reason) == (Mode.NORMAL, "")
    assert quotes == (Quote(Side.BUY, 4800, 100 * SHARES), Quote(Side.SELL, 5200, 100 * SHARES))


def test_bids_round_down_and_asks_up(make):
    assert prices(make.view(fair_bp=5050)) == {Side.BUY: 4800, Side.SELL: 5300}


def test_a_finer_tick_of_the_book_beats_the_tick_of_the_listing(make):
    assert prices(make.view(fair_bp=5057, book=make.book(tick_bp=10))) == {Side.BUY: 4850, Side.SELL: 5260}


@pytest.mark.parametrize(("net", "bid_bp", "ask_bp"), [(100, 4700, 5100), (-100, 4900, 5300), (500, 4300, 4700)])
def test_a_position_moves_both_quotes_against_itself(make, net, bid_bp, ask_bp):
    assert prices(make.view(inventory=make.inventory(net))) == {Side.BUY: bid_bp, Side.SELL: ask_bp}


@pytest.mark.parametrize("net", [1, 37, 99, 1234])
def test_long_and_short_are_skewed_alike(make, net):
    long, short = (prices(make.view(inventory=make.inventory(held), book=make.book(100, 9900, tick_bp=1))) for held in (net, -net))
    assert long[Side.BUY] + short[Side.SELL] == 10_000 == long[Side.SELL] + short[Side.BUY]


@pytest.mark.parametrize(("mode", "reasons"), [
    (Mode.CAUTION, ("caution",)), (Mode.STOP, ("cooldown",)), (Mode.ONE_SIDED_SELL, ("caution", "max_position")),
])
def test_caution_even_hidden_and_the_cool_down_before_it_double_the_spread(make, mode, reasons):
    assert prices(make.view(inventory=make.inventory(mode=mode, reasons=reasons))) == {Side.BUY: 4600, Side.SELL: 5400}


@pytest.mark.parametrize(("mode", "reasons"), [
    (Mode.STOP, ()), (Mode.ONE_SIDED_SELL, ("max_position",)), (Mode.REDUCE_ONLY, ("gross_cap",)),
])
def test_our_own_stop_and_position_limits_do_not_widen(make, mode, reasons):
    assert prices(make.view(inventory=make.inventory(mode=mode, reasons=reasons))) == {Side.BUY: 4800, Side.SELL: 5200}


def test_the_executors_caution_is_not_asked_for_again_or_it_would_never_end(make):
    mode, _, _ = TwoSided(StrategySettings()).quote(make.view(inventory=make.inventory(mode=Mode.CAUTION)))
    assert mode is Mode.NORMAL


def test_a_provisional_strike_asks_for_caution_and_doubles_once_only(make):
    view = make.view(provisional_strike=True, fair_reason="provisional", inventory=make.inventory(mode=Mode.CAUTION))
    mode, _, reason = TwoSided(StrategySettings()).quote(view)
    assert (mode, reason) == (Mode.CAUTION, "provisional")
    assert prices(view) == {Side.BUY: 4600, Side.SELL: 5400}


@pytest.mark.parametrize(("volatility_bp", "bid_bp"), [(0.3, 4800), (1.5, 4700), (2.0, 4600), (50.0, 4400)])
def test_volatility_above_its_usual_value_widens_up_to_three_times(make, volatility_bp, bid_bp):
    assert prices(make.view(volatility_bp=volatility_bp))[Side.BUY] == bid_bp


@pytest.mark.parametrize(("left_ms", "mode", "shares"), [
    (300_001, Mode.NORMAL, 100), (299_990, Mode.NORMAL, 50), (60_010, Mode.NORMAL, 50), (59_990, Mode.REDUCE_ONLY, 50),
    (30_010, Mode.REDUCE_ONLY, 50), (29_980, Mode.STOP, 0), (0, Mode.STOP, 0), (-1, Mode.STOP, 0),
])
def test_the_end_of_an_hour_halves_at_5_min_reduces_at_1_min_and_stops_at_30_s(make, left_ms, mode, shares):
    got, quotes, _ = TwoSided(StrategySettings()).quote(make.view(time_left_ms=left_ms))
    assert got is mode
    assert {quote.size_micro for quote in quotes} == ({shares * SHARES} if shares else set())


def test_a_window_of_50_s_ends_by_the_same_fractions(make):
    market = make.market()
    view = make.view(market=market._replace(close_ms=market.open_ms + 50_000), time_left_ms=416)
    assert TwoSided(StrategySettings()).quote(view)[0] is Mode.STOP


def test_half_a_size_is_never_below_the_venues_minimum(make):
    view = make.view(time_left_ms=100_000, market=make.market(min_size_micro=4_500_000))
    _, quotes, _ = TwoSided(StrategySettings(base_size=7)).quote(view)
    assert {quote.size_micro for quote in quotes} == {5 * SHARES}


def test_quotes_rest_one_tick_inside_the_touch_of_others(make):
    assert prices(make.view(book=make.book(5500, 5600))) == {Side.BUY: 4800, Side.SELL: 5600}
    assert prices(make.view(book=make.book(4300, 4500))) == {Side.BUY: 4400, Side.SELL: 5200}


def test_our_own_stale_ask_does_not_hold_our_bid_back(make):
    book = make.book()._replace(yes=make.top([(4000, 500)], [(4700, 100), (6000, 500)]))
    view = make.view(book=book, inventory=make.inventory(working=(make.order(Side.SELL, 4700, 100),)))
    assert prices(view)[Side.BUY] == 4800


def test_being_the_only_one_who_bids_is_no_missing_side(make):
    view = make.view(book=make.book(4800, 6000), inventory=make.inventory(working=(make.order(Side.BUY, 4800, 500),)))
    assert prices(view) == {Side.BUY: 4800, Side.SELL: 5200}


@pytest.mark.parametrize("sides", [(None, 6000), (4000, None), (None, None)])
def test_an_empty_side_stops(make, sides):
    mode, quotes, reason = TwoSided(StrategySettings()).quote(make.view(book=make.book(*sides)))
    assert (mode, quotes) == (Mode.STOP, ()) and "empty" in reason


def test_no_fair_price_stops_and_passes_the_reason_on(make):
    result = TwoSided(StrategySettings()).quote(make.view(fair_bp=None, fair_reason="strike unknown"))
    assert result == (Mode.STOP, (), "no fair price: strike unknown")


@pytest.mark.parametrize(("fair", "expected"), [(150, {Side.SELL: 400}), (9850, {Side.BUY: 9600})])
def test_near_the_ends_only_the_side_that_keeps_its_distance_is_quoted(make, fair, expected):
    assert prices(make.view(fair_bp=fair, book=make.book(100, 9900))) == expected


def test_every_quote_is_whole_shares_and_integers(make):
    for quote in TwoSided(StrategySettings(base_size=33, base_spread_cents=1.37)).quote(make.view(time_left_ms=200_000))[1]:
        assert type(quote.price_bp) is int and type(quote.size_micro) is int and quote.size_micro % SHARES == 0


def test_levels_stand_behind_each_other(make):
    quotes = TwoSided(StrategySettings(), TwoSidedParams(levels=3, level_step_cents=2)).quote(make.view(book=make.book(100, 9900)))[1]
    assert [quote.price_bp for quote in quotes] == [4800, 4600, 4400, 5200, 5400, 5600]


def test_levels_that_fall_on_one_price_are_quoted_once(make):
    quotes = TwoSided(StrategySettings(), TwoSidedParams(levels=3, level_step_cents=1)).quote(make.view(book=make.book(100, 4800)))[1]
    assert [quote.price_bp for quote in quotes if quote.side is Side.BUY] == [4700, 4600]


def test_a_shock_doubles_the_spread(make):
    assert prices(make.view(shock_z=-5.0)) == {Side.BUY: 4600, Side.SELL: 5400}
    assert prices(make.view(shock_z=4.9)) == {Side.BUY: 4800, Side.SELL: 5200}


def test_turbulence_that_has_just_begun_widens(make):
    assert prices(make.view(volatility_bp=1.0, fast_volatility_bp=2.0))[Side.BUY] == 4600
