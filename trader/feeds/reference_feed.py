"""The role `bn-ticker` over a WebSocket: best bid and ask, last trade and hourly open of the reference → one snapshot.

Thread: its own. Fed by Binance. Read by strategy (fair price, strike) and the guards (health).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trader.errors import ConnectionLost, WireError
from trader.feeds.connection import Connection, ProbePlan
from trader.feeds.event_counts import EventCounts
from trader.feeds.line import Connect, Wait, lost, open_line, wait_readable
from trader.feeds.settings import FeedSettings
from trader.feeds.unreadable import UnreadableFrames
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.model.book import FeedHealth, ReferencePrice
from trader.model.record import NOT_RECORDED, Recorder
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import Posture
from trader.venues.contract import Candle, Goodbye, Quoted, ReferenceEvent, ReferenceStream, Traded

KEEPALIVE_MS = 20_000
LOST_FACTOR = 3
RENEW_NS = 23 * 3_600 * 1_000_000_000        # the venue cuts every connection at 24 h; better at a moment of our choosing
FROZEN_NS = 5_000_000_000    # bid and ask of what windows settle on change many times a second: without them a stream stands still


class ReferenceFeed:
    name = "bn-ticker"

    def __init__(self, stream: ReferenceStream, settings: FeedSettings, reference: SnapshotCache[ReferencePrice],
                 health: SnapshotCache[FeedHealth], bell: Doorbell, clock: Clock, connect: Connect = open_line,
                 wait: Wait = wait_readable, *, recorder: Recorder = NOT_RECORDED) -> None:
        self._stream, self._reference, self._health, self._bell = stream, reference, health, bell
        self.posture = Posture(clock)
        stale_ms = settings.reference_stale_ms
        plan = ProbePlan(None, stale_ms // 2, 1000, KEEPALIVE_MS, stale_ms * LOST_FACTOR)
        self._connection = Connection(self.name, stream.url, plan, Backoff(settings.reconnect_min_s, settings.reconnect_max_s),
                                      clock, self.posture, wake=None, connect=connect, wait=wait, recorder=recorder)
        self._quoted: Quoted | None = None       # over this connection: a price of before it is nobody's price
        self._quoted_ns = 0
        self._last: Traded | None = None         # kept over a reconnect, like the candle: both name their own time
        self._candle: Candle | None = None
        self._unreadable = UnreadableFrames(self.name, settings.garbled_frames)
        self._events = EventCounts()

    def on_start(self) -> None:
        self._publish_health()

    def do_work(self) -> None:
        try:
            if self._connection.is_open:
                self._read(self._connection.receive())
            elif self._connection.reopen():
                self._quoted, self._quoted_ns = None, self._connection.opened_ns
        except ConnectionLost as end:
            self._connection.drop(end.problem)
        self._publish_health()

    def on_stop(self) -> None:
        self._connection.close()

    def stats(self) -> dict[str, Any]:
        """Any thread: plain integers, each written by this feed's thread only."""
        connection = self._connection
        return {
            "connected": connection.is_open, "connects": connection.opens, "attempts": connection.attempts,
            "frames": connection.frames, "events": self._events.by_name(), "unparsable": self._unreadable.count,
        }

    def _read(self, frames: Sequence[bytes]) -> None:
        now_ns = self._connection.received_ns
        leaving = "23 hours old" if now_ns - self._connection.opened_ns >= RENEW_NS else ""
        for frame in frames:
            try:
                event = self._stream.decode(frame)
            except WireError as error:
                self._unreadable.add(error, now_ns)
                continue
            self._keep(event, now_ns)
            if isinstance(event, Goodbye):
                leaving = "the server is shutting down"
        if frames:
            self._publish()
        if leaving:
            self._connection.renew(leaving)
        elif now_ns - self._quoted_ns >= FROZEN_NS:
            raise lost(f"no bid and ask for {(now_ns - self._quoted_ns) // 1_000_000} ms although the connection answers")

    def _keep(self, event: ReferenceEvent, now_ns: int) -> None:
        self._connection.saw_data()
        self._events.add(event)
        match event:
            case Quoted():
                self._quoted, self._quoted_ns = event, now_ns
            case Traded():
                self._last = event
            case Candle():
                self._candle = event

    def _publish(self) -> None:
        """Nothing before the first bid and ask: a price without them is not one."""
        if self._quoted is None:
            return
        last, candle = self._last, self._candle
        self._reference.publish(ReferencePrice(
            self._stream.symbol, self._quoted.bid_micro, self._quoted.ask_micro, last.price_micro if last else None,
            candle.open_micro if candle else None, candle.open_ms if candle else None, self._quoted_ns,
        ))
        self._bell.ring()

    def _publish_health(self) -> None:
        """Connected means that a price came: between the handshake and the first one the cache holds an old one."""
        health = self._connection.health(self._connection.opens, suspect=False)
        garbled = self._unreadable.trouble(health.as_of_ns)
        self._health.publish(health if self._quoted and garbled is None
                             else health._replace(connected=health.connected and self._quoted is not None, garbled=garbled))
