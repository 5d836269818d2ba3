"""The population, one bot at a time."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from trader.exchange.bots import Maker, Quotable, Taker
from trader.exchange.orders import NewOrder, Outcome, Side
from trader.exchange.population import load_population
from trader.model.units import MICRO

POPULATION = load_population()
MAKER = replace(POPULATION.makers[0], half_spread_cents=4, levels=2, spacing_cents=2, tolerance_cents=1, opinion_cents=0)
NOISE = replace(POPULATION.takers[0], reach_cents=7, edge_cents=0)
INFORMED = replace(POPULATION.takers[1], reach_cents=0, edge_cents=3)


@pytest.fixture
def maker(venue):
    return Maker(MAKER, venue, random.Random(1), itertools.count(1))


def prices(venue, spec):
    view = venue.book(spec.condition_id)
    return [[price_bp // 100 for price_bp, _ in half] for half in (view.bids, view.asks)]


def rest(venue, spec, outcome, cents, size):
    venue.open_account("ann")
    venue.place(NewOrder("mine", "ann", "key", "ann", spec, outcome, Side.BUY, cents * 100, size * MICRO))


def test_a_maker_stands_on_both_sides_of_its_fair_price(venue, spec, maker):
    maker.step([Quotable(spec, 5_000, running=True)], 0)
    assert prices(venue, spec) == [[44, 46], [54, 56]]


def test_a_maker_moves_only_what_is_out_of_place(venue, spec, maker):
    maker.step([Quotable(spec, 5_000, running=True)], 0)
    before = venue.open_order_ids(MAKER.name, spec.condition_id)
    maker.step([Quotable(spec, 5_100, running=True)], 1_000)
    assert venue.open_order_ids(MAKER.name, spec.condition_id) == before
    maker.step([Quotable(spec, 5_300, running=True)], 2_000)
    assert prices(venue, spec) == [[47, 49], [57, 59]]


def test_a_maker_stays_within_the_books_range(venue, spec, maker):
    maker.step([Quotable(spec, 9_900, running=True)], 0)
    assert prices(venue, spec) == [[93, 95], [99]]


def test_a_maker_comes_closer_once_the_tick_is_fine(venue, spec, maker):
    venue.change_tick(spec.condition_id, 10)
    maker.step([Quotable(venue.spec_of_token("111"), 9_800, running=True)], 0)
    view = venue.book(spec.condition_id)
    assert [price_bp for price_bp, _ in view.bids] == [9_630, 9_680] and [price_bp for price_bp, _ in view.asks] == [9_920, 9_970]


def test_a_maker_quotes_again_what_was_filled(venue, spec, maker):
    maker.step([Quotable(spec, 5_000, running=True)], 0)
    rest(venue, spec, Outcome.YES, 54, 1_000)
    maker.step([Quotable(spec, 5_000, running=True)], 1_000)
    assert venue.book(spec.condition_id).bids[-1][0] == 5_400       # the rest of that order stands where the maker asked …
    assert 56 in prices(venue, spec)[1]                             # … which is why it does not come back there, but does behind


def test_a_noise_taker_takes_the_best_price_within_its_reach(venue, spec):
    taker = Taker(NOISE, venue, random.Random(1), itertools.count(1))
    for outcome in Outcome:
        venue.open_account(f"ann{outcome}")
        venue.place(NewOrder(f"mine{outcome}", f"ann{outcome}", "key", "ann", spec, outcome, Side.BUY, 4_800, 1_000 * MICRO))
    taker.step([Quotable(spec, 5_000, running=True)], 0)
    assert len(venue.trades()) == 1


@pytest.mark.parametrize(("cents", "trades"), [(52, 0), (53, 1)])
def test_an_informed_taker_trades_only_against_quotes_that_are_wrong_by_its_edge(venue, spec, cents, trades):
    taker = Taker(INFORMED, venue, random.Random(1), itertools.count(1))
    rest(venue, spec, Outcome.YES, cents, 1_000)
    for now_ms in range(0, 5_000, 50):
        taker.step([Quotable(spec, 5_000, running=True)], now_ms)
    assert bool(venue.trades()) == bool(trades)


def test_takers_wait_for_the_window_to_open(venue, spec):
    rest(venue, spec, Outcome.YES, 60, 1_000)
    Taker(NOISE, venue, random.Random(1), itertools.count(1)).step([Quotable(spec, 5_000, running=False)], 0)
    assert venue.trades() == []
