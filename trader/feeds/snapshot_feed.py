"""The role `bn-ticker` over HTTP: polls a snapshot source instead of holding a WebSocket. Same cache, same readers.

Thread: its own. Parks in the pacer's wait; a request has a deadline. The age that counts is the source's own (trap: a poller
that re-reads a frozen source looks alive): `received_ns` is when the *source* heard of the price, not when we asked. An answer with the
`ts_ms` of the last one is the last one, whatever age it claims: a file that nobody writes any more never gets older by itself.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import httpx

from trader.errors import WireError
from trader.feeds.line import Wait, wait_readable
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.model.book import FeedHealth, ReferencePrice
from trader.model.record import NOT_RECORDED, Recorder
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.pacer import Pacer
from trader.runtime.role import CYCLE_LIMIT_MS, Posture
from trader.venues.contract import Snapshot, SnapshotSource

log = logging.getLogger(__name__)

RECORDED_AS = "bn-snapshot"          # its answers are no frames of `bn-ticker`, whose place it takes
MAX_ANSWER_BYTES = 64 * 1024         # it is one small object
_NS_PER_MS = 1_000_000


class SnapshotFeed:
    name = "bn-ticker"

    def __init__(self, source: SnapshotSource, settings: FeedSettings, reference: SnapshotCache[ReferencePrice],
                 health: SnapshotCache[FeedHealth], bell: Doorbell, clock: Clock, client: httpx.Client | None = None,
                 wait: Wait = wait_readable, *, recorder: Recorder = NOT_RECORDED) -> None:
        self._source, self._recorder = source, recorder
        self._reference, self._health, self._bell, self._clock, self._wait = reference, health, bell, clock, wait
        self._deadline_ms = settings.reference_stale_ms      # a later answer would be stale when it comes
        self._client = client or httpx.Client(timeout=httpx.Timeout(self._deadline_ms / 1000))
        self.posture = Posture(clock)
        self._pacer = Pacer(clock, int(1e9 / source.poll_hz))
        self._backoff = Backoff(1 / source.poll_hz, 1.0)
        self._retry_ns = self._polled_ns = self._source_ns = 0
        self._source_ms: int | None = None       # the newest answer's own time
        self._is_good = False                    # the last poll was answered, and the source does not call itself stale
        self.polls = self.failures = 0

    def on_start(self) -> None:
        self._publish_health()

    def do_work(self) -> None:
        self._wait((), min(CYCLE_LIMIT_MS, math.ceil(self._pacer.wait_s() * 1000)))
        now_ns = self._clock.monotonic_ns()
        if self._pacer.due() and now_ns >= self._retry_ns:
            self.posture.declare("polling", 2 * self._deadline_ms)
            self._poll()
        self._publish_health()

    def on_stop(self) -> None:
        self._client.close()

    def stats(self) -> dict[str, Any]:
        """Any thread: plain integers, each written by this feed's thread only."""
        return {"connected": self._is_good, "polls": self.polls, "failures": self.failures, "skipped": self._pacer.skipped}

    def _poll(self) -> None:
        self.polls += 1
        try:
            body = self._fetch()
            self._recorder.keep(self._clock.monotonic_ns(), (body,))
            snapshot = self._source.decode(body)
        except httpx.HTTPError as why:
            self._fail(f"{type(why).__name__}: {why}")
        except WireError as error:
            self._fail(error.problem)
        else:
            self._backoff.reset()
            self._publish(snapshot)

    def _fetch(self) -> bytes:
        """All of the answer, by the deadline: httpx bounds each read, which a source that drips would stretch for ever."""
        end_ns = self._clock.monotonic_ns() + self._deadline_ms * _NS_PER_MS
        body = b""
        with self._client.stream("GET", self._source.url) as answer:
            answer.raise_for_status()
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES or self._clock.monotonic_ns() > end_ns:
                    raise WireError(f"an answer without end: {len(body)} bytes so far", remedy="Check binance.snapshot_url.")
        return body

    def _fail(self, reason: str) -> None:
        """The price that is known keeps ageing, which is what makes it stale; the source is asked again after a pause."""
        pause_s = self._backoff.next_s()
        self._retry_ns = self._clock.monotonic_ns() + int(pause_s * 1e9)
        self.failures += 1
        if self._is_good or self.failures == 1:
            log.warning("%s: no snapshot from %s (%s); asking again, at first in %.2f s", self.name, self._source.url, reason, pause_s)
        self._is_good = False

    def _publish(self, snapshot: Snapshot) -> None:
        self._polled_ns = self._clock.monotonic_ns()
        if snapshot.source_ms is None or snapshot.source_ms != self._source_ms:
            self._source_ms = snapshot.source_ms
            self._source_ns = max(self._source_ns, self._polled_ns - snapshot.age_ms * _NS_PER_MS)
        self._is_good = not snapshot.is_stale
        before = self._reference.read()
        price = ReferencePrice(self._source.symbol, snapshot.bid_micro, snapshot.ask_micro, None, snapshot.open_micro,
                               snapshot.open_ms, self._source_ns)
        self._reference.publish(price)
        if before is None or before._replace(received_ns=price.received_ns) != price:
            self._bell.ring()

    def _publish_health(self) -> None:
        """The source's own time stands for the probe: a source that does not get newer does not answer."""
        self._health.publish(FeedHealth(
            connected=self._is_good, as_of_ns=self._clock.monotonic_ns(), last_frame_ns=self._polled_ns, last_data_ns=self._source_ns,
            probe_sent_ns=self._source_ns if self.polls else None, generation=0, suspect=False,
        ))
