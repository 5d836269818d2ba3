"""Windows, price, bots and settlement under a clock that the test moves. No thread is started."""

from __future__ import annotations

import json

import pytest

from trader.exchange.audit import Audit
from trader.exchange.events import MarketListed, MarketResolved
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Application
from trader.exchange.market_life import MarketLife
from trader.exchange.orders import Outcome
from trader.exchange.population import load_population
from trader.exchange.request import Request
from trader.exchange.routes_binance import BinanceRoutes
from trader.exchange.routes_control import ControlRoutes
from trader.exchange.routes_gamma import GammaRoutes
from trader.exchange.stream_binance import BookTicker, KlineTick
from trader.exchange.venue import Venue
from trader.exchange.windows import Series, iso_utc
from trader.testing.manual_clock import ManualClock

WINDOW_MS = 50_000


class World:
    """A living market at speed 72."""

    def __init__(self, seed=1, protocol="v1", clock=None):
        self.clock, self.letters = clock or ManualClock(), []
        self.origin_ms = self.clock.wall_ms()
        self.venue = Venue(self.clock, self.letters.append, settle_ms=1_000, cash_micro=0)
        series = Series(seed=seed, origin_ms=self.origin_ms, speed=72, protocol=protocol)
        self.faults = FaultBoard(self.clock)
        self.life = MarketLife(self.clock, self.venue, self.letters.append, series, load_population(), seed=seed, speed=72,
                               faults=self.faults)
        control = ControlRoutes(self.venue, self.life.now, self.faults, Audit(self.clock))
        groups = (GammaRoutes(self.life.now, self.venue), BinanceRoutes(self.life.now, self.clock, self.faults), control)
        self.application = Application({key: handler for group in groups for key, handler in group.table().items()})

    def run(self, ms, step_ms=50):
        for _ in range(ms // step_ms):
            self.clock.advance(ms=step_ms)
            self.life.step()

    def heard(self, kind):
        return [letter for letter in self.letters if isinstance(letter, kind)]

    def get(self, path, **query):
        status, answer = self.application.answer(Request("GET", path, "", query, {}, b""))
        return answer if status == 200 else status


@pytest.fixture(scope="module")
def world():
    """One window and a bit, played once for the tests that only look."""
    world = World()
    world.run(WINDOW_MS + 5_000)
    return world


def market(world, number):
    return world.get("/gamma/events/keyset")["events"][number]["markets"][0]


def test_three_windows_are_listed_ahead_of_the_running_one():
    assert len(World().heard(MarketListed)) == 4


class TickingClock(ManualClock):
    """Another millisecond at every look, as a real one may show."""

    def wall_ms(self):
        self.advance(ms=1)
        return super().wall_ms()


def test_engine_and_gamma_agree_to_the_millisecond_on_when_a_window_was_listed():
    world = World(clock=TickingClock())
    assert all(world.venue.market_state(each.spec.condition_id).listed_ms == each.listed_ms for each in world.life.now().windows)


def test_a_window_resolves_by_its_last_price_against_its_first(world):
    resolved, = world.heard(MarketResolved)
    candle = world.life.now().candles[0]
    assert candle.final and (candle.close_cents >= candle.open_cents) == (resolved.winner is Outcome.YES)


def test_the_final_candle_is_told_once_and_the_next_opens_where_it_closed(world):
    final, = (tick.candle for tick in world.heard(KlineTick) if tick.candle.final)
    assert (final.opens_ms, final.closes_ms) == (world.origin_ms, world.origin_ms + WINDOW_MS)
    assert world.life.now().candles[1].open_cents == final.close_cents


def test_the_book_ticker_comes_with_every_step(world):
    assert len(world.heard(BookTicker)) == (WINDOW_MS + 5_000) // 50


def test_money_is_conserved_through_a_resolution_and_the_bots_trade(world):
    state = world.get("/control/state")
    assert state["conserved"] and state["windows_resolved"] == 1
    assert state["accounts"]["noise"]["fills"] > 20 and state["accounts"]["maker-near"]["open_orders"] > 4


def test_a_late_cycle_makes_up_the_steps_that_it_missed():
    prompt, late = World(), World()
    prompt.run(10_000)
    late.run(10_000, step_ms=2_500)
    assert late.life.now().candles[0].close_cents == prompt.life.now().candles[0].close_cents


def test_the_same_seed_tells_the_same_story_and_another_does_not():
    def story(seed):
        world = World(seed)
        world.run(3_000)
        return [str(letter) for letter in world.heard(BookTicker)], world.get("/control/state")["accounts"]
    assert story(5) == story(5) != story(6)


def test_gamma_lists_open_windows_in_the_order_of_closing(world):
    now = iso_utc(world.clock.wall_ms())
    query = {"series_id": "10114", "closed": "false", "order": "endDate", "ascending": "true", "end_date_min": now, "limit": "2"}
    first = world.get("/gamma/events/keyset", **query)
    second = world.get("/gamma/events/keyset", **query, after_cursor=first["next_cursor"])
    ends = [event["endDate"] for event in first["events"] + second["events"]]
    assert len(ends) == 4 and ends == sorted(ends) and ends[0] > now and "next_cursor" not in second


def test_gamma_refuses_an_offset(world):
    assert world.get("/gamma/events/keyset", offset="10") == 422


def test_gamma_writes_lists_as_text_and_swaps_the_labels_in_every_second_window(world):
    labels = [json.loads(market(world, number)["outcomes"]) for number in (0, 1)]
    assert labels == [["Up", "Down"], ["Down", "Up"]]
    spec = world.life.now().windows[1].spec
    assert json.loads(market(world, 1)["clobTokenIds"]) == [spec.token_ids[Outcome.NO], spec.token_ids[Outcome.YES]]


def test_gamma_shows_how_a_window_ended(world):
    over = market(world, 0)
    prices = dict(zip(json.loads(over["outcomes"]), json.loads(over["outcomePrices"]), strict=True))
    winner = world.life.now().winners[0]
    assert over["closed"] and not over["acceptingOrders"]
    assert prices == {"Up": "1" if winner is Outcome.YES else "0", "Down": "0" if winner is Outcome.YES else "1"}


def test_gamma_finds_a_window_by_its_slug(world):
    slug = world.life.now().windows[1].slug
    assert world.get(f"/gamma/events/slug/{slug}")["markets"][0] == world.get(f"/gamma/markets/slug/{slug}")
    assert world.get("/gamma/markets/slug/unknown") == 404


def test_a_v2_market_has_position_ids_and_no_token_ids():
    shown = market(World(protocol="v2"), 0)
    assert (shown["version"], shown["clobTokenIds"], len(shown["positionIds"])) == ("v2", None, 2)


def test_binance_serves_windows_as_hourly_candles(world):
    rows = world.get("/binance/api/v3/klines", symbol="BTCUSDT", interval="1h", startTime=str(world.origin_ms), limit="1")
    assert (rows[0][0], rows[0][6], rows[0][1]) == (world.origin_ms, world.origin_ms + WINDOW_MS - 1, "60000.00000000")
    assert world.get("/binance/api/v3/klines", symbol="ETHUSDT", interval="1h") == 400
    assert world.get("/binance/api/v3/ticker/bookTicker", symbol="BTCUSDT")["symbol"] == "BTCUSDT"


def test_the_snapshot_source_is_as_old_as_what_it_read():
    world = World()
    world.run(1_000)
    first = world.get("/binance/snapshot")
    assert (first["symbol"], first["age_ms"], first["stale"]) == ("BTCUSDT", 0, False) and first["ask"] > first["bid"] > 0
    world.faults.add({"kind": "freeze", "channel": "binance"})
    world.run(1_500)
    frozen = world.get("/binance/snapshot")
    assert (frozen["ts_ms"], frozen["age_ms"], frozen["stale"]) == (first["ts_ms"], 1_500, True)


def test_the_ledger_of_one_account_can_be_read(world):
    ledger = world.get("/control/ledger", address="maker-near")
    assert ledger["open_orders"] == len(ledger["orders"]) and ledger["positions"]
    assert world.get("/control/ledger", address="nobody") == 404


@pytest.mark.parametrize("bp", [50, -50])
def test_bitcoin_jumps_when_it_is_told_to_and_goes_on_from_there(bp):
    calm, shaken = World(), World()
    shaken.faults.add({"kind": "price_jump", "bp": bp, "after_ms": 100})
    for world in (calm, shaken):
        world.run(1_000)
    ratio = shaken.life.now().ticker.bid_cents / calm.life.now().ticker.bid_cents
    assert ratio == pytest.approx(1 + bp / 10_000, abs=1e-6)
    assert shaken.life.now().candles[0].close_cents == shaken.life.now().ticker.bid_cents
