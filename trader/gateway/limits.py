"""The account's rate limits as we know them, shared by all gateway threads."""

from __future__ import annotations

import threading

from trader.runtime.clock import Clock
from trader.venues.contract import RateNote

_MS = 1_000_000


class TokenBucket:
    """`rate_per_s` tokens a second up to `burst`; below zero it owes them.

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
                return -(-short_ns // _MS)
            self._full_ns = full_ns
            return 0

    def spend(self, count: int) -> None:
        """For what was sent whatever the bucket says."""
        with self._lock:
            self._full_ns = max(self._clock.monotonic_ns(), self._full_ns) + count * self._token_ns

    def owed_ms(self) -> int:
        """How long until it owes nothing; 0 while it does not."""
        with self._lock:
            return max(0, -(-(self._full_ns - self._clock.monotonic_ns() - self._burst * self._token_ns) // _MS))

    def correct(self, remaining: int | None, wait_ms: int) -> None:
        """What the venue says counts where it is less than we thought. Never where it is more: answers overtake each other, so an
        old one may not know of what was sent since."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            if remaining is not None:
                self._full_ns = max(self._full_ns, now_ns + (self._burst - remaining) * self._token_ns)
            if wait_ms:                                  # then there is one token
                self._full_ns = max(self._full_ns, now_ns + wait_ms * _MS + (self._burst - 1) * self._token_ns)


class AccountLimits:
    """The venue counts places and cancels separately. Implements `contract.Allowance`."""

    def __init__(self, orders: TokenBucket, cancels: TokenBucket) -> None:
        self.orders, self.cancels = orders, cancels

    def place(self, count: int) -> int:
        """Milliseconds to wait, 0: go. Nothing is placed while cancels are owed: it could not be taken back."""
        return self.cancels.owed_ms() or self.orders.take(count)

    def heard(self, note: RateNote) -> None:
        (self.cancels if note.is_cancel else self.orders).correct(note.remaining, note.wait_ms)
