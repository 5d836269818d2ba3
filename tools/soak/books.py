"""Was our book the venue's? Answers of `GET /book`, taken during a run, against the same moments of the run's recording.

A REST answer cannot be ordered against a stream by time, but both carry the venue's hash of the state they show, and the hash
covers its timestamp: the frame with the same hash is the same moment. The recording is played through the books of the feeds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from trader.feeds.book_feed import BookFeed
from trader.feeds.ladder import Ladder
from trader.feeds.token_book import Integrity, TokenBook
from trader.model.book import Level
from trader.model.units import PriceBp
from trader.ops.archive import read_lines
from trader.ops.frames import parse_line
from trader.venues.contract import BookDump, LevelChange, TickChange
from trader.venues.polymarket.market_stream import PolymarketMarketStream, book_dump


class Seen(NamedTuple):
    """What there is to compare: the best levels of each side, and how many levels there are."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    depth: tuple[int, int]


class Comparison(NamedTuple):
    asked: int          # different states that REST showed
    met: int            # of these: found in the recording by their hash
    differed: int       # of these: our book was another


class BookWitness:
    """Asks the exchange for books, and compares them at the end. One thread."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._theirs: defaultdict[str, dict[str, Seen]] = defaultdict(dict)      # by token, then by hash
        self.is_decided = False      # a book that was looked at last has an empty side: nobody can make a market there

    def look(self, token_ids: Iterable[str]) -> None:
        """Does not insist: a fault may be on."""
        answers = [self._client.get("/book", params={"token_id": token_id}) for token_id in token_ids]
        dumps = [book_dump(answer.json()) for answer in answers if answer.status_code == httpx.codes.OK]
        for dump in dumps:
            self._theirs[dump.token_id][dump.hash] = _seen_by_rest(dump)
        self.is_decided = not all(dump.bids and dump.asks for dump in dumps)

    def compare(self, recording: Path) -> Comparison:
        asked = sum(map(len, self._theirs.values()))
        met: dict[tuple[str, str], bool] = {}
        for token_id, hash_text, ours in _states(recording, frozenset(self._theirs)):
            theirs = self._theirs[token_id].get(hash_text)
            if theirs is not None:           # an atomic trade takes several frames of one hash: the last of them counts
                met[token_id, hash_text] = theirs == ours
        return Comparison(asked, len(met), sum(not same for same in met.values()))


def _seen_by_rest(dump: BookDump) -> Seen:
    ladder = Ladder()
    ladder.load(dump.bids, dump.asks)
    return Seen(ladder.bids.top(), ladder.asks.top(), (ladder.bids.depth, ladder.asks.depth))


def _states(recording: Path, token_ids: frozenset[str]) -> Iterable[tuple[str, str, Seen]]:
    """(token, the venue's hash, our book) after every frame that touched a book."""
    stream = PolymarketMarketStream("ws://recording")
    books: dict[str, TokenBook] = {}
    for payload in _payloads(recording):
        touched: dict[str, str] = {}
        for event in stream.decode(payload):
            if not isinstance(event, BookDump | LevelChange | TickChange) or event.token_id not in token_ids:
                continue
            book = books.setdefault(event.token_id, TokenBook(event.token_id, PriceBp(0), Integrity(), 0))
            if isinstance(event, TickChange):
                book.new_tick(event.tick_bp, 0)
                continue
            touched[event.token_id] = event.hash
            book.dump(event, 0) if isinstance(event, BookDump) else book.change(event, 0)
        for token_id, hash_text in touched.items():
            top = books[token_id].top()
            yield token_id, hash_text, Seen(top.bids, top.asks, books[token_id].depth())


def _payloads(recording: Path) -> Iterable[bytes]:
    for file in sorted(recording.glob(f"{BookFeed.name}-*.jsonl.zst")):
        with file.open("rb") as raw:
            frames: Iterable[Any] = (parse_line(line) for line in read_lines(raw) if line)
            yield from (frame.payload for frame in frames if frame is not None and not frame.dropped)
