"""Whatever the venue does, a published book is one that the venue had: never crossed, never half of an update."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import TOP_LEVELS, BookTop, FeedHealth, MarketBook
from trader.model.market import Market
from trader.model.units import PriceBp, SizeMicro, price_to_wire
from trader.testing.fake_socket import FakeNetwork, FakeSocket, server_frame
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream

MARKET = Market("m", "0xm", "11", "12", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)
Top = tuple[int | None, int | None]


class FakeVenue:
    """One market's book in cents of YES; NO is its mirror. Every operation returns the frames that tell of it."""

    def __init__(self) -> None:
        self.bids, self.asks = {40: 5, 39: 7}, {60: 5, 61: 7}
        self.ms = 1_790_000_000_000
        self.tops: set[tuple[Top, Top]] = {(self.top("11"), self.top("12"))}

    def top(self, token: str) -> Top:
        bid, ask = max(self.bids, default=None), min(self.asks, default=None)
        if token == "12":
            bid, ask = None if ask is None else 100 - ask, None if bid is None else 100 - bid
        return (None if bid is None else bid * 100), (None if ask is None else ask * 100)

    def dumps(self) -> list[bytes]:
        return [self._dump(token) for token in MARKET.tokens]

    def set(self, is_bid: bool, cent: int, size: int) -> list[bytes]:
        """A level changes; one that would cross trades through the other side first, all in one update."""
        steps = [(is_bid, cent, size)]
        crossed = [c for c in self.asks if c <= cent] if is_bid else [c for c in self.bids if c >= cent]
        if size:
            steps += [(not is_bid, c, 0) for c in crossed]
        self.ms += 1
        for bid_side, at, amount in steps:
            side = self.bids if bid_side else self.asks
            side.pop(at, None)
            if amount:
                side[at] = amount
        self.tops.add((self.top("11"), self.top("12")))
        return [self._change(*step) for step in steps] + (self.dumps() if crossed and size else [])

    def _change(self, is_bid: bool, cent: int, size: int) -> bytes:
        rows = []
        for token, at, bid_side in (("11", cent, is_bid), ("12", 100 - cent, not is_bid)):
            bid, ask = ("" if p is None else price_to_wire(p) for p in self.top(token))
            rows.append({"asset_id": token, "price": price_to_wire(at * 100), "size": str(size),
                         "side": "BUY" if bid_side else "SELL", "hash": f"{token}-{self.ms}", "best_bid": bid, "best_ask": ask})
        return orjson.dumps({"event_type": "price_change", "timestamp": str(self.ms), "price_changes": rows})

    def _dump(self, token: str) -> bytes:
        levels: dict[str, Any] = {}
        for name, is_bid in (("bids", True), ("asks", False)):
            levels[name] = [{"price": price_to_wire(p), "size": str(s)} for p, s in self._side(token, is_bid)]
        return orjson.dumps({"event_type": "book", "asset_id": token, "timestamp": str(self.ms), "hash": f"{token}-{self.ms}"} | levels)

    def _side(self, token: str, is_bid: bool) -> list[tuple[int, int]]:
        mirrored = token == "12"
        side = self.bids if is_bid != mirrored else self.asks
        return sorted((((100 - c) if mirrored else c) * 100, s) for c, s in side.items())

    def best(self, token: str, is_bid: bool) -> tuple[tuple[int, int], ...]:
        ordered = self._side(token, is_bid)[::-1] if is_bid else self._side(token, is_bid)
        return tuple((p, s * 1_000_000) for p, s in ordered[:TOP_LEVELS])


class Watched(SnapshotCache[MarketBook]):
    """Remembers everything that was ever published."""

    def __init__(self) -> None:
        super().__init__("books")
        self.seen: list[MarketBook] = []

    def publish(self, snapshot: MarketBook) -> None:
        self.seen.append(snapshot)
        super().publish(snapshot)


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.network = FakeNetwork(self.clock)
        self.books = Watched()
        self.orders = FeedOrders()
        self.feed = BookFeed(PolymarketMarketStream("ws://v"), FeedSettings(), self.orders, self.books, SnapshotCache[FeedHealth]("h"),
                             Doorbell(), self.clock, self.network.connect, self.network.wait)
        self.socket: FakeSocket = self.network.accept()
        self.orders.put(Subscription(MARKET))
        self.feed.do_work()
        self.orders.close()
        vars(self.orders)["take"] = lambda: None         # no more orders: saves two sockets an example

    def deliver(self, data: bytes, cuts: list[int]) -> None:
        edges = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
        for start, end in pairwise(edges):
            self.socket.push_bytes(data[start:end])
            self.feed.do_work()


operations = st.lists(st.tuples(st.booleans(), st.integers(1, 99), st.integers(0, 3)), min_size=1, max_size=25)


def is_crossed(top: BookTop) -> bool:
    return top.bid_bp is not None and top.ask_bp is not None and top.bid_bp >= top.ask_bp


@settings(max_examples=80, deadline=None)
@given(operations, st.lists(st.integers(0), max_size=30), st.booleans())
def test_every_published_book_is_one_that_the_venue_had(
    sequence: list[tuple[bool, int, int]], cuts: list[int], doubled: bool,
) -> None:
    venue, desk = FakeVenue(), Desk()
    frames = venue.dumps()
    for operation in sequence:
        frames += venue.set(*operation)
    desk.deliver(b"".join(server_frame(f) * (2 if doubled else 1) for f in frames), cuts)
    for book in desk.books.seen:
        assert not is_crossed(book.yes) and not is_crossed(book.no)
        assert ((book.yes.bid_bp, book.yes.ask_bp), (book.no.bid_bp, book.no.ask_bp)) in venue.tops
    last = desk.books.seen[-1]
    for token, top in (("11", last.yes), ("12", last.no)):
        assert (top.bids, top.asks) == (venue.best(token, True), venue.best(token, False))
    assert desk.feed.stats()["mismatches"] == 0


