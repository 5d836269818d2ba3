"""The account's order rate, shared by all gateway threads."""

from __future__ import annotations

import threading

from trader.runtime.clock import Clock


class TokenBucket:
    """`rate` tokens a second up to `burst`. Only places ask: cancels are never throttled by us.

    Callers: gateway threads; the lock is held for a few additions.
    """

    def __init__(self, clock: Clock, rate_per_s: float, burst: int) -> None:
        self._clock, self._rate_per_ns, self._burst = clock, rate_per_s / 1e9, float(burst)
        self._tokens, self._filled_ns = float(burst), clock.monotonic_ns()
        self._lock = threading.Lock()

    def take(self, count: int) -> int:
        """0 when all `count` were taken; otherwise none was, and the milliseconds until they are there."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            self._tokens = min(self._burst, self._tokens + (now_ns - self._filled_ns) * self._rate_per_ns)
            self._filled_ns = now_ns
            if self._tokens >= count:
                self._tokens -= count
                return 0
            return int((count - self._tokens) / self._rate_per_ns / 1e6) + 1
