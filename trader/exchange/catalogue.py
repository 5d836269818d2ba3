"""Thousands of markets on demand, beside the hourly windows: questions that live for a while, are decided, and are followed by others.

For programs that watch many markets. Each has a small book that moves; Gamma lists them, the streams tell of their births
and resolutions. Not kept by `--state`. On thread `market-life`; REST workers read `now()`, a snapshot that is replaced as a whole.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from trader.exchange.bots import Quotable
from trader.exchange.events import MarketListed, MarketResolved
from trader.exchange.orders import Outcome
from trader.exchange.publisher import Letter
from trader.exchange.restless import Restless
from trader.exchange.venue import Venue
from trader.exchange.windows import Series, Window
from trader.model.units import BP_PER_CENT, BP_PER_DOLLAR
from trader.runtime.clock import Clock

NAME = "catalogue"
LEVELS = 4
OVER_KEPT = 500                     # markets that are over and still listed as closed
TRADE_SHARE = 0.02                  # of all moves
_FORGET_AFTER_MS = 120_000          # longer than any trade takes to settle


class CatalogueSettings(NamedTuple):
    """From the command line. A market's life is `life_s` on average; 0 lets it live for ever."""

    markets: int = 0
    life_s: float = 0.0
    moves_per_s: float = 0.0


class Catalogued(NamedTuple):
    """A snapshot: those that trade in the order of their birth, and how the last ones that are over ended."""

    open: tuple[Window, ...] = ()
    over: tuple[tuple[Window, Outcome], ...] = ()


class Catalogue:
    def __init__(self, clock: Clock, venue: Venue, publish: Callable[[Letter], None], series: Series, settings: CatalogueSettings,
                 rng: random.Random, numbers: Iterator[int]) -> None:
        self._clock, self._venue, self._publish, self._series, self._settings = clock, venue, publish, series, settings
        self._rng = rng
        self._bot = Restless(NAME, venue, rng, numbers, levels=LEVELS, nearest_cents=1)
        self._open: dict[int, Window] = {}          # by number, which is the order of birth
        self._fair_bp: dict[int, float] = {}
        self._over: deque[tuple[Window, Outcome]] = deque(maxlen=OVER_KEPT)
        self._to_forget: deque[tuple[int, str]] = deque()       # (when, condition id)
        self._born, self._now = 0, Catalogued()
        self._moved_ms, self._owed_moves = clock.wall_ms(), 0.0
        for _ in range(settings.markets):
            self._bear(age=rng.random())
        self._show()

    def now(self) -> Catalogued:
        return self._now

    def step(self) -> None:
        """Moves what is due since the last step; ends and replaces markets whose time is up."""
        now_ms = self._clock.wall_ms()
        over = [window for window in self._open.values() if window.closes_ms <= now_ms] if self._settings.life_s else []
        for window in over:
            self._end(window, now_ms)
            self._bear(age=0.0)
        if over:
            self._show()
        while self._to_forget and self._to_forget[0][0] <= now_ms:
            self._venue.forget_market(self._to_forget.popleft()[1])
        self._owed_moves += (now_ms - self._moved_ms) * self._settings.moves_per_s / 1000
        self._moved_ms = now_ms
        self._move(int(self._owed_moves))
        self._owed_moves %= 1

    def _move(self, times: int) -> None:
        numbers = list(self._open) if times else []
        for _ in range(times):
            number = self._rng.choice(numbers)
            drifted_bp = self._fair_bp[number] + self._rng.gauss(0.0, 0.3 * BP_PER_CENT)
            self._fair_bp[number] = min(max(drifted_bp, 10 * BP_PER_CENT), 90 * BP_PER_CENT)
            market = self._quotable(number)
            (self._bot.take if self._rng.random() < TRADE_SHARE else self._bot.move)(market)

    def _bear(self, *, age: float) -> None:
        """`age`: the part of its life that has passed already, so that the first ones do not all end together."""
        now_ms = self._clock.wall_ms()
        life_ms = self._settings.life_s * 1000 * self._rng.uniform(0.5, 1.5) * (1 - age)
        window = self._series.question(self._born, now_ms, now_ms + round(life_ms) if life_ms else None)
        self._born += 1
        self._open[window.number], self._fair_bp[window.number] = window, self._rng.uniform(0.15, 0.85) * BP_PER_DOLLAR
        self._publish(MarketListed(window.spec, window.slug, window.question, now_ms))
        self._venue.list_market(window.spec, window.number)
        self._bot.fill(self._quotable(window.number))

    def _end(self, window: Window, now_ms: int) -> None:
        condition_id = window.spec.condition_id
        winner = Outcome.YES if self._rng.random() * BP_PER_DOLLAR < self._fair_bp.pop(window.number) else Outcome.NO
        del self._open[window.number]
        self._venue.close_market(condition_id)
        self._venue.resolve_market(condition_id, winner)
        self._publish(MarketResolved(window.spec, winner, now_ms))
        self._bot.forget(condition_id)
        self._over.append((window, winner))
        self._to_forget.append((now_ms + _FORGET_AFTER_MS, condition_id))

    def _quotable(self, number: int) -> Quotable:
        spec = self._venue.spec_of_token(self._open[number].spec.token_ids[0])
        return Quotable(spec, self._fair_bp[number], running=True)

    def _show(self) -> None:
        self._now = Catalogued(tuple(self._open.values()), tuple(self._over))
