"""The price that a window is measured against: the reference at its open. Pure; called on the strategy thread by `view`."""

from __future__ import annotations

from typing import NamedTuple

from trader.model.book import ReferencePrice
from trader.model.market import LiveMarket, Market
from trader.model.units import MoneyMicro

_LATE_MS = 1000      # a first price later than this after the open is no stand-in for the open


class Strike(NamedTuple):
    price_micro: MoneyMicro
    provisional: bool        # seen by ourselves; the kline of the window has not confirmed it


class StrikeWatch:
    """Remembers the strikes of the live window and of the next one, which opens before it becomes the live one.

    Confirmed: the open of the kline that began at `open_ms`; kept for the life of the window, since a reconnected feed
    knows no kline for some seconds. Provisional: the first mid at or after the open, if we saw a mid before it too.
    The last trade is not used: it has no time of its own and may be from before the open. Owner: strategy thread.
    """

    def __init__(self) -> None:
        self._strikes: dict[str, Strike] = {}        # condition_id; at most two
        self._seen_ms: int | None = None             # wall time of the newest reference seen

    def observe(self, live: LiveMarket, reference: ReferencePrice, received_ms: int) -> None:
        """`received_ms` is the wall time at which `reference` was received."""
        markets = [m for m in (live.now, live.next) if m is not None]
        found = {m.condition_id: self._strike(m, reference, received_ms) for m in markets}
        self._strikes = {condition_id: strike for condition_id, strike in found.items() if strike is not None}
        self._seen_ms = received_ms

    def of(self, market: Market) -> Strike | None:
        return self._strikes.get(market.condition_id)

    def _strike(self, market: Market, reference: ReferencePrice, received_ms: int) -> Strike | None:
        if reference.open_micro is not None and reference.open_ms == market.open_ms:
            return Strike(reference.open_micro, provisional=False)
        known = self._strikes.get(market.condition_id)
        if known is None and self._saw_open(market.open_ms, received_ms):
            return Strike(reference.mid_micro, provisional=True)
        return known

    def _saw_open(self, open_ms: int, received_ms: int) -> bool:
        return self._seen_ms is not None and self._seen_ms < open_ms <= received_ms <= open_ms + _LATE_MS
