"""Fixed-rate ticks on absolute deadlines. Pure: the role that owns it does the waiting."""

from __future__ import annotations

from trader.runtime.clock import Clock


class Pacer:
    """Ticks that skip, never bunch: late by 3½ periods fires once and counts 3. Owner: one role's thread."""

    def __init__(self, clock: Clock, period_ns: int) -> None:
        self._clock, self._period_ns = clock, period_ns
        self._due_ns = clock.monotonic_ns() + period_ns
        self.ticks = 0
        self.skipped = 0

    def due(self) -> bool:
        """True once a period. The next deadline stays on the grid of the first one, so lateness never adds up."""
        late_ns = self._clock.monotonic_ns() - self._due_ns
        if late_ns < 0:
            return False
        missed = late_ns // self._period_ns
        self.ticks += 1
        self.skipped += missed
        self._due_ns += (missed + 1) * self._period_ns
        return True

    def wait_s(self) -> float:
        """Seconds until the next tick is due; 0 when it already is."""
        return max(0, self._due_ns - self._clock.monotonic_ns()) / 1e9
