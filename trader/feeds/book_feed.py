"""The role `pm-book`: market stream → whole books of the live market → cache, and one ring of the doorbell a receive batch.

Thread: its own. Fed by the venue's WebSocket, by `markets` and `verify` through FeedOrders, and by the strategy's pulse. Read by
strategy (books), the guards (health) and `verify` (samples). What makes a book believable is in `token_book`, what keeps the
connection alive in `connection`, what tells a frozen stream from a quiet market in `freeze`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from trader.errors import ConnectionLost, WireError
from trader.feeds.books import Books
from trader.feeds.connection import Connection, ProbePlan
from trader.feeds.freeze import FreezeWatch
from trader.feeds.line import Connect, Wait, lost, open_line, wait_readable
from trader.feeds.settings import FeedSettings
from trader.feeds.unreadable import UnreadableFrames
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import Errand, FeedOrders
from trader.model.book import FeedHealth, MarketBook
from trader.model.intent import StrategyPulse
from trader.model.record import NOT_RECORDED, Recorder
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.latency import LatencyWindow
from trader.runtime.role import Posture
from trader.venues.contract import BookSample, MarketStream, Pong

log = logging.getLogger(__name__)

KEEPALIVE_MS = 5_000         # the venue wants a PING every 10 s, however busy the stream is
LOST_FACTOR = 3              # stale (the guards' word) comes first, reconnecting second


class BookFeed:
    name = "pm-book"

    def __init__(self, stream: MarketStream, settings: FeedSettings, orders: FeedOrders, books: SnapshotCache[MarketBook],
                 health: SnapshotCache[FeedHealth], bell: Doorbell, clock: Clock, connect: Connect = open_line,
                 wait: Wait = wait_readable, *, pulse: SnapshotCache[StrategyPulse] | None = None,
                 samples: SnapshotCache[tuple[BookSample, ...]] | None = None, recorder: Recorder = NOT_RECORDED) -> None:
        """Without `pulse` no freeze is found by the fair price; without `samples` nobody sees what SAMPLE asks for."""
        self._stream, self._orders, self._cache, self._health, self._bell, self._clock = stream, orders, books, health, bell, clock
        self.posture = Posture(clock)
        stale_ms = settings.book_stale_ms
        plan = ProbePlan(stream.ping, stale_ms // 2, 1000, KEEPALIVE_MS, stale_ms * LOST_FACTOR)
        self._connection = Connection(self.name, stream.url, plan, Backoff(settings.reconnect_min_s, settings.reconnect_max_s),
                                      clock, self.posture, wake=orders, connect=connect, wait=wait, recorder=recorder)
        self._pulse = pulse or SnapshotCache("no pulse")
        self._samples = samples or SnapshotCache("no samples")
        self._books = Books()
        self._freeze = FreezeWatch()
        self._repairs = 0                        # tokens subscribed anew because their book was not believed
        self._unreadable = UnreadableFrames(self.name, settings.garbled_frames)
        self.latency = LatencyWindow()           # frame left the socket → snapshot published

    def on_start(self) -> None:
        self._publish_health()

    def do_work(self) -> None:
        try:
            self._take_orders()
            self._run_errands()
            if self._connection.is_open:
                self._read(self._connection.receive(self._books.deadline_ns()))
            elif not self._books.tokens:
                self._connection.rest()          # a connection without a subscription would only be closed by the venue
            elif self._connection.reopen():
                self._connection.send(self._stream.hello(self._books.tokens))
                self._start_anew()
        except ConnectionLost as end:
            self._connection.drop(end.problem)
            self._start_anew()
        self._publish_health()

    def on_stop(self) -> None:
        self._connection.close()

    def stats(self) -> dict[str, Any]:
        """Any thread: plain integers, each written by this feed's thread only."""
        connection, books, health = self._connection, self._books, self._health.read()
        return {
            "connected": connection.is_open, "connects": connection.opens, "attempts": connection.attempts,
            "frames": connection.frames, "events": books.events(), "unparsable": self._unreadable.count,
            "checks": books.integrity.checks, "mismatches": books.integrity.mismatches, "generation": books.generation,
            "publishes": books.publishes, "suspect": health is not None and health.suspect, "repairs": self._repairs,
            "freezes": self._freeze.found,
        }

    def _take_orders(self) -> None:
        wanted = self._orders.take()
        if wanted is None:
            return
        add, remove = self._books.want(wanted, self._clock.monotonic_ns())
        self._freeze.forget_price()
        if self._connection.is_open:
            self._connection.send(self._stream.change(add, remove))
            self._publish_book(self._connection.received_ns)     # the book of a market that was ahead is ready already

    def _run_errands(self) -> None:
        """Whatever is asked while there is no connection is void: the next one starts from fresh dumps."""
        while (errand := self._orders.take_errand()) is not None:
            kind, token_id, reason = errand
            if not self._connection.is_open:
                continue
            if kind is Errand.SAMPLE:
                self._books.ask_sample(token_id)
            elif kind is Errand.RESUBSCRIBE:
                log.warning("%s: the book of token %s is fetched anew: %s", self.name, token_id, reason)
                self._books.doubt((token_id,), self._clock.monotonic_ns())
            else:
                raise lost(reason)

    def _start_anew(self) -> None:
        """The connection is gone or new: what is known of the books belongs to the past."""
        now_ns = self._clock.monotonic_ns()
        self._books.forget(now_ns)
        self._freeze.restart(now_ns)

    def _read(self, frames: Sequence[bytes]) -> None:
        now_ns = self._connection.received_ns
        if sum([self._apply(frame, now_ns) for frame in frames]):
            self._connection.saw_data()
        if self._publish_book(now_ns):           # before anything that can wait
            self.latency.add(self._clock.monotonic_ns() - now_ns)
        self._thaw(now_ns)
        repair = self._books.repair(now_ns)
        if repair.lost is not None:
            raise lost(f"no book of token {repair.lost} although it was asked for twice")
        if repair.resubscribe:       # unsubscribe first: a repeated subscription alone is refused as a duplicate
            self._repairs += len(repair.resubscribe)
            self._connection.send(self._stream.change(repair.resubscribe, repair.resubscribe))
        self._publish_samples(now_ns)

    def _thaw(self, now_ns: int) -> None:
        """A frozen stream is subscribed anew; one that froze again without having moved meanwhile is opened anew."""
        books = self._books
        if not self._freeze.look(books.dumps, books.changes, self._pulse.read(), books.tick_bp, now_ns):
            return
        if self._freeze.strikes > 1:
            raise lost(f"frozen again: {self._freeze.reason}")
        log.warning("%s: frozen: %s; its books are fetched anew", self.name, self._freeze.reason)
        books.doubt(books.tokens, now_ns)        # those ahead too: a switch must not find a book of before the freeze

    def _publish_samples(self, now_ns: int) -> None:
        if samples := self._books.samples(now_ns):
            self._samples.publish(tuple(samples))

    def _apply(self, frame: bytes, now_ns: int) -> bool:
        """Whether it was data."""
        try:
            events = self._stream.decode(frame)
        except WireError as error:
            self._unreadable.add(error, now_ns)
            return False
        apply = self._books.apply
        for event in events:
            apply(event, now_ns)
        return not events or type(events[0]) is not Pong

    def _publish_book(self, received_ns: int) -> bool:
        """Once a receive batch, however many frames it held."""
        book = self._books.market_book(received_ns)
        if book is None:
            return False
        self._cache.publish(book)
        self._bell.ring()
        return True

    def _publish_health(self) -> None:
        health = self._connection.health(self._books.generation, suspect=self._books.is_suspect)
        frozen, garbled = self._freeze.reason, self._unreadable.trouble(health.as_of_ns)
        self._health.publish(health if frozen is None and garbled is None else health._replace(frozen=frozen, garbled=garbled))
