"""How long to wait before the next attempt to connect. Pure: the role that owns it does the waiting."""

from __future__ import annotations

import random


class Backoff:
    """1 s, 2 s, 4 s … 60 s, each shortened by up to a quarter at random so that clients do not return in step.

    `reset` only once the other side proved itself (first data frame, first PONG): a server that accepts and then drops
    would otherwise be hammered. Owner: one role's thread.
    """

    _MAX_DOUBLINGS = 16      # 2.0 ** attempts overflows at 1024; any cap above log2(max/min) gives the same waits

    def __init__(self, min_s: float = 1.0, max_s: float = 60.0, rng: random.Random | None = None) -> None:
        self._min_s, self._max_s = min_s, max_s
        self._rng = rng or random.Random()
        self.attempts = 0

    def next_s(self) -> float:
        """The wait before this attempt. Counts it."""
        full_s = min(self._max_s, self._min_s * 2.0 ** min(self.attempts, self._MAX_DOUBLINGS))
        self.attempts += 1
        return full_s * (1 - 0.25 * self._rng.random())

    def reset(self) -> None:
        self.attempts = 0
