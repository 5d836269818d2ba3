"""The account's order rate, shared by all gateway threads."""

from __future__ import annotations

import threading

from trader.runtime.clock import Clock


class TokenBucket:
    """`rate_per_s` tokens a second up to `burst`. Only places ask: cancels are never throttled by us.

    Kept as the moment at which it will be full again, so that it is one integer. Callers: gateway threads; the lock is held
    for a few additions.
    """

    def __init__(self, clock: Clock, rate_per_s: float, burst: int) -> None:
        self._clock, self._burst = clock, burst
        self._token_ns = -int(-1e9 // rate_per_s)        # rounded up: never faster than the account allows
        self._full_ns = clock.monotonic_ns()
        self._lock = threading.Lock()

    def take(self, count: int) -> int:
        """0 when all `count` were taken; otherwise none was, and the milliseconds until they are there.

        More than the burst at once are given by a full bucket, which then owes them: refused, they could never be placed.
        """
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            full_ns = max(now_ns, self._full_ns) + count * self._token_ns
            short_ns = full_ns - now_ns - max(self._burst, count) * self._token_ns
            if short_ns > 0:
                return -(-short_ns // 1_000_000)
            self._full_ns = full_ns
            return 0
