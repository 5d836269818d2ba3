"""The history behind the dashboard's charts: one row a second from `stats()`, bounded, and the fills. Pure.

Writer: the thread `ops-http`. Readers: its workers. Ten minutes at a row a second, and an hour at a row every five seconds; what
is older is forgotten. A row that is in both is one object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

EVERY_NS = 1_000_000_000
FINE_ROWS = 600
COARSE_EVERY = 5
COARSE_ROWS = 720
FILLS = 500
PAGE_ROWS = 400              # of one answer: no thread may hold the interpreter for long

LEGS = ("frame_to_snapshot", "snapshot_to_intent", "tick_lateness", "intent_to_outbox", "outbox_to_wire", "wire_to_ack")


class Row(NamedTuple):
    """Prices in dollars a share of YES, sizes in shares, None where nothing was known. Latencies: p99 in microseconds."""

    number: int              # +1 a row, from 1
    at_ms: int               # wall
    bid: float | None
    ask: float | None
    fair: float | None
    own_bid: float | None    # our best order that may be live
    own_ask: float | None
    reference: float | None
    strike: float | None
    yes: float | None
    no: float | None
    pnl: float | None        # marked
    frame_to_snapshot: float | None
    snapshot_to_intent: float | None
    tick_lateness: float | None
    intent_to_outbox: float | None
    outbox_to_wire: float | None
    wire_to_ack: float | None


class Series:
    def __init__(self) -> None:
        self._number = 0
        self._began_ms = 0
        self._fine: deque[Row] = deque(maxlen=FINE_ROWS)
        self._coarse: deque[Row] = deque(maxlen=COARSE_ROWS)
        self._fills: deque[dict[str, Any]] = deque(maxlen=FILLS)
        self._fill_number = 0

    def add(self, stats: Mapping[str, Any], now_ms: int) -> None:
        """What `stats()` says now. More than its fifty newest fills between two rows are not charted."""
        self._number += 1
        self._began_ms = self._began_ms or now_ms
        row = _row(stats, self._number, now_ms)
        self._fine.append(row)
        if self._number % COARSE_EVERY == 0:
            self._coarse.append(row)
        for fill in stats.get("last_fills", ()):
            if fill["number"] > self._fill_number:
                self._fill_number = fill["number"]
                self._fills.append(fill)

    def since(self, number: int, fill_number: int) -> dict[str, Any]:
        """Rows and fills after these numbers, oldest first. `more`: ask again. `began_ms` changes when the numbers begin anew."""
        fine, coarse = self._fine.copy(), self._coarse.copy()
        first = fine[0].number if fine else 0
        rows = [row for row in (*(old for old in coarse if old.number < first), *fine) if row.number > number]
        return {
            "began_ms": self._began_ms, "columns": Row._fields, "more": len(rows) > PAGE_ROWS,
            "rows": [tuple(row) for row in rows[:PAGE_ROWS]],
            "fills": [fill for fill in self._fills.copy() if fill["number"] > fill_number],
        }


def _row(stats: Mapping[str, Any], number: int, now_ms: int) -> Row:
    book, latency = stats.get("books", {}).get("yes", {}), stats.get("latency", {})
    reference, held = stats.get("reference", {}), stats.get("inventory", {})
    own_bids, own_asks = (_own(stats.get("quotes", ()), side) for side in ("BUY", "SELL"))
    return Row(number, now_ms, book.get("bid"), book.get("ask"), stats.get("fair"), max(own_bids, default=None),
               min(own_asks, default=None), reference.get("price"), reference.get("strike"), held.get("yes"), held.get("no"),
               stats.get("pnl_marked_usd"), *(_p99(latency.get(leg)) for leg in LEGS))


def _own(quotes: Iterable[Mapping[str, Any]], side: str) -> list[float]:
    """Prices in YES terms of our orders on this side: one of the other token stands at one minus its price."""
    return [quote["price"] if quote["token_side"] == side else round(1 - quote["price"], 4) for quote in quotes if quote["side"] == side]


def _p99(leg: Mapping[str, Any] | None) -> float | None:
    """None while there is no sample: a zero would be a latency."""
    return leg["p99_us"] if leg and leg["count"] else None
