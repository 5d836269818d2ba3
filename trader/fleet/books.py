"""The books of one worker, and which connection each of them listens to. Pure; the worker's only thread.

An asset belongs to one connection at a time; frames of it from any other are dropped and counted. When it moves, the new
connection's frames build a second book beside the first, and the two are exchanged when the second has caught up: no update is
lost, none is applied twice, and the book never goes back in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from trader.errors import WireError
from trader.feeds.token_book import Integrity, TokenBook
from trader.feeds.verbatim import BURST_NS
from trader.model.units import PriceBp
from trader.venues.contract import BookDump, BookEvent, LastTrade, LevelChange, TickChange, TopOnly

ASK_AGAIN_NS = 5_000_000_000         # a dump that was asked for comes within this
_BOOK_EVENTS = (LevelChange, BookDump, TopOnly, TickChange)

Decode = Callable[[bytes], list[BookEvent]]


class Asset:
    """One token. `owner` is the connection that its book listens to; `heir`, while it moves, the one that it is to listen to."""

    __slots__ = ("book", "condition_id", "heir", "heir_book", "is_proved", "owner")

    def __init__(self, condition_id: str, owner: int, book: TokenBook) -> None:
        self.condition_id, self.owner, self.book = condition_id, owner, book
        self.heir: int | None = None
        self.heir_book: TokenBook | None = None
        self.is_proved = False               # a dump came from the owner, and the fleet was told


class FleetBooks:
    """`take_owned` and `take_doubted` are what the fleet must hear; `take_touched` is for the handler."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._assets: dict[str, Asset] = {}
        self._owned: list[tuple[int, str]] = []
        self._doubted: dict[tuple[int, str], None] = {}
        self._touched: dict[str, Asset] = {}
        self._trades: list[tuple[str, LastTrade]] = []
        self._open: dict[str, Asset] = {}            # whose burst has not ended
        self.integrity = Integrity()
        self.frames = self.events = self.foreign = self.unparsable = self.dumps = self.swaps = 0

    # --- orders of the fleet ---

    def assign(self, connection: int, rows: Iterable[Sequence[Any]], now_ns: int) -> None:
        """(token, condition, tick) rows: their books listen to this connection from now on, and wait for its dumps."""
        for token, condition_id, tick_bp in rows:
            self._assets[token] = Asset(condition_id, connection, self._new_book(token, tick_bp, now_ns))
            self._open.pop(token, None)

    def move(self, connection: int, tokens: Iterable[str], now_ns: int) -> None:
        for asset in self._known(tokens):
            asset.heir = connection
            asset.heir_book = self._new_book(asset.book.token_id, asset.book.tick_bp, now_ns)

    def abort(self, tokens: Iterable[str]) -> None:
        """The move is off: the owner stays, and its book has missed nothing."""
        for asset in self._known(tokens):
            asset.heir = asset.heir_book = None

    def drop(self, tokens: Iterable[str]) -> list[str]:
        """Forgets these tokens. Returns the markets that are gone with them."""
        gone = [(token, asset) for token in tokens for asset in [self._assets.pop(token, None)] if asset is not None]
        for token, _ in gone:
            self._open.pop(token, None)
            self._touched.pop(token, None)
        return list(dict.fromkeys(asset.condition_id for _, asset in gone))

    def lost(self, connection: int, now_ns: int) -> None:
        """That connection is gone: whatever listened to it waits for a new dump."""
        self.forget(connection, tuple(self._assets), now_ns)

    def forget(self, connection: int, tokens: Iterable[str], now_ns: int) -> None:
        """Frames of that connection for these tokens are missing from here on, until the dump that was asked for."""
        for asset in self._known(tokens):
            if asset.owner == connection:
                asset.book.forget(now_ns)
            if asset.heir == connection and asset.heir_book is not None:
                asset.heir_book.forget(now_ns)

    # --- frames ---

    def apply(self, connection: int, frames: Sequence[bytes], now_ns: int) -> None:
        self.frames += len(frames)
        for frame in frames:
            try:
                events = self._decode(frame)
            except WireError:
                self._unreadable(connection, frame, now_ns)
                continue
            for event in events:
                self._take(connection, event, now_ns)

    def _take(self, connection: int, event: BookEvent, now_ns: int) -> None:
        asset = self._assets.get(getattr(event, "token_id", ""))
        if asset is None:
            self.foreign += 1
        elif asset.owner == connection:
            self.events += 1
            self._apply(asset, asset.book, event, now_ns)
        elif asset.heir == connection and asset.heir_book is not None:
            self._inherit(asset, asset.heir_book, event, now_ns)
        else:
            self.foreign += 1

    def _apply(self, asset: Asset, book: TokenBook, event: BookEvent, now_ns: int) -> None:
        if type(event) is LevelChange:               # nearly all of them
            book.change(event, now_ns)
        elif isinstance(event, BookDump):
            self._dump(asset, book, event, now_ns)
        elif isinstance(event, TopOnly):
            book.check(event, now_ns)
        elif isinstance(event, TickChange):
            book.new_tick(event.tick_bp, now_ns)
        elif isinstance(event, LastTrade):
            self._trades.append((asset.condition_id, event))
        self._touched[book.token_id] = asset
        if book.open_ns is not None:
            self._open[book.token_id] = asset
        elif book.is_wrong:
            self._doubt(asset, book, now_ns)

    def _dump(self, asset: Asset, book: TokenBook, dump: BookDump, now_ns: int) -> None:
        self.dumps += 1
        book.dump(dump, now_ns)
        if not asset.is_proved:
            asset.is_proved = True
            self._owned.append((asset.owner, book.token_id))

    def _inherit(self, asset: Asset, heir: TokenBook, event: BookEvent, now_ns: int) -> None:
        """The second book. It takes over when it is whole and knows all that the first one knows."""
        if isinstance(event, BookDump):
            heir.dump(event, now_ns)
        elif isinstance(event, LevelChange):
            heir.change(event, now_ns)
        elif isinstance(event, TickChange):
            heir.new_tick(event.tick_bp, now_ns)
        if heir.is_whole and (not asset.book.has_dump or heir.venue_ms >= asset.book.venue_ms):
            asset.owner, asset.book = cast(int, asset.heir), heir
            asset.heir, asset.heir_book, asset.is_proved = None, None, True
            self.swaps += 1
            self._open.pop(heir.token_id, None)
            self._owned.append((asset.owner, heir.token_id))
            self._touched[heir.token_id] = asset

    def _unreadable(self, connection: int, frame: bytes, now_ns: int) -> None:
        """Whatever it said is missing now: both books of the market that it names are fetched anew."""
        self.unparsable += 1
        named = {asset.condition_id for token, asset in self._assets.items() if token.encode() in frame}
        for asset in self._assets.values():
            if asset.condition_id in named and connection == asset.owner:
                self._doubt(asset, asset.book, now_ns)
            elif asset.condition_id in named and connection == asset.heir and asset.heir_book is not None:
                asset.heir_book.forget(now_ns)
                self._doubted[connection, asset.book.token_id] = None

    # --- deadlines ---

    def expire_bursts(self, now_ns: int) -> None:
        """Call when everything that has arrived is applied."""
        for token, asset in list(self._open.items()):
            asset.book.expire(now_ns)
            if asset.book.open_ns is None:
                del self._open[token]
                if asset.book.is_wrong:
                    self._doubt(asset, asset.book, now_ns)

    def deadline_ns(self) -> int | None:
        opened = [asset.book.open_ns for asset in self._open.values() if asset.book.open_ns is not None]
        return min(opened) + BURST_NS if opened else None

    def ask_again(self, now_ns: int) -> None:
        """Dumps that did not come are asked for once more. Looks at every book: call it about once a second."""
        for asset in self._assets.values():
            book = asset.book
            if not book.has_dump and now_ns - book.asked_ns >= ASK_AGAIN_NS:
                self._doubt(asset, book, now_ns)

    def _doubt(self, asset: Asset, book: TokenBook, now_ns: int) -> None:
        book.forget(now_ns)
        self._doubted[asset.owner, book.token_id] = None

    # --- what others want to know ---

    def take_owned(self) -> list[tuple[int, str]]:
        """(connection, token) whose first dump came, or which have moved."""
        owned, self._owned = self._owned, []
        return owned

    def take_doubted(self) -> list[tuple[int, str]]:
        """(connection, token) of which a new dump is needed."""
        doubted, self._doubted = list(self._doubted), {}
        return doubted

    def take_touched(self) -> list[Asset]:
        """Assets whose book changed and is whole."""
        touched, self._touched = self._touched, {}
        return [asset for asset in touched.values() if asset.book.is_whole]

    def take_trades(self) -> list[tuple[str, LastTrade]]:
        trades, self._trades = self._trades, []
        return trades

    def book(self, token_id: str) -> TokenBook | None:
        asset = self._assets.get(token_id)
        return None if asset is None else asset.book

    def counts(self) -> dict[str, int]:
        whole = sum(asset.book.is_whole for asset in self._assets.values())
        return {
            "assets": len(self._assets), "whole": whole, "frames": self.frames, "events": self.events, "foreign": self.foreign,
            "unparsable": self.unparsable, "dumps": self.dumps, "swaps": self.swaps, "checks": self.integrity.checks,
            "mismatches": self.integrity.mismatches,
        }

    def owners(self) -> dict[str, int]:
        return {token: asset.owner for token, asset in self._assets.items()}

    def _known(self, tokens: Iterable[str]) -> Iterable[Asset]:
        return (asset for token in tokens for asset in [self._assets.get(token)] if asset is not None)

    def _new_book(self, token_id: str, tick_bp: int, now_ns: int) -> TokenBook:
        return TokenBook(token_id, PriceBp(tick_bp), self.integrity, now_ns, keeps_text=False)
