"""Recent latencies of one leg, cheap enough for the hot path. Writer: one thread. Readers take a copy."""

from __future__ import annotations

from collections import deque


class LatencyWindow:
    """The last 4,096 samples; adding one is a single append."""

    def __init__(self, size: int = 4096) -> None:
        self._ns: deque[int] = deque(maxlen=size)
        self.add = self._ns.append               # bound once: no Python frame a sample

    def summary(self) -> dict[str, float]:
        """Count, p50 and p99 in microseconds; any thread. Zeroes before the first sample."""
        ordered = sorted(self._ns.copy())
        if not ordered:
            return {"count": 0, "p50_us": 0.0, "p99_us": 0.0}
        return {"count": len(ordered), "p50_us": _at(ordered, 0.50) / 1000, "p99_us": _at(ordered, 0.99) / 1000}


def _at(ordered: list[int], quantile: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))]
