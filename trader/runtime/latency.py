"""Latencies of one leg as counts a bucket, cheap enough for the hot path. Writer: one thread. Readers: stats, metrics, series.

The buckets are the preferred numbers of ISO 3 (R20: twenty a decade, each 11 to 14 % above the last), so that 1, 2 and 5 of every
decade are bounds, which is what `/metrics` shows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from operator import add
from typing import NamedTuple

_R20 = (100, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 560, 630, 710, 800, 900)
BOUNDS_NS = (*(step * 10**power for power in range(1, 9) for step in _R20), 10**11)      # 1 µs to 100 s; inclusive upper ends
RECENT = 4096                # samples that a summary looks back, at most; at least half of them


class Histogram(NamedTuple):
    """All samples since the start. `counts[i]` are those up to `BOUNDS_NS[i]` and above the bound before; the last: above all."""

    counts: tuple[int, ...]
    sum_ns: int


class _Counts(NamedTuple):
    """Lists of one count a bucket; only `newest` still changes."""

    older: list[int]
    before: list[int]        # the half window before the newest
    newest: list[int]


class LatencyWindow:
    """Adding a sample takes less than half a microsecond and allocates once in half a window."""

    def __init__(self, recent: int = RECENT) -> None:
        self._half = self._left = max(1, recent // 2)
        self._newest = [0] * (len(BOUNDS_NS) + 1)
        empty = [0] * len(self._newest)
        self._counts = _Counts(empty, empty, self._newest)
        self._sum_ns = 0

    def add(self, sample_ns: int) -> None:
        self._newest[bisect_left(BOUNDS_NS, sample_ns)] += 1
        self._sum_ns += sample_ns
        self._left -= 1
        if not self._left:
            self._turn()

    def summary(self) -> dict[str, float]:
        """Count, p50 and p99 in microseconds of the recent samples, within a bucket (14 %); any thread. Zeroes before the first one."""
        return summary_of([self])

    def recent(self) -> list[int]:
        """Counts of the recent samples, one a bucket; any thread."""
        counts = self._counts                    # one read: the writer may turn meanwhile
        return list(map(add, counts.before, counts.newest))

    def histogram(self) -> Histogram:
        """Everything since the start; any thread. No count ever falls from one call to the next."""
        counts, sum_ns = self._counts, self._sum_ns
        return Histogram(tuple(map(add, counts.older, map(add, counts.before, counts.newest))), sum_ns)

    def _turn(self) -> None:
        """The newest half window becomes the one before. What a reader holds of the old tuple no longer changes."""
        old, self._left = self._counts, self._half
        self._newest = [0] * len(old.newest)
        self._counts = _Counts(list(map(add, old.older, old.before)), old.newest, self._newest)


def summary_of(windows: Iterable[LatencyWindow]) -> dict[str, float]:
    """The recent samples of all of them together, as `LatencyWindow.summary` has it."""
    cumulated = list(accumulate(map(sum, zip(*(window.recent() for window in windows), strict=True)))) or [0]
    if not cumulated[-1]:
        return {"count": 0, "p50_us": 0.0, "p99_us": 0.0}
    return {"count": cumulated[-1], "p50_us": _quantile_us(cumulated, 0.50), "p99_us": _quantile_us(cumulated, 0.99)}


def _quantile_us(cumulated: list[int], quantile: float) -> float:
    """By position within the bucket that holds it."""
    rank = quantile * cumulated[-1]
    bucket = min(bisect_left(cumulated, rank), len(BOUNDS_NS) - 1)
    low_ns, before = (BOUNDS_NS[bucket - 1], cumulated[bucket - 1]) if bucket else (0, 0)
    inside = min(1.0, (rank - before) / max(1, cumulated[bucket] - before))
    quantile_ns: float = low_ns + (BOUNDS_NS[bucket] - low_ns) * inside
    return round(quantile_ns / 1000, 1)
