"""One window of the reference price as a candle. Pure; written by `market-life`, read by REST workers and the publisher."""

from __future__ import annotations

from typing import NamedTuple


class Candle(NamedTuple):
    """Prices in cents. `final` once the window is over; then `close_cents` settles the market."""

    opens_ms: int
    closes_ms: int
    open_cents: int
    high_cents: int
    low_cents: int
    close_cents: int
    trades: int = 0
    final: bool = False

    def moved(self, price_cents: int) -> Candle:
        return self._replace(high_cents=max(self.high_cents, price_cents), low_cents=min(self.low_cents, price_cents),
                             close_cents=price_cents, trades=self.trades + 1)


def opened(opens_ms: int, closes_ms: int, price_cents: int) -> Candle:
    return Candle(opens_ms, closes_ms, price_cents, price_cents, price_cents, price_cents)
