"""The simulated Bitcoin price: Brownian steps whose volatility comes in clusters, and jumps. Pure; stepped by `market-life`.

The logarithm of volatility returns slowly to its mean (an Ornstein-Uhlenbeck process), so that calm and wild stretches follow one
another; jumps arrive at random. Whatever their shares, the variance a second is on average what `annual_volatility` says.

Floats are fine here: this is nature, not accounting. What leaves is whole cents.
"""

from __future__ import annotations

import math
import random
from typing import Any

from trader.exchange.population import PriceSettings

SECONDS_PER_YEAR = 365 * 24 * 3600


class BtcPath:
    def __init__(self, settings: PriceSettings, rng: random.Random, speed: float) -> None:
        self.volatility_per_sqrt_s = settings.annual_volatility * math.sqrt(speed / SECONDS_PER_YEAR)
        self._rng = rng
        self._log_price, self._log_mood = math.log(settings.start_usd), 0.0
        step_s = settings.step_ms / 1000 * speed
        variance = self.volatility_per_sqrt_s**2 * settings.step_ms / 1000
        self._calm = math.sqrt(variance * (1 - settings.jump_share)) * math.exp(-settings.cluster_spread**2)    # mean square is 1
        self._memory = math.exp(-step_s / (60 * settings.cluster_minutes))
        self._mood_change = settings.cluster_spread * math.sqrt(1 - self._memory**2)
        self._jump_chance = settings.jumps_per_hour * step_s / 3_600
        self._jump = math.sqrt(variance * settings.jump_share / self._jump_chance) if self._jump_chance else 0.0

    def step(self) -> int:
        """The next price in cents. Drift-free, so that the price itself is a fair bet."""
        self._log_mood = self._log_mood * self._memory + self._rng.gauss(0.0, self._mood_change)
        volatility = self._calm * math.exp(self._log_mood)
        if self._rng.random() < self._jump_chance:
            volatility = math.hypot(volatility, self._jump)
        self._log_price += self._rng.gauss(0.0, volatility) - volatility**2 / 2
        return self.price_cents

    def jump(self, bp: int) -> int:
        """The price after a move that the path would not have made by itself; later steps go on from there."""
        self._log_price += math.log1p(bp / 10_000)
        return self.price_cents

    def state(self) -> list[Any]:
        """Everything that the next steps depend on, as JSON values."""
        return [self._log_price, self._log_mood, self._rng.getstate()]

    def restore(self, state: list[Any]) -> None:
        self._log_price, self._log_mood, (version, internal, gauss_next) = state
        self._rng.setstate((version, tuple(internal), gauss_next))

    @property
    def price_cents(self) -> int:
        return round(math.exp(self._log_price) * 100)


def up_probability(price_cents: int, open_cents: int, seconds_left: float, volatility_per_sqrt_s: float) -> float:
    """A digital option on the window's open, struck at zero drift: P(close ≥ open)."""
    spread = volatility_per_sqrt_s * math.sqrt(max(seconds_left, 1e-6))
    distance = math.log(price_cents / open_cents) / spread
    return 0.5 * (1 + math.erf(distance / math.sqrt(2)))
