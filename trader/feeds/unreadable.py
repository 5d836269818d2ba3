"""Frames that do not parse: counted, sampled to the log, and when they repeat the stream is not trusted. Any feed's thread."""

from __future__ import annotations

import logging
from collections import deque

from trader.errors import ConnectionLost, WireError

log = logging.getLogger(__name__)

BURST = 5                            # this many …
WINDOW_NS = 10_000_000_000           # … within ten seconds end the connection
SAMPLE_NS = 10_000_000_000           # one line to the log in this time


class UnreadableFrames:
    """One a feed. A schema change must be seen, and a book must not live on from a stream of which parts are lost."""

    def __init__(self, feed_name: str) -> None:
        self._feed_name = feed_name
        self._recent_ns: deque[int] = deque(maxlen=BURST)
        self._logged_ns: int | None = None
        self.count = 0

    def add(self, error: WireError, now_ns: int) -> None:
        """Raises ConnectionLost when too many came too fast."""
        self.count += 1
        self._recent_ns.append(now_ns)
        if self._logged_ns is None or now_ns - self._logged_ns >= SAMPLE_NS:
            self._logged_ns = now_ns
            log.warning("%s: %s (%d so far)", self._feed_name, error, self.count)
        if len(self._recent_ns) == BURST and now_ns - self._recent_ns[0] < WINDOW_NS:
            self._recent_ns.clear()
            raise ConnectionLost(f"{BURST} frames within {WINDOW_NS // 10**9} s could not be read.",
                                 remedy="See the warnings above; update trader if the venue changed its format.")
