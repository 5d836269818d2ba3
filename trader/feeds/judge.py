"""Asks REST whether our books are the venue's. Pure; owned by the thread `verify`, which does the asking.

A REST answer cannot be ordered against the stream, so one that differs proves nothing. Two in a row, half a second apart, while our
book of that token stood still, do, whatever the other token does: one alone may have gone silent. A token that moves in between
cannot be judged; it is tried again a few times.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from trader.feeds.ladder import Ladder
from trader.model.book import BookTop, Level, MarketBook
from trader.venues.contract import BookDump

APART_NS = 500_000_000           # least time between two answers of one case
PAUSE_NS = 5_000_000_000         # after a case, whatever its end
TRIES = 6                        # answers in a case without a verdict: the market moves too fast
RELAPSE_NS = 60_000_000_000      # wrong again within this: the repair did not help

Levels = tuple[tuple[Level, ...], tuple[Level, ...]]


class Verdict(StrEnum):
    OPEN = "open"                    # ask again when it is due
    SAME = "same"                    # REST agrees with us
    MOVED = "moved"                  # the market never stood still long enough
    WRONG = "wrong"                  # fetch the books anew
    STILL_WRONG = "still_wrong"      # that has been done and did not help


class Judge:
    """At most one case at a time. `wrong_tokens` belongs to the newest verdict."""

    def __init__(self) -> None:
        self.reason = ""                         # why a case is open; empty: none is
        self.wrong_tokens: tuple[str, ...] = ()
        self._due_ns = 0
        self._tries = 0
        self._first: dict[str, BookTop] = {}     # ours when REST differed, of the tokens that stood still then
        self._wrong_ns: int | None = None        # last verdict against us

    def accuse(self, reason: str, now_ns: int) -> bool:
        """Opens a case, unless one is open or was until a moment ago."""
        if self.reason or now_ns < self._due_ns:
            return False
        self.reason, self._due_ns, self._tries, self._first = reason, now_ns, 0, {}
        return True

    def is_due(self, now_ns: int) -> bool:
        return bool(self.reason) and now_ns >= self._due_ns

    def dismiss(self, now_ns: int) -> None:
        """REST does not answer, or there is nothing to compare."""
        self.reason, self._first, self._due_ns = "", {}, now_ns + PAUSE_NS

    def hear(self, before: MarketBook, after: MarketBook, theirs: Mapping[str, BookDump], now_ns: int) -> Verdict:
        """`before` and `after`: ours when REST was asked and when it had answered."""
        different = [top for top in (after.yes, after.no) if (top.bids, top.asks) != best_levels(theirs[top.token_id])]
        if not different:
            return self._close(Verdict.SAME, now_ns)
        stood = {top.token_id: top for top in different if top in (before.yes, before.no)}
        wrong = tuple(token for token, top in stood.items() if self._first.get(token) == top)
        if not wrong:
            self._first = stood
            return self._adjourn(now_ns)
        self.wrong_tokens = wrong
        relapse = self._wrong_ns is not None and now_ns - self._wrong_ns < RELAPSE_NS
        self._wrong_ns = now_ns
        return self._close(Verdict.STILL_WRONG if relapse else Verdict.WRONG, now_ns)

    def _adjourn(self, now_ns: int) -> Verdict:
        self._tries += 1
        self._due_ns = now_ns + APART_NS
        return Verdict.OPEN if self._tries < TRIES else self._close(Verdict.MOVED, now_ns)

    def _close(self, verdict: Verdict, now_ns: int) -> Verdict:
        self.dismiss(now_ns)
        return verdict


def best_levels(dump: BookDump) -> Levels:
    """The levels that we publish, as REST has them."""
    ladder = Ladder()
    ladder.load(dump.bids, dump.asks)
    return ladder.bids.top(), ladder.asks.top()
