"""Frames that do not parse: counted, sampled to the log, and when they repeat the stream is not trusted. Any feed's thread."""

from __future__ import annotations

import logging
from collections import deque

from trader.errors import ConnectionLost, WireError

log = logging.getLogger(__name__)

BURST = 5                            # this many, unless the settings say otherwise, …
WINDOW_NS = 10_000_000_000           # … within ten seconds end the connection
SAMPLE_NS = 10_000_000_000           # one line to the log in this time
HOLD_NS = 30_000_000_000             # the feed is called garbled for this long: a new connection alone proves nothing


class UnreadableFrames:
    """One a feed. A schema change must be seen, and a book must not live on from a stream of which parts are lost."""

    def __init__(self, feed_name: str, burst: int = BURST) -> None:
        self._feed_name, self._burst = feed_name, burst
        self._recent_ns: deque[int] = deque(maxlen=burst)
        self._logged_ns: int | None = None
        self._burst_ns: int | None = None        # when the newest burst was complete
        self.count = 0

    def add(self, error: WireError, now_ns: int) -> None:
        """Raises ConnectionLost when too many came too fast."""
        self.count += 1
        self._recent_ns.append(now_ns)
        if self._logged_ns is None or now_ns - self._logged_ns >= SAMPLE_NS:
            self._logged_ns = now_ns
            log.warning("%s: %s (%d so far)", self._feed_name, error, self.count)
        if len(self._recent_ns) == self._burst and now_ns - self._recent_ns[0] < WINDOW_NS:
            self._recent_ns.clear()
            self._burst_ns = now_ns
            raise ConnectionLost(f"{self._what()}.", remedy="See the warnings above; update trader if the venue changed its format.")

    def trouble(self, now_ns: int) -> str | None:
        """Why this stream is not trusted, for a while after a burst; for `FeedHealth.garbled`."""
        return self._what() if self._burst_ns is not None and now_ns - self._burst_ns < HOLD_NS else None

    def _what(self) -> str:
        return f"{self._burst} frames within {WINDOW_NS // 10**9} s could not be read"
