"""All token books of one connection: which are wanted, which are whole, what is published, what must be repaired. Pure.

Owned by the thread `pm-book`. Books of the markets ahead are kept ready, so that a switch to one of them publishes at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from trader.feeds.event_counts import EventCounts
from trader.feeds.token_book import Integrity, TokenBook
from trader.feeds.verbatim import BURST_NS
from trader.handoff.orders import Subscription
from trader.model.book import MarketBook
from trader.model.market import Market
from trader.venues.contract import (
    BookDump,
    BookEvent,
    BookSample,
    Ignored,
    LastTrade,
    LevelChange,
    Pong,
    TickChange,
    TopOnly,
)

DUMP_NS = 2_000_000_000              # a dump that was asked for comes within this
AHEAD_DUMP_NS = 30_000_000_000       # a market that is not traded yet may be silent; ask again, but quietly

_NOT_A_BOOK = (Ignored, Pong)


class Repair(NamedTuple):
    """What must happen to the connection. `lost` names the token of the live market that stays silent even when asked twice."""

    resubscribe: tuple[str, ...]
    lost: str | None


class Books:
    """`generation` changes whenever continuity was lost: books of one generation may be compared."""

    def __init__(self) -> None:
        self._by_token: dict[str, TokenBook] = {}
        self._live: Market | None = None
        self._dirty = False
        self._asked: set[str] = set()            # tokens of which somebody wants a sample
        self._breaks = 0
        self.integrity = Integrity()
        self._live_tokens: tuple[str, ...] = ()
        self.dumps = self.changes = 0            # of the live market: what the others do says nothing about it
        self._level_changes = 0
        self._counts = Counter[type]()           # of all other kinds
        self._ignored = EventCounts()
        self.publishes = 0

    @property
    def generation(self) -> int:
        return self._breaks + self.integrity.mismatches

    def events(self) -> dict[str, int]:
        """How many of each kind came; those that no book needs by the venue's name."""
        changes = {LevelChange.__name__: self._level_changes} if self._level_changes else {}
        others = {kind.__name__: count for kind, count in self._counts.copy().items() if kind is not Ignored}
        return changes | others | self._ignored.by_name()

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self._by_token)

    @property
    def is_suspect(self) -> bool:
        """A live book is missing: never dumped, lost, or found to be wrong. A burst in flight is not that."""
        return any(not book.has_dump for book in self._live_books())

    def want(self, wanted: Subscription, now_ns: int) -> tuple[list[str], list[str]]:
        """(tokens to add, tokens to remove). Takes effect as a whole: nothing of a market that is not live is published."""
        markets = [m for m in (wanted.live, *wanted.ahead) if m is not None]
        ticks = {token: market.tick_bp for market in markets for token in market.tokens}
        add = [token for token in ticks if token not in self._by_token]
        remove = [token for token in self._by_token if token not in ticks]
        for token in remove:
            del self._by_token[token]
        for token in add:
            self._by_token[token] = TokenBook(token, ticks[token], self.integrity, now_ns)
        if wanted.live != self._live:
            self._live, self._dirty = wanted.live, True
            self._live_tokens = wanted.live.tokens if wanted.live else ()
            for token, book in self._by_token.items():
                book.is_live = token in self._live_tokens
            for book in self._live_books():
                book.asked_ns = now_ns           # from now on its dump is urgent
        return add, remove

    def forget(self, now_ns: int) -> None:
        """The connection is gone, and with it what happened meanwhile."""
        self._breaks += 1
        for book in self._by_token.values():
            book.forget(now_ns)

    def apply(self, event: BookEvent, now_ns: int) -> None:
        """Events of tokens that are not wanted (any more) are counted and dropped."""
        if type(event) is LevelChange:               # nearly all of them
            self._level_changes += 1
            book = self._by_token.get(event.token_id)
            if book is not None:
                self._dirty = True
                self.changes += book.is_live
                book.change(event, now_ns)
                return
        else:
            self._counts[type(event)] += 1
        self._apply_rare(event, now_ns)

    def _apply_rare(self, event: BookEvent, now_ns: int) -> None:
        if isinstance(event, Ignored):
            self._ignored.add(event)
        if isinstance(event, _NOT_A_BOOK):
            return
        book = self._by_token.get(event.token_id)
        if book is None:
            self._ignored.add_name("foreign")
            return
        self._dirty = True
        if isinstance(event, BookDump):
            self.dumps += book.is_live
            book.dump(event, now_ns)
        elif isinstance(event, TopOnly):
            book.check(event, now_ns)
        elif isinstance(event, TickChange):
            book.new_tick(event.tick_bp, now_ns)
            self._breaks += 1
        elif isinstance(event, LastTrade):
            self._traded(event)

    def _traded(self, trade: LastTrade) -> None:
        """It belongs to the hashes of both outcomes, in ways that the hash check finds out."""
        for token, book in self._by_token.items():
            if token == trade.token_id:
                book.verbatim.traded(trade)
            elif token == self._partner(trade.token_id):
                book.verbatim.other_traded(trade)

    def _partner(self, token_id: str) -> str | None:
        """The other outcome of the live market; None for any other token."""
        if self._live is None or token_id not in self._live.tokens:
            return None
        yes, no = self._live.tokens
        return no if token_id == yes else yes

    @property
    def tick_bp(self) -> int:
        """0 while no market is live."""
        return min((book.tick_bp for book in self._live_books()), default=0)

    def doubt(self, tokens: Iterable[str], now_ns: int) -> None:
        """Somebody found these books to be wrong: they are suspect until they are dumped anew."""
        for token in tokens:
            book = self._by_token.get(token)
            if book is not None and book.has_dump:
                self._breaks += 1
                book.doubt(now_ns)

    def ask_sample(self, token_id: str) -> None:
        book = self._by_token.get(token_id)
        if book is not None:
            book.verbatim.is_asked = True
            self._asked.add(token_id)

    def samples(self, now_ns: int) -> list[BookSample]:
        """Those that were asked for and can be had now; each once."""
        found = []
        for token in self._asked & self._by_token.keys():
            sample = self._by_token[token].verbatim.sample(now_ns)
            if sample is not None:
                self._asked.discard(token)
                found.append(sample)
        return found

    def deadline_ns(self) -> int | None:
        """When a burst in flight must have ended; None when there is none. The other deadlines are coarser than a cycle."""
        opened = [book.open_ns for book in self._by_token.values() if book.open_ns is not None]
        return min(opened) + BURST_NS if opened else None

    def repair(self, now_ns: int) -> Repair:
        """Judges bursts and missing dumps. Call once a cycle, when everything that has arrived is applied."""
        resubscribe, silent = [], None
        live = self._live_tokens
        for token, book in self._by_token.items():
            book.expire(now_ns)
            if book.has_dump:
                continue
            overdue = now_ns - book.asked_ns >= (DUMP_NS if token in live else AHEAD_DUMP_NS)
            if overdue and book.retried and token in live:
                silent = token
            elif overdue or book.is_wrong:
                book.asked_again(now_ns)
                resubscribe.append(token)
        return Repair(tuple(resubscribe), silent)

    def _live_books(self) -> list[TokenBook]:
        return [self._by_token[token] for token in self._live_tokens]

    def market_book(self, received_ns: int) -> MarketBook | None:
        """What to publish now: both books of the live market, if both are whole and something changed since the last time."""
        if not self._dirty or self._live is None:
            return None
        yes, no = self._by_token[self._live.yes_token], self._by_token[self._live.no_token]
        if not (yes.is_whole and no.is_whole):
            return None
        self._dirty = False
        self.publishes += 1
        return MarketBook(self._live.condition_id, yes.top(), no.top(), self.generation, self.publishes, received_ns,
                          max(yes.venue_ms, no.venue_ms))
