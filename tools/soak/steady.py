"""A desk at a busy exchange for an hour: its memory, threads and descriptors must not grow.

    .venv/bin/python -m tools.soak.steady [--minutes 60] [--settle-minutes 10] [--speed 6] [--frames 1000] [--slope 1.0] [--limit 80]
    .venv/bin/python -m tools.soak.steady --minutes 1 --settle-minutes 0.4 --speed 60 --growth 4

The slope is a straight line through the resident memory after the first minutes; what is kept for ten minutes (orders that traded)
is full by then. A run of a minute is too short for a line: `--growth` judges it by the megabytes from its first to its last quarter.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tools.soak.harness import Check, Soak, below, equal, options, soaking

LOOK_STEPS, SAY_STEPS = 4, 120           # of half a second each
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Look(NamedTuple):
    at_s: float
    resident_mb: float
    threads: int
    descriptors: int


def look(pid: int) -> Look:
    process = Path(f"/proc/{pid}")
    return Look(time.monotonic(), int((process / "statm").read_text().split()[1]) * _PAGE / 1e6,
                len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())))


def slope_mb_h(looks: list[Look]) -> float:
    """Of the least-squares line."""
    mean_s, mean_mb = (sum(column) / len(looks) for column in zip(*(one[:2] for one in looks), strict=True))
    spread = sum((one.at_s - mean_s) ** 2 for one in looks)
    return 3600 * sum((one.at_s - mean_s) * (one.resident_mb - mean_mb) for one in looks) / spread


def watch(soak: Soak, minutes: float) -> list[Look]:
    looks: list[Look] = []
    for number, _ in enumerate(soak.steps(60 * minutes)):
        if number % LOOK_STEPS == 0:
            looks.append(look(soak.desk.pid))
        if number % SAY_STEPS == 0:
            soak.say(f"{looks[-1].resident_mb:.1f} MB, {looks[-1].threads} threads, {looks[-1].descriptors} descriptors")
    return looks


def memory_checks(looks: list[Look], slope: float, growth: float, limit: float) -> list[Check]:
    edge = max(1, len(looks) // 4)
    rise = median(one.resident_mb for one in looks[-edge:]) - median(one.resident_mb for one in looks[:edge])
    steady = below("resident memory, last quarter above the first (MB)", round(rise, 2), growth) if growth else below(
        "slope of resident memory (MB/h)", round(slope_mb_h(looks), 2), slope)
    return [
        steady,
        below("resident memory (MB)", round(max(one.resident_mb for one in looks), 1), limit),
        equal("threads, first and last quarter", max(one.threads for one in looks[-edge:]), max(one.threads for one in looks[:edge])),
        below("descriptors, last quarter above the first", max(one.descriptors for one in looks[-edge:])
              - max(one.descriptors for one in looks[:edge]), 3),
    ]


def main() -> int:
    wanted = options(__doc__, minutes=60.0, settle_minutes=10.0, speed=6.0, frames=1000, slope=1.0, growth=0.0, limit=80.0)
    with soaking("steady", speed=wanted.speed, seed=5, frames_per_s=wanted.frames) as soak:
        for _ in soak.steps(60 * wanted.settle_minutes):
            pass
        looks = watch(soak, wanted.minutes - wanted.settle_minutes)
        soak.end(apart_from={"windows without a quote"})
        soak.facts["resident_mb"] = [round(one.resident_mb, 1) for one in looks[:: max(1, len(looks) // 60)]]
        soak.checks += memory_checks(looks, wanted.slope, wanted.growth, wanted.limit)
        return soak.report()


if __name__ == "__main__":
    sys.exit(main())
