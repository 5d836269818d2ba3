"""Thread `heartbeat`: tells the venue that we are alive, so that it cancels everything when we are not.

Fed by the postures of the threads that trade: while one of them stands still nothing is sent, because a frozen program must not
keep its quotes alive. Whether they are *connected* does not matter here. Publishes `BeatHealth` for the executor and stats: no
order goes out before the first accepted beat, and after a silence the executor reconciles before it quotes again. Behind a beat it
looks at the venue's clock now and then (`venue_clock`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trader.gateway.venue_clock import VenueClock
from trader.handoff.cache import SnapshotCache
from trader.model.heartbeat import NO_BEAT, BeatHealth
from trader.runtime.clock import Clock
from trader.runtime.role import CONNECTING_LIMIT_MS, CYCLE_LIMIT_MS, Posture
from trader.venues.contract import Heartbeats

log = logging.getLogger(__name__)

LAPSE_MS = 10_000            # the venue's limit: after a longer silence it may have cancelled everything
RETRY_MS = 1_000             # after a beat that was not accepted
_MS = 1_000_000


class HeartbeatRole:
    """A connection and a deadline of its own: no order can delay a beat."""

    name = "heartbeat"

    def __init__(self, beats: Heartbeats, every_ms: int, standing_still: Callable[[], str], health: SnapshotCache[BeatHealth],
                 clock: Clock, parked: threading.Event | None = None, *, venue_clock: VenueClock | None = None) -> None:
        """`standing_still` names a thread that does not do its work, or is empty; asked before every beat. `venue_clock`: None for a
        venue that does not tell its time."""
        self.posture = Posture(clock)
        self._beats, self._every_ms, self._standing_still = beats, every_ms, standing_still
        self._cache, self._clock, self._venue_clock = health, clock, venue_clock
        self._health = NO_BEAT
        self._accepted_wall_ms = 0
        self._due_ns = clock.monotonic_ns()
        self._parked = parked or threading.Event()       # never set: a wait that a dump can name

    def on_start(self) -> None:
        self._cache.publish(self._health)
        self._due_ns = self._clock.monotonic_ns()

    def do_work(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._due_ns:
            self._beat(now_ns)
        else:
            self._parked.wait(min(CYCLE_LIMIT_MS * _MS, self._due_ns - now_ns) / 1e9)

    def on_stop(self) -> None:
        self._beats.close()

    def _beat(self, now_ns: int) -> None:
        still = self._standing_still()
        if still:
            self._due_ns = now_ns + CYCLE_LIMIT_MS * _MS         # the moment it moves again, a beat goes out
            self._publish(self._health._replace(reason=f"not sent: {still}"))
            return
        self.posture.declare("a beat", CONNECTING_LIMIT_MS + self._beats.deadline_ms)
        sent_wall_ms = self._clock.wall_ms()
        reason = self._beats.beat()
        if reason:
            self._due_ns = self._clock.monotonic_ns() + min(RETRY_MS, self._every_ms) * _MS
            self._publish(self._health._replace(reason=reason))
        else:
            self._due_ns = now_ns + self._every_ms * _MS
            self._accepted(now_ns, sent_wall_ms)
        self._look_at_clock()

    def _accepted(self, sent_ns: int, sent_wall_ms: int) -> None:
        lapses = self._health.lapses + self._lapsed()
        self._accepted_wall_ms = sent_wall_ms
        self._publish(self._health._replace(accepted_ns=sent_ns, lapses=lapses, reason=""))

    def _look_at_clock(self) -> None:
        """Right after a beat, when the next one is furthest away; also after one that was refused, which a wrong clock may explain."""
        if self._venue_clock is not None and self._venue_clock.is_due():
            self.posture.declare("a look at the venue's clock", CONNECTING_LIMIT_MS + self._venue_clock.deadline_ms)
            self._venue_clock.look()
            self._publish(self._health._replace(skew_ms=self._venue_clock.skew_ms))

    def _lapsed(self) -> bool:
        """From the sending of the last accepted beat to the answer to this one: the longest silence that the venue can have seen.

        By the wall clock too: the monotonic one stands still while the machine sleeps. A wall clock that is set forward costs
        one reconciliation.
        """
        if self._health.accepted_ns is None:
            return False
        silent_ms = max((self._clock.monotonic_ns() - self._health.accepted_ns) // _MS,
                        self._clock.wall_ms() - self._accepted_wall_ms)
        return silent_ms >= LAPSE_MS

    def _publish(self, health: BeatHealth) -> None:
        if health.lapses > self._health.lapses:
            log.warning("heartbeat: the venue did not hear us for %d s or more and may have cancelled everything", LAPSE_MS // 1000)
        if health.reason != self._health.reason:
            log.log(logging.WARNING if health.reason else logging.INFO, "heartbeat: %s", health.reason or "accepted by the venue")
        self._health = health
        self._cache.publish(health)
