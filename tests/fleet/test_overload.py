"""A worker that reads too slowly: router, link and books together. Whatever is dropped, every book equals the venue's in the end."""

from __future__ import annotations

import socket

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.fleet.books import FleetBooks
from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Unpacker
from trader.fleet.router import Router
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.pool_stream import PolymarketPoolStream

TOKENS = ("11", "12", "21", "22")
FILLER = "x" * 3_000                     # so that a few frames fill the socket


class Venue:
    """One level a token, whose size is absolute."""

    def __init__(self) -> None:
        self.sizes, self.at_ms = dict.fromkeys(TOKENS, 1), 1_790_658_661_000

    def change(self, token: str) -> bytes:
        self.sizes[token] += 1
        self.at_ms += 1
        row = {"asset_id": token, "price": "0.3", "size": str(self.sizes[token]), "side": "BUY", "hash": f"h{self.at_ms}",
               "best_bid": "0.4", "best_ask": "0.6"}
        return orjson.dumps({"market": "0x" + token[0], "price_changes": [row], "timestamp": str(self.at_ms), "event_type": "price_change",
                             "filler": FILLER})

    def dump(self, token: str) -> bytes:
        bids = [{"price": "0.4", "size": "9"}, {"price": "0.3", "size": str(self.sizes[token])}]
        return orjson.dumps({"market": "0x" + token[0], "asset_id": token, "timestamp": str(self.at_ms), "hash": "h", "bids": bids,
                             "asks": [{"price": "0.6", "size": "5"}], "tick_size": "0.01", "event_type": "book"})


class Overload:
    def __init__(self) -> None:
        self.venue, self.unpacker = Venue(), Unpacker()
        ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.link = WorkerLink(0, 0, lambda: None)
        self.link.attach(ours)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        self.router = Router(1, PolymarketPoolStream("ws://fleet"), [self.link], ManualClock())
        self.books = FleetBooks(PolymarketMarketStream("ws://fleet").decode)
        for first, second in (TOKENS[:2], TOKENS[2:]):
            self.router.carry(0, (first, second))
            self.books.assign(1, [(token, "0x" + first[0], 100) for token in (first, second)], 0)
        self.router.doubt(TOKENS)

    def hand_on(self, frames: list[bytes]) -> None:
        """… and asks for what is dirty, as a connection does after each batch."""
        self.router.route(frames, 0)
        for token in self.router.take_refetch():
            self.router.route([self.venue.dump(token)], 0)

    def read(self, most_bytes: int) -> int:
        """By the worker. Returns how many bytes came."""
        self.link.flush()
        try:
            data = self.theirs.recv(most_bytes)
        except BlockingIOError:
            return 0
        for parcel in self.unpacker.feed(data):
            if isinstance(parcel, Frames):
                self.books.apply(1, parcel.payloads, 0)
            else:
                self.books.forget(parcel["conn"], parcel["tokens"], 0)
        return len(data)

    def settle(self) -> None:
        while self.read(1 << 20) or self.router.dirty:
            self.hand_on([])

    def close(self) -> None:
        self.link.detach()
        self.theirs.close()


STEPS = st.lists(st.one_of(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=8), st.integers(1, 20_000)), min_size=1, max_size=60)


@settings(deadline=None)
@given(STEPS)
def test_however_slowly_a_worker_reads_its_books_equal_the_venues_in_the_end(steps):
    overload = Overload()
    try:
        for step in steps:
            if isinstance(step, int):
                overload.read(step)
            else:
                overload.hand_on([overload.venue.change(token) for token in step])
        overload.settle()
        for token, size in overload.venue.sizes.items():
            book = overload.books.book(token)
            assert book.is_whole and dict(book.levels()[0])[3_000] == size * 1_000_000
        assert overload.books.integrity.mismatches == 0
    finally:
        overload.close()


def test_frames_that_a_standing_worker_has_no_room_for_are_counted_and_take_no_memory():
    overload = Overload()
    for _ in range(400):
        overload.hand_on([overload.venue.change(token) for token in TOKENS])
    assert overload.router.dropped > 1_500 and overload.router.dirty == len(TOKENS)
    assert overload.link.unsent_bytes < 5 * len(TOKENS) * len(FILLER)
    overload.settle()
    assert all(overload.books.book(token).is_whole for token in TOKENS)
    overload.close()
