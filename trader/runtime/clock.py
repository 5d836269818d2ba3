"""The only module that reads time. Monotonic for logic; wall for reports and for what a venue defines in wall time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Injected everywhere; `testing.ManualClock` is the other implementation."""

    def monotonic_ns(self) -> int: ...
    def wall_ms(self) -> int: ...


class SystemClock:
    """The machine's own clocks. Stateless, so every thread may share one."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000