@settings(max_examples=60, deadline=None)
@given(operations, st.data())
def test_a_lost_frame_is_harmless_to_the_top_or_found(sequence: list[tuple[bool, int, int]], data: st.DataObject) -> None:
    venue, desk = FakeVenue(), Desk()
    desk.deliver(b"".join(map(server_frame, venue.dumps())), [])
    frames = [f for operation in sequence for f in venue.set(*operation) if b'"book"' not in f]
    lost = data.draw(st.integers(0, len(frames) - 1))
    cuts = data.draw(st.lists(st.integers(0), max_size=9))
    desk.deliver(b"".join(server_frame(f) for at, f in enumerate(frames) if at != lost), cuts)
    desk.clock.advance(ms=5)
    desk.feed.do_work()
    last = desk.books.seen[-1]
    agrees = ((last.yes.bid_bp, last.yes.ask_bp), (last.no.bid_bp, last.no.ask_bp)) == (venue.top("11"), venue.top("12"))
    assert lost == len(frames) - 1 or agrees or desk.feed.stats()["suspect"]


@settings(max_examples=80, deadline=None)
@given(operations, st.data())
def test_corrupt_frames_never_leave_do_work_and_are_counted(sequence: list[tuple[bool, int, int]], data: st.DataObject) -> None:
    venue, desk = FakeVenue(), Desk()
    frames = venue.dumps()
    for operation in sequence:
        frames += venue.set(*operation)
    at = data.draw(st.integers(0, len(frames) - 1))
    frames[at] = data.draw(st.sampled_from([b"", b"{", b"[1]", b"nonsense", b'{"event_type":"book"}', frames[at][:-1], b"\xff" * 9]))
    desk.deliver(b"".join(server_frame(f) for f in frames), [])
    assert desk.feed.stats()["unparsable"] == 1
    assert not any(is_crossed(b.yes) or is_crossed(b.no) for b in desk.books.seen)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_on_the_socket_at_worst_end_the_connection(data: bytes) -> None:
    desk = Desk()
    desk.socket.push_bytes(data)
    desk.feed.do_work()
    desk.feed.do_work()
    assert desk.books.seen == []


# --- everything at once ---------------------------------------------------------------------------------------------


def frames_of_each_token(frames: list[bytes]) -> dict[str, list[bytes]]:
    """One frame a token and change, as if the venue told of each outcome by itself."""
    queues: dict[str, list[bytes]] = {token: [] for token in MARKET.tokens}
    for frame in frames:
        message = orjson.loads(frame)
        for row in message.get("price_changes", [message]):
            alone = message | {"price_changes": [row]} if "price_changes" in message else message
            queues[row["asset_id"]].append(orjson.dumps(alone))
    return queues


@st.composite
def scrambled(draw: st.DrawFn, frames: list[bytes]) -> list[bytes]:
    """Each token's frames in their order, the two interleaved at will, some twice in a row, rubbish in between."""
    queues, merged = frames_of_each_token(frames), []
    while any(queues.values()):
        queue = queues[draw(st.sampled_from([token for token in queues if queues[token]]))]
        merged += [queue.pop(0)] * draw(st.sampled_from([1, 1, 2]))
    if draw(st.booleans()):
        merged.insert(draw(st.integers(0, len(merged))), draw(st.sampled_from([b"{", b"[1]", b'{"event_type":"price_change"}'])))
    return merged


def reconnect(desk: Desk, venue: FakeVenue) -> None:
    desk.socket.push_end("cut")
    desk.feed.do_work()
    desk.socket = desk.network.accept()
    while not desk.feed.stats()["connected"]:
        desk.feed.do_work()
    desk.deliver(b"".join(map(server_frame, venue.dumps())), [])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.lists(st.tuples(operations, st.booleans()), min_size=1, max_size=4))
def test_after_bursts_duplicates_reorderings_rubbish_and_cuts_at_any_byte_the_book_is_the_venues(
    data: st.DataObject, parts: list[tuple[list[tuple[bool, int, int]], bool]],
) -> None:
    venue, desk = FakeVenue(), Desk()
    desk.deliver(b"".join(map(server_frame, venue.dumps())), [])
    for sequence, is_cut in parts:
        frames = [frame for operation in sequence for frame in venue.set(*operation)]
        stream = b"".join(map(server_frame, data.draw(scrambled(frames))))
        if is_cut:
            desk.deliver(stream[:data.draw(st.integers(0, len(stream)))], [])
            reconnect(desk, venue)
        else:
            desk.deliver(stream, data.draw(st.lists(st.integers(0), max_size=5)))
    yes_tops, no_tops = ({tops[at] for tops in venue.tops} for at in (0, 1))
    for book in desk.books.seen:
        assert (book.yes.bid_bp, book.yes.ask_bp) in yes_tops and (book.no.bid_bp, book.no.ask_bp) in no_tops
        assert not is_crossed(book.yes) and not is_crossed(book.no)
    last = desk.books.seen[-1]
    for token, top in (("11", last.yes), ("12", last.no)):
        assert (top.bids, top.asks) == (venue.best(token, True), venue.best(token, False))
    assert desk.feed.stats()["mismatches"] == 0
