"""Two connections, a worker that reads slowly and dies, and its successor: whatever is lost on the way, no book that
calls itself whole is ever without it, and in the end all are whole."""

from __future__ import annotations

import select
import socket
import threading
from collections import deque

import orjson
import pytest

from trader.fleet.books import FleetBooks
from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Unpacker
from trader.fleet.router import Router
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.pool_stream import PolymarketPoolStream

CHANGES = 600                            # of each connection, at least
MOST_LEVELS = 500
DEATHS_AT = range(25, 325, 25)           # frames that were read
LIMIT_BYTES = 32_768                     # of what may wait: frames are refused again and again
PAUSE_S = 0.001
FILLER = "x" * 1_500


class Line:
    """One connection with two tokens, and its part of the venue: each change adds a level, so that a book shows what it has missed."""

    def __init__(self, number: int, link: WorkerLink) -> None:
        self.number, self.tokens = number, (f"{number}1", f"{number}2")
        self.router = Router(number, PolymarketPoolStream("ws://fleet"), [link], ManualClock())
        self.router.carry(0, self.tokens)
        self.levels, self.at_ms = dict.fromkeys(self.tokens, 1), 1_790_658_661_000
        self.levels_at = {(token, self.at_ms): 1 for token in self.tokens}
        self.refills: deque[int] = deque([0])        # as the keeper orders them

    def change(self, token: str) -> bytes:
        row = {"asset_id": token, "price": f"0.{self.levels[token]:04d}", "size": "7", "side": "BUY", "hash": "h", "best_bid": "0.4",
               "best_ask": "0.6"}
        self.levels[token] = min(MOST_LEVELS, self.levels[token] + 1)
        self.at_ms += 1
        self.levels_at[token, self.at_ms] = self.levels[token]
        return orjson.dumps({"market": f"0x{self.number}", "price_changes": [row], "timestamp": str(self.at_ms),
                             "event_type": "price_change", "filler": FILLER})

    def dump(self, token: str) -> bytes:
        bids = [{"price": f"0.{level:04d}", "size": "7"} for level in (4_000, *range(1, self.levels[token]))]
        self.levels_at[token, self.at_ms] = self.levels[token]
        return orjson.dumps({"market": f"0x{self.number}", "asset_id": token, "timestamp": str(self.at_ms), "hash": "h", "bids": bids,
                             "asks": [{"price": "0.6", "size": "5"}], "tick_size": "0.0001", "event_type": "book"})

    def run(self, deaths_are_over: threading.Event) -> None:
        """Its changes, and after each what a connection does; then it goes on until nothing is owed."""
        made = 0
        while (is_on := made < CHANGES or not deaths_are_over.is_set()) or self.refills or self.router.dirty:
            if is_on:
                made += 1
                self.router.route([self.change(self.tokens[made % 2])], 0)
            while self.refills:
                self.router.doubt_worker(self.refills.popleft())
            for token in self.router.take_refetch():
                self.router.route([self.dump(token)], 0)
            if self.router.dirty:
                deaths_are_over.wait(PAUSE_S)        # what a venue sends meanwhile is little


class Successors:
    """One worker after the other, and what crew and keeper do when one dies."""

    def __init__(self) -> None:
        self._wake_in, self._wake_out = socket.socketpair()
        self.link = WorkerLink(0, LIMIT_BYTES, lambda: self._wake_in.send(b"!"))
        self.lines = (Line(1, self.link), Line(2, self.link))
        self.deaths_are_over, self.frames = threading.Event(), 0
        self._begin()

    def _begin(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.books, self._unpacker = FleetBooks(PolymarketMarketStream("ws://fleet").decode), Unpacker()
        self.link.attach(self._ours)
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for line in self.lines:
            self.link.tell({"do": "assign", "conn": line.number, "assets": [[token, f"0x{line.number}", 1] for token in line.tokens]})
            line.refills.append(0)

    def die(self) -> None:
        self.link.detach()
        self._theirs.close()
        self._begin()

    def run(self, is_writing) -> None:
        """Reads a little at a time. Dies in the middle of the frames, and at the end reads what is left."""
        dies_at = list(DEATHS_AT)
        while is_writing() or self.link.depth or select.select([self._theirs], [], [], 0)[0]:
            self._read()
            if dies_at and self.frames >= dies_at[0]:
                dies_at.pop(0)
                self.die()
            if not dies_at:
                self.deaths_are_over.set()

    def _read(self) -> None:
        readable, writable, _ = select.select([self._theirs, self._wake_out], [self._ours] if self.link.depth else [], [], 0.01)
        if self._wake_out in readable:
            self._wake_out.recv(4096)
        if writable:
            self.link.flush()
        for parcel in self._unpacker.feed(self._theirs.recv(8_192)) if self._theirs in readable else ():
            if isinstance(parcel, Frames):
                self.frames += len(parcel.payloads)
                self.books.apply(parcel.connection, parcel.payloads, 0)
                self.compare()
            elif parcel["do"] == "assign":
                self.books.assign(parcel["conn"], parcel["assets"], 0)
            else:
                self.books.forget(parcel["conn"], parcel["tokens"], 0)

    def compare(self) -> None:
        for asset in self.books.take_touched():
            line = self.lines[asset.owner - 1]
            assert len(asset.book.levels()[0]) == line.levels_at[asset.book.token_id, asset.book.venue_ms]

    def close(self) -> None:
        self.link.detach()
        for end in (self._theirs, self._wake_in, self._wake_out):
            end.close()


@pytest.fixture
def successors():
    made = Successors()
    yield made
    made.close()


def test_books_of_two_connections_outlive_a_full_socket_and_the_death_of_their_worker(successors, run_together):
    writing = {line.number for line in successors.lines}

    def write(line: Line) -> None:
        line.run(successors.deaths_are_over)
        writing.discard(line.number)

    run_together(worker=lambda: successors.run(lambda: writing), one=lambda: write(successors.lines[0]),
                 other=lambda: write(successors.lines[1]))
    for line in successors.lines:
        for token in line.tokens:
            book = successors.books.book(token)
            assert book is not None and book.is_whole, (token, book)
            assert len(book.levels()[0]) == line.levels[token]
    assert (successors.link.depth, successors.link.unsent_bytes) == (0, 0)
    assert successors.link.refused > 0 and successors.books.unparsable == 0
