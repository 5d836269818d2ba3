import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.model.intent import Mode
from trader.model.order import Side
from trader.strategy.library.avellaneda_stoikov import AvellanedaStoikov, AvellanedaStoikovParams
from trader.strategy.settings import StrategySettings


def prices(view, **params):
    rule = AvellanedaStoikov(StrategySettings(), AvellanedaStoikovParams(**params))
    return {quote.side: quote.price_bp for quote in rule.quote(view)[1]}


def fine(make, net=0, **other):
    return make.view(book=make.book(100, 9900, tick_bp=1), inventory=make.inventory(net), **other)


def test_without_a_position_the_quotes_stand_one_over_kappa_from_fair(make):
    assert prices(fine(make), fill_decay=40) == {Side.BUY: 4750, Side.SELL: 5250}


@pytest.mark.parametrize(("fair_bp", "moved_bp"), [(5000, 125), (8000, 80), (9500, 23)])
def test_a_position_costs_gamma_times_shares_times_the_variance_still_to_come(make, fair_bp, moved_bp):
    """p (1 − p) at 50 ¢ is 0.25: 100 shares × 0.0005 × 0.25 = 1.25 ¢."""
    flat, long = (prices(fine(make, net, fair_bp=fair_bp)) for net in (0, 100))
    assert flat[Side.BUY] - long[Side.BUY] == pytest.approx(moved_bp, abs=1)


@pytest.mark.parametrize("net", [1, 37, 333])
def test_long_and_short_are_treated_alike(make, net):
    long, short = (prices(fine(make, each)) for each in (net, -net))
    assert long[Side.BUY] + short[Side.SELL] == 10_000 == long[Side.SELL] + short[Side.BUY]


def test_more_risk_aversion_moves_further(make):
    timid, bold = (prices(fine(make, 100), risk_aversion=gamma)[Side.SELL] for gamma in (0.002, 0.0005))
    assert timid < bold


@given(st.integers(1, 9999), st.integers(-2000, 2000), st.sampled_from([10, 100]), st.floats(0.000001, 1), st.floats(1, 1000))
def test_every_quote_is_on_the_tick_and_inside_the_dollar_and_none_crosses_another(make_view, fair_bp, net, tick_bp, gamma, kappa):
    made = prices(make_view(fair_bp, net, tick_bp), risk_aversion=gamma, fill_decay=kappa)
    assert all(price % tick_bp == 0 and tick_bp <= price <= 10_000 - tick_bp for price in made.values())
    assert len(made) < 2 or made[Side.BUY] < made[Side.SELL]


@pytest.fixture(scope="module")
def make_view():
    from tests.strategy.conftest import Make  # noqa: PLC0415
    make = Make()
    return lambda fair_bp, net, tick_bp: make.view(fair_bp=fair_bp, book=make.book(100, 9900, tick_bp=tick_bp),
                                                   inventory=make.inventory(net))


def test_it_stops_when_the_others_do(make):
    rule = AvellanedaStoikov(StrategySettings())
    assert rule.quote(make.view(time_left_ms=29_000))[0] is Mode.STOP
    assert rule.quote(make.view(fair_bp=None, fair_reason="x")) == (Mode.STOP, (), "no fair price: x")
