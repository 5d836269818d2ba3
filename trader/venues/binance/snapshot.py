"""The HTTP snapshot source: one JSON object that some other program keeps current. Pure; used by the thread `bn-ticker`.

    {"symbol": "BTCUSDT", "ts_ms": 1795000000123, "bid": 60000.01, "ask": 60000.02, "mid_px": 60000.015, "age_ms": 12,
     "stale": false, "open_px": 59950.5, …}

Its own `age_ms`, `stale` and `ts_ms` count, never the moment of the poll: a poller that re-reads a frozen source looks alive.
Numbers may come as JSON numbers or as text; their digits are taken as written, never through a float.
"""

from __future__ import annotations

import json
from typing import Any

from trader.errors import WireError
from trader.venues.binance.market_stream import price_micro_from_wire
from trader.venues.binance.settings import BinanceSettings
from trader.venues.contract import Snapshot

_HOUR_MS = 3_600_000


class BinanceSnapshot:
    """Implements `contract.SnapshotSource`: where the source is, how often it may be asked, and how to read its answer."""

    def __init__(self, settings: BinanceSettings) -> None:
        self.url, self.symbol, self.poll_hz = settings.snapshot_url, settings.symbol.upper(), settings.poll_hz

    def decode(self, body: bytes) -> Snapshot:
        """Raises WireError on what it cannot read, another pair included."""
        try:
            row = json.loads(body, parse_float=str)
            if row["symbol"].upper() != self.symbol:
                raise ValueError(f"symbol {row['symbol']!r} instead of {self.symbol!r}")
            return _snapshot(row)
        except (WireError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as why:
            raise WireError(f"the snapshot source's answer cannot be read ({type(why).__name__}: {why}): {body[:200]!r}.",
                            remedy="Check binance.snapshot_url against docs/venues/binance.md.") from None


def _snapshot(row: dict[str, Any]) -> Snapshot:
    bid_micro, ask_micro = price_micro_from_wire(str(row["bid"])), price_micro_from_wire(str(row["ask"]))
    if bid_micro > ask_micro:
        raise ValueError(f"bid {row['bid']} and ask {row['ask']} are not a market")
    if not isinstance(row["stale"], bool):
        raise ValueError(f"stale {row['stale']!r} is neither true nor false")
    open_px = row.get("open_px")         # belongs to the hour of `ts_ms`
    return Snapshot(
        bid_micro=bid_micro, ask_micro=ask_micro,
        open_micro=None if open_px is None else price_micro_from_wire(str(open_px)),
        open_ms=None if open_px is None else int(row["ts_ms"]) // _HOUR_MS * _HOUR_MS,
        age_ms=_whole_ms(row["age_ms"]), is_stale=row["stale"], source_ms=None if row.get("ts_ms") is None else int(row["ts_ms"]),
    )


def _whole_ms(value: Any) -> int:
    """'12.7' -> 12. Never negative: a source whose clock is ahead is not fresher than now."""
    return max(0, int(str(value).partition(".")[0]))
