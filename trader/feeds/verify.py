"""The role `verify`: finds out whether the books that we quote on are the venue's. Off the hot path.

Thread: its own; parks in an event's wait, or in an HTTP request with a deadline. Fed by the caches of pm-book and markets and by
REST. Once a second and token it asks the feed for a sample and compares its hash; a mismatch, or a token that has been silent for
long, is brought before REST. What comes of it is an errand for the feed: fetch anew, then reconnect. It never stops quoting.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Any

from trader.errors import ConnectionLost, WireError
from trader.feeds.hash_check import HashCheck
from trader.feeds.judge import Judge, Verdict
from trader.handoff.cache import SnapshotCache
from trader.handoff.orders import Errand, FeedOrders
from trader.model.book import BookTop, FeedHealth, MarketBook
from trader.model.market import LiveMarket, Market
from trader.runtime.clock import Clock
from trader.runtime.pacer import Pacer
from trader.runtime.role import CYCLE_LIMIT_MS, Posture
from trader.venues.contract import BookDump, BookHash, BookReader, BookSample

log = logging.getLogger(__name__)

SAMPLE_EVERY_NS = 1_000_000_000
SILENT_NS = 5_000_000_000        # one token's best levels stood still for this long: quiet or frozen, REST knows


class VerifyRole:
    """All state belongs to the verify thread; `stats` may be read by any."""

    name = "verify"

    def __init__(self, book_hash: BookHash, reader: BookReader, *, live: SnapshotCache[LiveMarket], books: SnapshotCache[MarketBook],
                 health: SnapshotCache[FeedHealth], samples: SnapshotCache[tuple[BookSample, ...]], orders: FeedOrders, clock: Clock,
                 parked: threading.Event | None = None) -> None:
        self._reader, self._live, self._books, self._health = reader, live, books, health
        self._samples, self._orders, self._clock = samples, orders, clock
        self.posture = Posture(clock)
        self._parked = parked or threading.Event()       # never set, unless by a test that moves the clock itself
        self._pacer = Pacer(clock, SAMPLE_EVERY_NS)
        self._check = HashCheck(book_hash)
        self._judge = Judge()
        self._seen: tuple[BookSample, ...] | None = None
        self._still: dict[str, tuple[BookTop, int]] = {}         # the live tokens: our book, and since when it is this one
        self._verdicts = Counter[str]()
        self._repairs = self._reconnects = self._unanswered = 0

    def on_start(self) -> None:
        """Nothing to open: REST is asked only when there is a doubt."""

    def do_work(self) -> None:
        self._parked.wait(CYCLE_LIMIT_MS / 1000)
        now_ns = self._clock.monotonic_ns()
        live = self._live.read()
        market = live.now if live else None
        if market is None:
            return
        self._sample(market, now_ns)
        self._look_for_silence(market, now_ns)
        if self._judge.is_due(now_ns):
            self._hear(market)

    def on_stop(self) -> None:
        self._reader.close()

    def stats(self) -> dict[str, Any]:
        """Any thread: plain values, each written by the verify thread only."""
        check, verdicts = self._check, dict(self._verdicts.copy())
        return {
            "hash_on": check.is_on, "hash_matches": check.matches, "hash_mismatches": check.mismatches, "hash_untold": check.untold,
            "hash_checks": check.matches + check.mismatches + check.untold, "judgements": verdicts, "rest_unanswered": self._unanswered,
            "repairs": self._repairs, "reconnects": self._reconnects,
        }

    # --- hashes -----------------------------------------------------------------------------------------------------

    def _sample(self, market: Market, now_ns: int) -> None:
        """Looks at what came of the last asking, then asks again when a second has passed."""
        if not self._check.is_on:
            return
        samples = self._samples.read()
        if samples is not None and samples is not self._seen:
            self._seen = samples
            for sample in samples:
                if sample.token_id in market.tokens and self._check.check(sample, market, now_ns):
                    self._judge.accuse(f"its hash differs from the venue's {sample.hash}", now_ns)
        if self._pacer.due():
            for token_id in market.tokens:
                self._orders.ask(Errand.SAMPLE, token_id, "hash check")

    # --- REST -------------------------------------------------------------------------------------------------------

    def _look_for_silence(self, market: Market, now_ns: int) -> None:
        """Each token by itself: one may go silent while the other, and the connection, go on."""
        book = self._ours(market)
        self._still = {} if book is None else {top.token_id: self._since(top, book.received_ns) for top in (book.yes, book.no)}
        if any(now_ns - since_ns >= SILENT_NS for _, since_ns in self._still.values()):
            self._judge.accuse("it stood still for five seconds, and REST differs", now_ns)

    def _since(self, top: BookTop, received_ns: int) -> tuple[BookTop, int]:
        known = self._still.get(top.token_id)
        return known if known is not None and known[0] == top else (top, received_ns)

    def _ours(self, market: Market) -> MarketBook | None:
        """Our book, if it is one that is quoted on now."""
        book, health = self._books.read(), self._health.read()
        if book is None or book.condition_id != market.condition_id or health is None:
            return None
        return book if health.connected and not health.suspect else None

    def _hear(self, market: Market) -> None:
        before = self._ours(market)
        theirs = self._ask_rest(market) if before else None
        after, now_ns = self._ours(market), self._clock.monotonic_ns()
        if before is None or after is None or theirs is None:
            self._judge.dismiss(now_ns)
            return
        reason = self._judge.reason
        verdict = self._judge.hear(before, after, theirs, now_ns)
        if verdict is not Verdict.OPEN:
            self._verdicts[verdict.value] += 1
        if verdict is Verdict.WRONG:
            self._repair(reason)
        elif verdict is Verdict.STILL_WRONG:
            self._reconnects += 1
            self._orders.ask(Errand.RECONNECT, "", f"the book is wrong again after it was fetched anew ({reason})")

    def _repair(self, reason: str) -> None:
        for token_id in self._judge.wrong_tokens:
            self._repairs += 1
            self._orders.ask(Errand.RESUBSCRIBE, token_id, reason)

    def _ask_rest(self, market: Market) -> dict[str, BookDump] | None:
        """Both books, or None."""
        self.posture.declare("asking REST for the books", 2 * self._reader.deadline_ms + 1000)
        try:
            return {token_id: self._reader.read(token_id) for token_id in market.tokens}
        except (ConnectionLost, WireError) as error:
            self._unanswered += 1
            log.info("verify: %s", error)
            return None
        finally:
            self.posture.declare("cycle")
