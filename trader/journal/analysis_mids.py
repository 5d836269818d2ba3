"""The mids that the executor saw, out of the raw cycles. Read-only; any thread, any process, also while the desk writes.

A cycle holds the book that was read in it. Only that part is decoded, and only where somebody asks: an hour of a busy desk is 200,000
cycles. Cycles of another layout cannot be read; fills of that time are without a mid then.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from trader.journal.codec import LAYOUT
from trader.journal.reader import runs, texts
from trader.journal.schema import open_to_read, refusals
from trader.model.book import BookTop, MarketBook
from trader.model.cycle import Cycle, View

OLDEST_MID_MS = 5_000            # a mid that was not seen for longer says nothing; a desk that runs keeps a cycle at least once a second
_CLOCKS_MS = 60_000              # how far our clock and the venue's may be apart, generously

# Where they stand in a cycle of this layout; typed decoding of whole cycles takes ten times as long.
_VIEW, _BOOK = Cycle._fields.index("view"), View._fields.index("book")
_MARKET, _YES, _VENUE_MS = (MarketBook._fields.index(name) for name in ("condition_id", "yes", "venue_ms"))
_BIDS, _ASKS = BookTop._fields.index("bids"), BookTop._fields.index("asks")


class Mids:
    """Every mid of one market's YES that was seen, by the venue's clock."""

    def __init__(self) -> None:
        self._since_ms: list[int] = []
        self._seen_ms: list[int] = []    # when each was last seen to hold
        self._mids_bp: list[int] = []

    def see(self, venue_ms: int, seen_ms: int, mid_bp: int) -> None:
        """In the order in which they were seen."""
        if self._mids_bp and (self._mids_bp[-1] == mid_bp or venue_ms <= self._since_ms[-1]):
            self._seen_ms[-1], self._mids_bp[-1] = seen_ms, mid_bp
            return
        self._since_ms.append(venue_ms)
        self._seen_ms.append(seen_ms)
        self._mids_bp.append(mid_bp)

    def before(self, at_ms: int) -> int | None:
        """The last one that what happened at that time had not moved yet. None where nobody was looking."""
        index = bisect_left(self._since_ms, at_ms) - 1
        if index < 0 or at_ms - max(self._since_ms[index], self._seen_ms[index]) > OLDEST_MID_MS:
            return None
        return self._mids_bp[index]

    def at(self, at_ms: int) -> int | None:
        """The last one known by then."""
        index = bisect_right(self._since_ms, at_ms) - 1
        return None if index < 0 else self._mids_bp[index]


class Span(NamedTuple):
    condition_id: str
    from_ms: int
    to_ms: int


def mids_in(files: Sequence[Path], spans: Sequence[Span]) -> dict[str, Mids]:
    """Of each span's market, at least what was seen in that time."""
    found = {span.condition_id: Mids() for span in spans}
    if not spans:
        return found
    from_ms, to_ms = min(span.from_ms for span in spans) - _CLOCKS_MS, max(span.to_ms for span in spans) + _CLOCKS_MS
    wanted = {span.condition_id: (span.from_ms - _CLOCKS_MS, span.to_ms + _CLOCKS_MS) for span in spans}
    for file in files:
        if not _touches(file, from_ms, to_ms):
            continue
        for seen_ms, book in _books(file, from_ms, to_ms):
            span, bids, asks = wanted.get(book[_MARKET]), book[_YES][_BIDS], book[_YES][_ASKS]
            if span is not None and span[0] <= seen_ms <= span[1] and bids and asks:
                found[book[_MARKET]].see(book[_VENUE_MS], seen_ms, (bids[0][0] + asks[0][0]) // 2)
    return found


def _touches(file: Path, from_ms: int, to_ms: int) -> bool:
    with refusals(file), closing(open_to_read(file)) as db:
        first_ms, last_ms = db.execute("SELECT min(wall_ms), max(wall_ms) FROM cycles").fetchone()
    return first_ms is not None and first_ms <= to_ms and last_ms >= from_ms


def _books(file: Path, from_ms: int, to_ms: int) -> Iterator[tuple[int, Any]]:
    """(our wall time, a MarketBook as its bare fields), in order."""
    for run in runs([file]):
        if run.layout != LAYOUT:
            continue
        for _, seen_ms, text in texts(file, run.run_id):
            if from_ms <= seen_ms <= to_ms and (book := _book_in(text)) is not None:
                yield seen_ms, book


def _book_in(text: bytes) -> Any:
    try:
        cycle = orjson.loads(text)
    except orjson.JSONDecodeError:           # an integer of more than 64 bits somewhere else in it
        cycle = json.loads(text)
    return cycle[_VIEW][_BOOK]
