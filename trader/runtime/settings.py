"""`runtime:` of conf.yaml: the process."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trader.model.setting import setting

_MOST_CORES = 1024


@dataclass(frozen=True)
class RuntimeSettings:
    watchdog_ms: int = setting(5000, "A role that overstays its declared limit by this much ends the run: cancel all, dump, exit 7.",
                               unit="ms", low=500, high=600_000)
    switch_interval_us: int = setting(500, "How long one Python thread may hold the interpreter while others wait. Lower: shorter "
                                      "tails, more switches. Like all below, applied by the command line only, never by an embedded "
                                      "Trader (docs/performance.md).",
                                      unit="µs", low=10, high=100_000)
    gc: str = setting("quiet", "quiet: all garbage is collected when a desk has become flat, as at every rollover; while orders are "
                      "open only what is young, in well below a millisecond. python: as Python does it, with pauses of up to 30 ms at "
                      "any time.", choices=("quiet", "python"))
    timer_slack_us: int = setting(1, "By how much the kernel may delay the end of a wait. Linux takes 50 by itself; 0 leaves that. Higher: "
                                  "later ticks, fewer wake-ups.", unit="µs", low=0, high=10_000)
    cpus: str = setting("", "Cores for the threads between a price and an order, as 2,3 or 2-5. Empty: wherever the kernel puts them. "
                        "Worth it where nothing else runs on these cores.")
    realtime_priority: int = setting(0, "SCHED_FIFO priority of the same threads; 0: none. They are then never put aside for an ordinary "
                                     "process. A fleet that runs alone has it too, its workers one below. Needs CAP_SYS_NICE or an "
                                     "rtprio limit, and a core to spare.", low=0, high=50)


def cores_of(text: str) -> frozenset[int]:
    """'2,4-6' -> 2, 4, 5, 6. Raises ValueError on anything else."""
    cores: set[int] = set()
    for part in text.replace(" ", "").split(","):
        if not re.fullmatch(r"[0-9]{1,4}(-[0-9]{1,4})?", part):
            raise ValueError(f"{part[:20]!r} is neither a core nor a range of cores")
        first, _, last = part.partition("-")
        if not int(first) <= int(last or first) < _MOST_CORES:
            raise ValueError(f"{part!r}: a range rises, and cores are numbered from 0 to {_MOST_CORES - 1}")
        cores.update(range(int(first), int(last or first) + 1))
    return frozenset(cores)
