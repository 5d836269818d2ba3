"""How far our wall clock is from the venue's: looked at about once a minute by the thread `heartbeat`, which tells it with its beats.

A clock that is wrong closes windows at the wrong time and signs requests that the venue refuses. What can be shown is what counts:
the venue names whole seconds, and its answer was made at some moment between our sending and our receiving.
"""

from __future__ import annotations

import logging

from trader.runtime.clock import Clock
from trader.venues.contract import VenueTime

log = logging.getLogger(__name__)

EVERY_MS = 60_000
AGAIN_MS = 5_000             # after a look that told nothing, or showed a difference
STEPPED_MS = 500             # our own clock was set: looked at again at once
_NS_PER_MS = 1_000_000


class VenueClock:
    """Owner: the `heartbeat` thread."""

    def __init__(self, times: VenueTime, clock: Clock) -> None:
        self._times, self._clock = times, clock
        self._due_ns = clock.monotonic_ns()
        self._offset_ms = 0              # wall less monotonic, at the last look
        self.skew_ms: int | None = None

    @property
    def deadline_ms(self) -> int:
        return self._times.deadline_ms

    def is_due(self) -> bool:
        return self._clock.monotonic_ns() >= self._due_ns or abs(self._wall_less_monotonic_ms() - self._offset_ms) >= STEPPED_MS

    def look(self) -> None:
        """Blocks for `deadline_ms` at most. Without an answer the last one stays."""
        sent_ms = self._clock.wall_ms()
        venue_s = self._times.read_s()
        received_ms = self._clock.wall_ms()
        if venue_s is not None:
            self._note(least_skew_ms(sent_ms, received_ms, venue_s))
        self._offset_ms = self._wall_less_monotonic_ms()
        again_ms = EVERY_MS if venue_s is not None and self.skew_ms == 0 else AGAIN_MS
        self._due_ns = self._clock.monotonic_ns() + again_ms * _NS_PER_MS

    def _note(self, skew_ms: int) -> None:
        if skew_ms and not self.skew_ms:
            log.warning("heartbeat: this machine's clock is at least %d ms %s the venue's. Set it, by NTP for example.",
                        abs(skew_ms), "ahead of" if skew_ms > 0 else "behind")
        self.skew_ms = skew_ms

    def _wall_less_monotonic_ms(self) -> int:
        return self._clock.wall_ms() - self._clock.monotonic_ns() // _NS_PER_MS


def least_skew_ms(sent_ms: int, received_ms: int, venue_s: int) -> int:
    """Ours less the venue's: of all differences that fit what was seen, the one nearest to none."""
    earliest_ms, latest_ms = sent_ms - (venue_s * 1000 + 999), received_ms - venue_s * 1000
    return max(earliest_ms, 0) + min(latest_ms, 0)
