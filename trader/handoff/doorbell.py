"""Wakes the strategy early. Feeds and the executor ring it, once a receive batch; rings coalesce."""

from __future__ import annotations

import threading


class Doorbell:
    """A lock used as a binary semaphore: locked means silent. Two C calls, and no ring can fall between wait and clear."""

    __slots__ = ("_silence",)

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:                          # any thread
        try:
            self._silence.release()
        except RuntimeError:                         # already ringing and not yet heard: one wake-up serves both
            return

    def wait(self, timeout_s: float) -> bool:        # strategy thread; its parking spot
        """True when somebody rang since the last wait. Read the caches afterwards, so that the last ring is never lost."""
        return self._silence.acquire(timeout=max(0, timeout_s))      # a deadline that has passed: -1 would wait for ever
