"""The history behind the dashboard's charts: one row a second from `stats()`, bounded, and the fills. Pure.

Owner: the thread `ops-http`. Ten minutes at a row a second, and an hour at a row every five seconds; what is older is forgotten.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from math import isnan, nan
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


_WIDTH = len(Row._fields)
_NO_END = 1 << 53            # numbers are kept as doubles


class Series:
    def __init__(self) -> None:
        self._number = 0
        self._began_ms = 0
        self._fine, self._coarse = _Ring(FINE_ROWS), _Ring(COARSE_ROWS)
        self._fills: deque[dict[str, Any]] = deque(maxlen=FILLS)
        self._fill_number = 0

    def add(self, stats: Mapping[str, Any], now_ms: int) -> None:
        """What `stats()` says now. More than its fifty newest fills between two rows are not charted."""
        self._number += 1
        self._began_ms = self._began_ms or now_ms
        row = _row(stats, self._number, now_ms)
        self._fine.put(row)
        if self._number % COARSE_EVERY == 0:
            self._coarse.put(row)
        for fill in stats.get("last_fills", ()):
            if fill["number"] > self._fill_number:
                self._fill_number = fill["number"]
                self._fills.append(fill)

    def since(self, number: int, fill_number: int) -> dict[str, Any]:
        """Rows and fills after these numbers, oldest first. `more`: ask again. `began_ms` changes when the numbers begin anew."""
        first = max(1, self._number - FINE_ROWS + 1)         # that is kept fine
        rows = [*self._coarse.between(number, first), *self._fine.between(max(number, first - 1), _NO_END)]
        return {
            "began_ms": self._began_ms, "columns": Row._fields, "more": len(rows) > PAGE_ROWS,
            "rows": [_told(cells) for cells in rows[:PAGE_ROWS]],
            "fills": [fill for fill in self._fills if fill["number"] > fill_number],
        }


class _Ring:
    """The newest rows, as numbers in memory that is taken once: what grows for an hour cannot be told from a leak."""

    def __init__(self, rows: int) -> None:
        self._cells = array("d", bytes(array("d").itemsize * _WIDTH * rows))
        self._at = 0

    def put(self, row: Row) -> None:
        self._cells[self._at:self._at + _WIDTH] = array("d", [nan if cell is None else cell for cell in row])
        self._at = (self._at + _WIDTH) % len(self._cells)

    def between(self, after: int, before: int) -> list[array[float]]:
        """Rows with numbers above `after` and below `before`, oldest first."""
        places = sorted((number, at) for at, number in enumerate(self._cells[::_WIDTH]) if after < number < before)
        return [self._cells[_WIDTH * at:_WIDTH * (at + 1)] for _, at in places]


def _told(cells: array[float]) -> tuple[float | None, ...]:
    number, at_ms, *others = cells
    return int(number), int(at_ms), *(None if isnan(cell) else cell for cell in others)


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
