"""One token's ladder and whether it may be believed. Pure; owned by the thread `pm-book`.

Every change carries the venue's own top after the whole update, which is compared with ours:

    equal, not crossed          the burst is over, the book is whole
    different                   half-applied: wait for the rest of the burst
    still different at the next (timestamp, hash), or after 5 ms        a mismatch: the book is wrong and must be dumped anew
"""

from __future__ import annotations

from trader.feeds.ladder import Ladder
from trader.feeds.verbatim import BURST_NS, Verbatim
from trader.model.book import BookTop, Level
from trader.model.units import PriceBp
from trader.venues.contract import BookDump, LevelChange, TopOnly


class Integrity:
    """How often our top was compared with the venue's, and how often it was wrong. Shared by the books of one connection."""

    __slots__ = ("checks", "mismatches")

    def __init__(self) -> None:
        self.checks = self.mismatches = 0


class TokenBook:
    """`has_dump`: there is a ladder at all. `is_whole`: it may be shown. `is_wrong`: a dump must be asked for.

    `asked_ns`: when the missing dump was last asked for; `retried`: by a second subscription.
    """

    __slots__ = ("_asks", "_bids", "_burst", "_integrity", "_ladder", "asked_ns", "has_dump", "is_live", "is_wrong", "open_ns", "retried",
                 "tick_bp", "token_id", "venue_ms", "verbatim")

    def __init__(self, token_id: str, tick_bp: PriceBp, integrity: Integrity, now_ns: int, *, keeps_text: bool = True) -> None:
        """`keeps_text`: also as the venue wrote it, for samples; the price is twice the memory."""
        self.token_id, self.tick_bp, self._integrity = token_id, tick_bp, integrity
        self._ladder = ladder = Ladder()
        self._bids, self._asks = ladder.bids, ladder.asks
        self.verbatim = Verbatim(token_id, tick_bp, is_kept=keeps_text)
        self.open_ns: int | None = None          # since when our top is not the venue's
        self._burst: tuple[int, str] | None = None       # the update that the venue's top came with; None: it came alone
        self.is_live = False                     # of the market that is traded
        self.has_dump, self.is_wrong, self.retried, self.asked_ns = False, False, False, now_ns
        self.venue_ms = 0

    @property
    def is_whole(self) -> bool:
        return self.has_dump and self.open_ns is None

    def top(self) -> BookTop:
        return BookTop(self.token_id, self._ladder.bids.top(), self._ladder.asks.top(), self.tick_bp)

    def depth(self) -> tuple[int, int]:
        """Levels (of bids, of asks)."""
        return self._ladder.bids.depth, self._ladder.asks.depth

    def levels(self) -> tuple[list[Level], list[Level]]:
        """Every level (of bids, of asks), best first."""
        return self._ladder.bids.levels(), self._ladder.asks.levels()

    def dump(self, dump: BookDump, now_ns: int) -> None:
        self._ladder.load(dump.bids, dump.asks)
        self.tick_bp = dump.tick_bp or self.tick_bp
        self.verbatim.load(dump, self.tick_bp, now_ns)
        self.has_dump, self.is_wrong, self.retried, self.venue_ms = True, False, False, dump.venue_ms
        self._burst = self.open_ns = None
        self._settle(self._ladder.bids.best_bp, self._ladder.asks.best_bp, now_ns)

    def change(self, change: LevelChange, now_ns: int) -> None:
        """Without a dump there is nothing to change; the dump on its way contains it."""
        if not self.has_dump:
            return
        is_bid, price_bp, size_micro, bid_bp, ask_bp, venue_ms, change_hash = change[1:8]
        if self.open_ns is not None and self._burst is not None and self._burst != (venue_ms, change_hash):
            self._mismatch(now_ns)               # the last burst is over and never came to agree
            return
        bids, asks = self._bids, self._asks
        (bids if is_bid else asks).set(price_bp, size_micro)
        self.verbatim.change(change, now_ns)
        self.venue_ms = venue_ms
        if self.open_ns is None and bid_bp is not None and ask_bp is not None and bid_bp < ask_bp and (
                bids.best_bp == bid_bp and asks.best_bp == ask_bp):
            self._integrity.checks += 1          # what `_settle` would find, of nearly all changes
            return
        self._settle(bid_bp, ask_bp, now_ns)
        if self.open_ns is not None:
            self._burst = (venue_ms, change_hash)

    def check(self, top: TopOnly, now_ns: int) -> None:
        """The venue's word alone. One that is older than the newest change says nothing."""
        if self.has_dump and top.venue_ms >= self.venue_ms:
            self._burst = None
            self._settle(top.bid_bp, top.ask_bp, now_ns)

    def new_tick(self, tick_bp: PriceBp, now_ns: int) -> None:
        """The grid changed: nothing known before holds, a dump must follow."""
        self.tick_bp = tick_bp
        self.forget(now_ns)

    def forget(self, now_ns: int) -> None:
        """Continuity is lost: wait for a dump, from now on."""
        self.has_dump, self.is_wrong, self.retried, self.asked_ns = False, False, False, now_ns
        self._burst = self.open_ns = None
        self.verbatim.forget()

    def doubt(self, now_ns: int) -> None:
        """Somebody else found it to be wrong."""
        self.forget(now_ns)
        self.is_wrong = True

    def asked_again(self, now_ns: int) -> None:
        self.is_wrong, self.retried, self.asked_ns = False, True, now_ns

    def expire(self, now_ns: int) -> None:
        """Call when everything that has arrived is applied: a burst does not stay open for 5 ms."""
        if self.open_ns is not None and now_ns - self.open_ns >= BURST_NS:
            self._mismatch(now_ns)

    def _settle(self, bid_bp: PriceBp | None, ask_bp: PriceBp | None, now_ns: int) -> None:
        """Compares our top with the venue's. A crossed book is never a state of the venue, whatever it says."""
        self._integrity.checks += 1
        own_bid_bp, own_ask_bp = self._ladder.bids.best_bp, self._ladder.asks.best_bp
        agrees = own_bid_bp == bid_bp and own_ask_bp == ask_bp
        if agrees and (own_bid_bp is None or own_ask_bp is None or own_bid_bp < own_ask_bp):
            self.open_ns = None
        elif self.open_ns is None:
            self.open_ns = now_ns

    def _mismatch(self, now_ns: int) -> None:
        self._integrity.mismatches += 1
        self.doubt(now_ns)
