"""Markets on demand and loud ones, under a clock that the test moves."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from trader.exchange.bots import Quotable
from trader.exchange.catalogue import Catalogue, CatalogueSettings
from trader.exchange.events import BookChanged, MarketListed, MarketResolved
from trader.exchange.http import Application
from trader.exchange.market_life import Calendar
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.restless import BusyMarket, Restless
from trader.exchange.routes_gamma import GammaRoutes
from trader.exchange.venue import Venue
from trader.exchange.windows import Series, iso_utc
from trader.testing.manual_clock import ManualClock


class World:
    def __init__(self, markets=30, life_s=10.0, moves_per_s=100.0):
        self.clock, self.letters = ManualClock(), []
        self.venue = Venue(self.clock, self.letters.append, settle_ms=1_000, cash_micro=0)
        self.series = Series(seed=1, origin_ms=self.clock.wall_ms(), speed=72, protocol="v1")
        settings = CatalogueSettings(markets, life_s, moves_per_s)
        self.catalogue = Catalogue(self.clock, self.venue, self.letters.append, self.series, settings, random.Random(1), itertools.count())
        gamma = GammaRoutes(lambda: Calendar((), {}, (), None), self.venue, None, self.catalogue, (self.series.stale(),))
        self.application = Application(gamma.table())

    def run(self, ms):
        for _ in range(ms // 50):
            self.clock.advance(ms=50)
            self.catalogue.step()

    def heard(self, kind):
        return [letter for letter in self.letters if isinstance(letter, kind)]

    def get(self, path, **query):
        status, answer = self.application.answer(Request("GET", path, "", query, {}, b""))
        return answer if status == 200 else status

    def get_pairs(self, path, *pairs):
        """A parameter may be given several times."""
        return self.application.answer(Request("GET", path, "", dict(pairs), {}, b"", pairs))[1]

    def events(self, **query):
        """All pages."""
        found, cursor = [], {}
        while True:
            answer = self.get("/gamma/events/keyset", limit="7", **query, **cursor)
            found += answer["events"]
            if "next_cursor" not in answer:
                return found
            cursor = {"after_cursor": answer["next_cursor"]}


@pytest.fixture(scope="module")
def world():
    world = World()
    world.run(30_000)
    return world


def test_as_many_markets_trade_at_any_time_as_were_asked_for(world):
    assert len(world.catalogue.now().open) == 30
    assert len(world.heard(MarketListed)) == 30 + len(world.heard(MarketResolved)) > 60


def test_books_move_as_often_as_was_asked_for():
    world = World(life_s=0)
    world.letters.clear()
    world.run(10_000)
    changes = len(world.heard(BookChanged))
    assert 1_500 < changes < 2_100        # two for each of 1,000 moves, less what would have crossed, a few trades more


def test_money_is_conserved_through_all_births_and_resolutions(world):
    with world.venue.engine() as (engine, _):
        assert engine.conserved()


def test_a_market_that_is_long_over_is_forgotten_by_the_engine_and_not_yet_by_gamma():
    world = World(markets=5, life_s=2, moves_per_s=20)
    first = world.catalogue.now().open[0]
    world.run(130_000)
    with world.venue.engine() as (engine, _):
        assert len(engine.markets) < 5 + 5 * 125 and engine.conserved()
    with pytest.raises(Refusal):
        world.venue.spec_of_token(first.spec.token_ids[0])
    assert world.venue.market_state(first.spec.condition_id) is None
    assert len(world.events(closed="true")) > 100


def test_gammas_pages_show_every_open_market_once(world):
    now = iso_utc(world.clock.wall_ms())
    events = world.events(closed="false", end_date_min=now, order="endDate", ascending="true")
    slugs = [event["slug"] for event in events]
    assert sorted(slugs) == sorted(window.slug for window in world.catalogue.now().open)
    ends = [event["endDate"] for event in events]
    assert len(set(slugs)) == 30 and ends == sorted(ends)
    assert not events[0]["markets"][0].get("eventStartTime") and "seriesSlug" not in events[0]


def test_without_a_bound_gamma_lists_a_window_of_last_year_as_open(world):
    stale = world.events(closed="false")[0]
    assert stale["endDate"] < iso_utc(world.clock.wall_ms()) and stale["closed"] is False
    assert stale["slug"].endswith("-et") and not any(str(year) in stale["slug"] for year in range(2024, 2030))
    assert world.get(f"/gamma/events/slug/{stale['slug']}")["endDate"] == stale["endDate"]
    assert world.events(closed="false", series_id="10114") == [stale]


def test_markets_are_listed_by_offset_and_found_by_ids_and_tokens(world):
    first, second = world.get("/gamma/markets", limit="2", closed="false", end_date_min=iso_utc(world.clock.wall_ms()))
    assert world.get("/gamma/markets", limit="1", offset="1", closed="false", end_date_min=iso_utc(world.clock.wall_ms())) == [second]
    assert world.get("/gamma/markets", condition_ids=first["conditionId"]) == [first]
    assert world.get("/gamma/markets", clob_token_ids=json.loads(first["clobTokenIds"])[1]) == [first]
    assert set(json.loads(first["outcomes"])) == {"Yes", "No"}
    assert world.get_pairs("/gamma/markets", ("id", first["id"]), ("id", second["id"]), ("id", "0")) in ([first, second], [second, first])
    tokens = [("clob_token_ids", token) for market in (first, second) for token in json.loads(market["clobTokenIds"])]
    assert len(world.get_pairs("/gamma/markets", *tokens)) == 2
    assert world.get_pairs("/gamma/markets", *tokens, ("slug", first["slug"])) == [first]


def test_events_are_filtered_by_tag_and_series(world):
    events = world.events(closed="false")
    assert {tag["slug"] for event in events for tag in event["tags"]} == {"politics", "crypto"}
    of_politics = world.events(closed="false", tag_slug="politics")
    assert of_politics == world.events(closed="false", tag_id="2") == [each for each in events if each["tags"][0]["slug"] == "politics"]
    assert len(of_politics) == 30 and world.events(tag_slug="sports") == [] == world.events(tag_slug="politics", series_id="10114")
    both = world.get_pairs("/gamma/events/keyset", ("series_id", "1"), ("series_id", "10114"))
    assert {event["seriesSlug"] for event in both["events"]} == {"btc-up-or-down-hourly"}


def test_events_are_filtered_by_the_volume_that_they_show(world):
    volumes = sorted((event["volume"] for event in world.events(closed="false")), reverse=True)
    assert volumes[0] > volumes[5] > 0
    found = world.events(closed="false", volume_min=str(volumes[5]))
    assert sorted((event["volume"] for event in found), reverse=True) == volumes[:6]
    assert all(float(event["markets"][0]["volume"]) == event["volume"] for event in found)


def test_the_id_of_a_series_is_found_by_its_slug(world):
    assert [row["id"] for row in world.get("/gamma/series", slug="btc-up-or-down-hourly")] == ["10114"]
    assert world.get("/gamma/series", slug="unknown") == [] and len(world.get("/gamma/series")) == 1


@pytest.mark.parametrize("query", [{"order": "beauty"}, {"after_cursor": "x"}, {"end_date_max": "soon"}, {"limit": "-1"},
                                   {"volume_min": "much"}, {"volume_min": "nan"}, {"volume_min": "inf"}])
def test_nonsense_is_refused(world, query):
    assert world.get("/gamma/events/keyset", **query) == 422


def test_a_market_that_is_over_says_who_won(world):
    shown = world.get("/gamma/markets", closed="true", limit="500")
    assert all(sorted(json.loads(market["outcomePrices"])) == ["0", "1"] for market in shown) and shown


def test_a_busy_market_makes_the_frames_that_were_asked_for(clock, venue, spec, published):
    bot = Restless("busy", venue, random.Random(1), itertools.count(), levels=20, nearest_cents=8)
    busy = BusyMarket(clock, bot, frames_per_s=2_000)
    busy.step(Quotable(spec, 5_000, running=True))
    filled = len(published)
    for _ in range(200):
        clock.advance(ms=5)
        busy.step(Quotable(spec, 5_000, running=True))
    changes = sum(isinstance(event, BookChanged) for event in published[filled:])
    assert changes == 2_000
    view = venue.book(spec.condition_id)
    assert len(view.bids) == len(view.asks) == 20
