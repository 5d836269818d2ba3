"""Thread `market-life`: makes the exchange a living market. Steps the price, rolls the windows, settles, lets the bots trade.

One cycle every `step_ms`. Everything random comes from one seed; a cycle that runs late makes up the price steps that it
missed, so that volatility does not depend on how busy the machine is. The same makes up for an outage: an exchange that comes
back after a kill takes every step that it missed, and decides the windows that ended meanwhile. REST workers read `now()`, a
snapshot that is replaced as a whole and never changed.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import NamedTuple

from trader.exchange.bots import Crowd, Quotable
from trader.exchange.btc_path import BtcPath, up_probability
from trader.exchange.candles import Candle, opened
from trader.exchange.events import MarketListed, MarketResolved
from trader.exchange.fault_kinds import TICKS_BP, Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.orders import MarketSpec, Outcome
from trader.exchange.population import Population
from trader.exchange.publisher import Letter
from trader.exchange.state_file import Row
from trader.exchange.stream_binance import AggTrade, BookTicker, KlineTick
from trader.exchange.venue import Venue
from trader.exchange.windows import LISTED_AHEAD, Series, Window
from trader.model.units import BP_PER_DOLLAR
from trader.runtime.clock import Clock
from trader.runtime.role import name_native_thread

_QUOTED_AHEAD = 1           # bots already quote the next window
_LEAST_KLINE_MS = 250
_KEPT_CANDLES = 1_000
_BUSY_STEP_S = 0.005


class Calendar(NamedTuple):
    """What is listed and what happened so far; a snapshot for REST workers."""

    windows: tuple[Window, ...]             # oldest first, up to the furthest listed
    winners: dict[int, Outcome]             # by window index
    candles: tuple[Candle, ...]             # oldest first; the last one is running
    ticker: BookTicker
    ticker_ms: int = 0


Calendars = Callable[[], Calendar]       # how a REST worker asks for the newest one


class MarketLife:
    def __init__(self, clock: Clock, venue: Venue, publish: Callable[[Letter], None], series: Series, population: Population, *,
                 seed: int, speed: float, faults: FaultBoard | None = None, memory: Row | None = None,
                 each_step: Callable[[], None] = lambda: None, busy: Callable[[Quotable], None] | None = None) -> None:
        """`memory`: the `state` of a former life, to go on from. `each_step`: what else must happen many times a second.

        `busy`: what happens every few milliseconds, with the running market.
        """
        self._clock, self._venue, self._publish, self._series = clock, venue, publish, series
        self._settings = population.price
        self._path = BtcPath(population.price, random.Random(seed), speed)
        self._rng = random.Random(seed + 1)
        self._crowd = Crowd(population, venue, random.Random(seed + 2), first_order=clock.wall_ms() << 24)
        self._faults, self._each_step, self._busy = faults or FaultBoard(clock), each_step, busy
        self._kline_ms = max(_LEAST_KLINE_MS, self._settings.kline_every_ms / speed)
        self._steps = self._agg_trades = 0
        self._kline_due_ms = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="market-life", daemon=True)
        self._windows: list[Window] = []
        self._winners: dict[int, Outcome] = {}
        self._candles: list[Candle] = []
        self._origin_ms = series.window(0, 0).opens_ms
        if memory is None:
            self._open(0)
        else:
            self._resume(*memory)

    def _resume(self, steps: int, path: Row, candles: list[Row], winners: list[int]) -> None:
        self._steps = self._agg_trades = steps
        self._path.restore(path)
        self._candles = [Candle(*candle) for candle in candles]
        self._winners = {number: Outcome(winner) for number, winner in enumerate(winners)}
        self._list_up_to(len(winners) + LISTED_AHEAD)
        self._venue.resume()
        self._take_missed_steps(self._clock.wall_ms())
        self._show()

    def state(self) -> Row:
        """All that the next steps depend on, as JSON values. On thread `market-life`."""
        return [self._steps, self._path.state(), [list(candle) for candle in self._candles], list(self._winners.values())]

    def now(self) -> Calendar:
        return self._calendar

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        name_native_thread(self._thread.name)
        while not self._stopping.wait(min(self._seconds_to_next_step(), _BUSY_STEP_S) if self._busy else self._seconds_to_next_step()):
            if self._busy:
                self._busy(self._quotable(self._clock.wall_ms())[0])
            if not self._busy or self._seconds_to_next_step() <= 0:
                self.step()

    def _seconds_to_next_step(self) -> float:
        due_ms = self._origin_ms + (self._steps + 1) * self._settings.step_ms
        return max(0.0, (due_ms - self._clock.wall_ms()) / 1000)

    # one cycle -------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        now_ms = self._clock.wall_ms()
        self._take_missed_steps(now_ms)
        self._obey_faults(self._windows[len(self._winners)].spec.condition_id)
        self._publish_price(now_ms)
        self._venue.run_deadlines()
        self._crowd.step(self._quotable(now_ms), now_ms)
        self._each_step()

    def _obey_faults(self, running: str) -> None:
        if self._faults.strike("life", Kind.CLOSE_EARLY):
            self._venue.close_market(running)
        if fault := self._faults.strike("life", Kind.TICK_CHANGE):
            self._venue.change_tick(running, TICKS_BP[fault.with_["tick"]])
        if self._faults.strike("life", Kind.HEARTBEAT_EXPIRY):
            self._venue.expire_heartbeats()
        if fault := self._faults.strike("life", Kind.PRICE_JUMP):
            self._candles[-1] = self._candles[-1].moved(self._path.jump(fault.with_["bp"]))

    def _take_missed_steps(self, now_ms: int) -> None:
        due_steps = (now_ms - self._origin_ms) // self._settings.step_ms
        while self._steps < due_steps:
            self._steps += 1
            self._move_price(self._origin_ms + self._steps * self._settings.step_ms)

    def _move_price(self, step_ms: int) -> None:
        """One step of nature. A window ends at the first step at or after its close, and the next one opens at that price."""
        self._candles[-1] = self._candles[-1].moved(self._path.step())
        if step_ms >= self._candles[-1].closes_ms:
            self._roll()

    def _roll(self) -> None:
        index = len(self._winners)
        over, candle = self._windows[index], self._candles[-1]._replace(final=True)
        self._candles[-1] = candle
        winner = Outcome.YES if candle.close_cents >= candle.open_cents else Outcome.NO
        self._publish(KlineTick(candle, self._clock.wall_ms()))
        self._venue.close_market(over.spec.condition_id)
        self._venue.resolve_market(over.spec.condition_id, winner)
        self._publish(MarketResolved(over.spec, winner, self._clock.wall_ms()))
        self._winners[index] = winner
        self._open(index + 1)

    def _open(self, number: int) -> None:
        """Starts the candle of this window and lists as many windows ahead as there must be."""
        self._list_up_to(number + LISTED_AHEAD)
        window = self._windows[number]
        self._candles = [*self._candles[-_KEPT_CANDLES:], opened(window.opens_ms, window.closes_ms, self._path.price_cents)]
        self._kline_due_ms = 0.0
        self._show()

    def _list_up_to(self, last: int) -> None:
        """One that a former life has listed keeps its time of listing; one that is over is only remembered."""
        for number in range(len(self._windows), last + 1):
            known = self._venue.market_state(self._series.window(number, 0).spec.condition_id)
            listed = self._series.window(number, known.listed_ms if known else self._clock.wall_ms())
            self._windows.append(listed)
            if number not in self._winners:
                self._publish(MarketListed(listed.spec, listed.slug, listed.question, listed.listed_ms))
            self._venue.list_market(listed.spec, number, listed.listed_ms)

    def _show(self) -> None:
        self._calendar = Calendar(tuple(self._windows), dict(self._winners), tuple(self._candles), self._ticker())

    def _publish_price(self, now_ms: int) -> None:
        self._calendar = self._calendar._replace(candles=tuple(self._candles), ticker=self._ticker(), ticker_ms=now_ms)
        self._publish(self._calendar.ticker)
        if self._rng.random() < self._settings.agg_trades_per_s * self._settings.step_ms / 1000:
            self._agg_trades += 1
            quantity, buyer_is_maker = self._rng.uniform(0.001, 2.0), self._rng.random() < 0.5
            self._publish(AggTrade(self._agg_trades, self._path.price_cents, quantity, buyer_is_maker, now_ms))
        if now_ms >= self._kline_due_ms:
            self._kline_due_ms = now_ms + self._kline_ms
            self._publish(KlineTick(self._candles[-1], now_ms))

    def _ticker(self) -> BookTicker:
        """One cent wide, as Bitcoin's nearly always is."""
        return BookTicker(self._steps + 1, self._path.price_cents, self._path.price_cents + 1)

    def _quotable(self, now_ms: int) -> list[Quotable]:
        index, candle = len(self._winners), self._candles[-1]
        seconds_left = (candle.closes_ms - now_ms) / 1000
        up = up_probability(self._path.price_cents, candle.open_cents, seconds_left, self._path.volatility_per_sqrt_s)
        ahead = self._windows[index + 1:index + 1 + _QUOTED_AHEAD]
        running = Quotable(self._terms(self._windows[index]), up * BP_PER_DOLLAR, running=True)
        return [running, *(Quotable(self._terms(each), BP_PER_DOLLAR / 2, running=False) for each in ahead)]

    def _terms(self, window: Window) -> MarketSpec:
        """With the tick of this moment."""
        return self._venue.spec_of_token(window.spec.token_ids[0])
