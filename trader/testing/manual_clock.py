"""Time that moves only when a test moves it."""

from __future__ import annotations


class ManualClock:
    """Both clocks advance together from the given starts."""

    def __init__(self, start_ns: int = 0, wall_start_ms: int = 1_795_000_000_000) -> None:
        self._now_ns, self._offset_ms = start_ns, wall_start_ms - start_ns // 1_000_000

    def monotonic_ns(self) -> int:
        return self._now_ns

    def wall_ms(self) -> int:
        return self._offset_ms + self._now_ns // 1_000_000

    def advance(self, *, ms: int) -> None:
        self._now_ns += ms * 1_000_000
