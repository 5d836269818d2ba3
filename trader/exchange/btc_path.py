"""The simulated Bitcoin price: a geometric Brownian path in fixed steps. Pure; stepped by `market-life`.

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
        self._step_volatility = self.volatility_per_sqrt_s * math.sqrt(settings.step_ms / 1000)
        self._log_price = math.log(settings.start_usd)

    def step(self) -> int:
        """The next price in cents. Drift-free, so that the price itself is a fair bet."""
        self._log_price += self._rng.gauss(0.0, self._step_volatility) - self._step_volatility**2 / 2
        return self.price_cents

    def state(self) -> list[Any]:
        """Everything that the next steps depend on, as JSON values."""
        return [self._log_price, self._rng.getstate()]

    def restore(self, state: list[Any]) -> None:
        self._log_price, (version, internal, gauss_next) = state
        self._rng.setstate((version, tuple(internal), gauss_next))

    @property
    def price_cents(self) -> int:
        return round(math.exp(self._log_price) * 100)


def up_probability(price_cents: int, open_cents: int, seconds_left: float, volatility_per_sqrt_s: float) -> float:
    """A digital option on the window's open, struck at zero drift: P(close ≥ open)."""
    spread = volatility_per_sqrt_s * math.sqrt(max(seconds_left, 1e-6))
    distance = math.log(price_cents / open_cents) / spread
    return 0.5 * (1 + math.erf(distance / math.sqrt(2)))
