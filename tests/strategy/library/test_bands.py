"""The bands and balances of poly-market-maker's own documentation and tests, in YES terms."""

import pytest

from trader.errors import ConfigError
from trader.model.intent import Mode, Quote
from trader.model.order import Kind, OrderState, Side, Slot
from trader.strategy.library.bands import Bands, BandsParams
from trader.strategy.params import params_from
from trader.strategy.settings import StrategySettings

SHARE = 1_000_000
TWO_BANDS = """{"bands": [
    {"minMargin": 0.02, "avgMargin": 0.03, "maxMargin": 0.04, "minAmount": 10.0, "avgAmount": 20.0, "maxAmount": 50.0},
    {"minMargin": 0.04, "avgMargin": 0.05, "maxMargin": 0.06, "minAmount": 20.0, "avgAmount": 30.0, "maxAmount": 40.0}]}"""
SHIPPED = """{"bands": [
    {"minMargin": 0.01, "avgMargin": 0.01, "maxMargin": 0.02, "minAmount": 10.0, "avgAmount": 20.0, "maxAmount": 30.0},
    {"minMargin": 0.02, "avgMargin": 0.02, "maxMargin": 0.03, "minAmount": 10.0, "avgAmount": 20.0, "maxAmount": 30.0},
    {"minMargin": 0.03, "avgMargin": 0.03, "maxMargin": 0.04, "minAmount": 10.0, "avgAmount": 20.0, "maxAmount": 30.0}]}"""


def one_band(**other):
    fields = {"minMargin": 0.01, "avgMargin": 0.1, "maxMargin": 0.2, "minAmount": 1, "avgAmount": 10, "maxAmount": 50, **other}
    return str({"bands": [fields]}).replace("'", '"')


def bids(view, text=TWO_BANDS):
    """(price in bp, shares) of each bid, in the order given."""
    return [(q.price_bp, q.size_micro / SHARE) for q in quotes(view, text) if q.side is Side.BUY]


def quotes(view, text):
    return Bands(StrategySettings(), params_from(BandsParams, text)).quote(view)[1]


def resting(make, *orders):
    """Bids for YES as (level, price in bp, shares)."""
    return make.inventory(working=tuple(
        make.order(Side.BUY, price_bp, shares)._replace(slot=Slot(Side.BUY, level, Kind.OPEN_BUY)) for level, price_bp, shares in orders))


def test_the_shipped_configuration_makes_three_orders_a_side(make):
    assert quotes(make.view(), SHIPPED) == (
        *(Quote(Side.BUY, price_bp, 20 * SHARE) for price_bp in (4900, 4800, 4700)),
        *(Quote(Side.SELL, price_bp, 20 * SHARE) for price_bp in (5100, 5200, 5300)))


def test_the_documented_example_fills_both_bands_up_to_their_average_beside_what_rests(make):
    """5 shares rest at 48 ¢: 15 more at 47 ¢, and 30 at 45 ¢. Whether they sell NO or buy YES is the executor's to split."""
    assert bids(make.view(inventory=resting(make, (0, 4800, 5)))) == [(4800, 5), (4700, 15), (4500, 30)]


def test_a_band_between_its_limits_is_left_as_it_is(make):
    view = make.view(inventory=resting(make, (0, 4800, 12), (1, 4500, 33)))
    assert bids(view) == [(4800, 12), (4500, 33)]


def test_after_a_move_of_the_target_all_orders_outside_every_band_go(make):
    view = make.view(fair_bp=8000, book=make.book(7000, 9000), inventory=resting(make, (0, 4700, 20), (1, 4400, 30)))
    assert bids(view) == [(7700, 20), (7500, 30)]


def test_an_order_on_the_far_edge_is_outside_and_on_the_near_edge_inside(make):
    assert bids(make.view(inventory=resting(make, (0, 4600, 20), (1, 4400, 40)))) == [(4600, 20), (4700, 20)]


def test_too_much_in_the_first_band_goes_from_the_target_outwards(make):
    view = make.view(inventory=resting(make, (0, 4800, 10), (1, 4500, 20), (2, 4200, 30)))
    assert sorted(bids(view, one_band())) == [(4200, 30), (4500, 20)]


def test_too_much_in_the_last_of_several_bands_goes_from_the_far_end(make):
    view = make.view(inventory=resting(make, (0, 4750, 20), (1, 4550, 30), (2, 4500, 30)), book=make.book(tick_bp=10))
    assert bids(view) == [(4750, 20), (4550, 30)]


def test_both_sides_are_mirror_images(make):
    made = quotes(make.view(fair_bp=4000, book=make.book(3000, 7000)), TWO_BANDS)
    mirrored = quotes(make.view(fair_bp=6000, book=make.book(3000, 7000)), TWO_BANDS)
    assert {(q.side, q.price_bp) for q in made} == {(Side.SELL if q.side is Side.BUY else Side.BUY, 10_000 - q.price_bp) for q in mirrored}


def test_near_zero_a_band_that_cannot_be_reached_is_left_out_and_one_that_can_bids_a_tick(make):
    assert bids(make.view(fair_bp=400, book=make.book(100, 1000))) == [(100, 20)]
    assert bids(make.view(fair_bp=300, book=make.book(100, 1000))) == [(100, 20)]


def test_an_order_that_stays_keeps_its_level_and_a_new_one_takes_the_free_one(make):
    view = make.view(inventory=resting(make, (0, 4000, 20), (1, 4550, 30)), book=make.book(tick_bp=10))
    assert bids(view) == [(4700, 20), (4550, 30)]


def test_two_orders_that_make_one_quote_are_one_quote(make):
    held = make.order(Side.BUY, 5300, 8, token_id="2")._replace(slot=Slot(Side.BUY, 0, Kind.REDUCE_SELL))
    inventory = make.inventory(working=(make.order(Side.BUY, 4700, 12), held))
    assert bids(make.view(inventory=inventory))[0] == (4700, 20)


def test_an_order_that_is_being_cancelled_is_gone(make):
    going = make.order(Side.BUY, 4700, 20)._replace(state=OrderState.PENDING_CANCEL)
    assert bids(make.view(inventory=make.inventory(working=(going,)))) == [(4700, 20), (4500, 30)]


def test_what_would_take_instead_of_rest_is_not_quoted(make):
    assert bids(make.view(book=make.book(4000, 4700))) == [(4500, 30)]


def test_the_middle_of_the_book_may_be_the_target_and_needs_no_fair_price(make):
    text = TWO_BANDS[:-1] + ', "price_feed_source": "clob"}'
    assert bids(make.view(fair_bp=None, book=make.book(5500, 6400)), text) == [(5700, 20), (5500, 30)]
    assert Bands(StrategySettings(), params_from(BandsParams, text)).quote(make.view(book=make.book(None, 6000)))[0] is Mode.STOP


def test_the_names_of_the_documentation_page_fit_too():
    assert params_from(BandsParams, SHIPPED.replace("Amount", "Size")) == params_from(BandsParams, SHIPPED)


@pytest.mark.parametrize(("text", "said"), [
    ('{"bands": []}', "is empty"),
    (one_band(avgMargin=0.3), "minMargin 0.01, avgMargin 0.3, maxMargin 0.2, must be in this order"),
    (one_band(minAmount=20), "minAmount 20, avgAmount 10, maxAmount 50, must be in this order"),
    (TWO_BANDS.replace("0.04, \"avgMargin\": 0.05", "0.03, \"avgMargin\": 0.05"), "0.03-0.06 overlaps 0.02-0.04"),
])
def test_bands_that_make_no_sense_are_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        params_from(BandsParams, text)
