"""One connection of a recording played again: decoded, counted, and, if it is a market stream, kept as books. Pure.

Used by `ops/frames.py`. A market is not known here, so that every token has a book of its own, and a check of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from trader.errors import WireError
from trader.feeds.book_feed import BookFeed
from trader.feeds.event_counts import EventCounts
from trader.feeds.reference_feed import ReferenceFeed
from trader.feeds.snapshot_feed import RECORDED_AS
from trader.feeds.token_book import Integrity, TokenBook
from trader.feeds.user_feed import UserFeed
from trader.feeds.verbatim import BURST_NS
from trader.fleet.connection import NAMED
from trader.model.book import Level
from trader.model.setting import Secret
from trader.model.units import PriceBp
from trader.venues.binance.market_stream import BinanceMarketStream
from trader.venues.binance.settings import BinanceSettings
from trader.venues.binance.snapshot import BinanceSnapshot
from trader.venues.contract import BookDump, LevelChange, TickChange, TopOnly
from trader.venues.polymarket.account import ApiCredentials
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.user_stream import PolymarketUserStream

_NO_TICK = PriceBp(0)                    # until a frame names it
_HIDDEN = ApiCredentials("***", Secret(""), Secret(""), b"")     # how a recording names us
MOST_ASSETS = 10_000                     # of one connection, 25 kB each; the events of others are only counted
_BOOK_EVENTS = (BookDump, LevelChange, TopOnly, TickChange)

Decode = Callable[[bytes], Sequence[object]]


class Streams:
    """Which decoder reads which connection's frames."""

    def __init__(self, symbol: str) -> None:
        reference = BinanceMarketStream("ws://recording", symbol)
        snapshot = BinanceSnapshot(BinanceSettings(snapshot_url="http://recording", symbol=symbol))
        self._decoders: dict[str, Decode] = {
            BookFeed.name: PolymarketMarketStream("ws://recording").decode,
            UserFeed.name: PolymarketUserStream("ws://recording", _HIDDEN).decode,
            ReferenceFeed.name: lambda frame: [reference.decode(frame)],
            RECORDED_AS: lambda frame: [snapshot.decode(frame)],
        }

    def decoder(self, conn: str) -> Decode | None:
        """None for a connection that no feed of ours has: its frames are only counted."""
        return self._decoders.get(BookFeed.name if conn.startswith(NAMED) else conn)


class Asset:
    """One token's book, and how often it agreed with the venue's own top."""

    def __init__(self, token_id: str, now_ns: int) -> None:
        self.integrity = Integrity()
        self.book = TokenBook(token_id, _NO_TICK, self.integrity, now_ns)
        self.events = 0

    def apply(self, event: object, now_ns: int) -> None:
        self.events += 1
        match event:
            case LevelChange():
                self.book.change(event, now_ns)
            case BookDump():
                self.book.dump(event, now_ns)
            case TopOnly():
                self.book.check(event, now_ns)
            case TickChange():
                self.book.new_tick(event.tick_bp, now_ns)

    def row(self) -> dict[str, Any]:
        book, top, (bid_levels, ask_levels) = self.book, self.book.top(), self.book.depth()
        known = book.has_dump            # what a book holds that was never dumped, or is wrong, is nobody's top
        return {
            "token_id": book.token_id, "state": self._state(),
            **_best("bid", top.bids if known else ()), **_best("ask", top.asks if known else ()),
            "bid_levels": bid_levels if known else 0, "ask_levels": ask_levels if known else 0, "tick_bp": book.tick_bp or None,
            "events": self.events, "checks": self.integrity.checks, "mismatches": self.integrity.mismatches,
            "venue_ms": book.venue_ms or None,
        }

    def _state(self) -> str:
        if self.book.is_whole:
            return "whole"
        if self.book.has_dump:
            return "in a burst"
        return "wrong" if self.book.is_wrong else "no dump"


class Bench:
    """One connection. `now_ns` never runs backwards: files given in the wrong order move no time."""

    def __init__(self, conn: str, decode: Decode | None, most_assets: int = MOST_ASSETS) -> None:
        self._conn, self._decode, self._most_assets = conn, decode, most_assets
        self.now_ns = 0
        self.first_ns: int | None = None         # named by the recording, unlike `now_ns`
        self.last_ns: int | None = None
        self._frames = self._unparsable = self._dropped = self._untracked = 0
        self._events = EventCounts()
        self._assets: dict[str, Asset] = {}
        self._open: dict[str, Asset] = {}        # whose burst has not ended

    def add(self, payload: bytes, t_ns: int, *, is_timed: bool) -> None:
        self._frames += 1
        if t_ns > self.now_ns:
            self._pass_to(t_ns)
        if is_timed:
            self.first_ns = t_ns if self.first_ns is None else min(self.first_ns, t_ns)
            self.last_ns = t_ns if self.last_ns is None else max(self.last_ns, t_ns)
        if self._decode is None:
            return
        try:
            events = self._decode(payload)
        except WireError:
            self._unparsable += 1
            return
        for event in events:
            self._events.add(event)
            if isinstance(event, _BOOK_EVENTS):
                self._apply(event)

    def gap(self, dropped: int) -> None:
        """Frames are missing here: every book waits for its next dump, as after a lost connection."""
        self._dropped += dropped
        self._open.clear()
        for asset in self._assets.values():
            asset.book.forget(self.now_ns)

    def end(self) -> None:
        """Nothing follows: a burst that is open now never came to agree."""
        self._pass_to(self.now_ns + BURST_NS)

    def counts(self) -> dict[str, Any]:
        integrity = [asset.integrity for asset in self._assets.values()]
        return {
            "frames": self._frames, "decoded": self._decode is not None, "unparsable": self._unparsable, "dropped": self._dropped,
            "untracked": self._untracked,
            "events": dict(sorted(self._events.by_name().items())),
            "checks": sum(each.checks for each in integrity), "mismatches": sum(each.mismatches for each in integrity),
        }

    def assets(self) -> list[dict[str, Any]]:
        return [{"conn": self._conn, **self._assets[token].row()} for token in sorted(self._assets)]

    def _apply(self, event: object) -> None:
        token_id = cast(LevelChange, event).token_id
        asset = self._assets.get(token_id)
        if asset is None:
            if len(self._assets) >= self._most_assets:
                self._untracked += 1
                return
            asset = self._assets[token_id] = Asset(token_id, self.now_ns)
        asset.apply(event, self.now_ns)
        if asset.book.open_ns is not None:
            self._open[token_id] = asset

    def _pass_to(self, t_ns: int) -> None:
        """The frames of one moment arrived together; bursts that were open too long before this one are judged."""
        for token_id, asset in list(self._open.items()):
            asset.book.expire(t_ns)
            if asset.book.open_ns is None:
                del self._open[token_id]
        self.now_ns = t_ns


def _best(side: str, levels: tuple[Level, ...]) -> dict[str, int | None]:
    best = levels[0] if levels else None
    return {f"{side}_bp": best.price_bp if best else None, f"{side}_micro": best.size_micro if best else None}
