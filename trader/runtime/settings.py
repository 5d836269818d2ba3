"""`runtime:` of conf.yaml: the process."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class RuntimeSettings:
    watchdog_ms: int = setting(5000, "A role that overstays its declared limit by this much ends the run: cancel all, dump, exit 7.",
                               unit="ms", low=500, high=600_000)
    switch_interval_us: int = setting(500, "How long one Python thread may hold the interpreter while others wait. Lower: shorter "
                                      "tails, more switches. Applied by the command line only, never by an embedded Trader.",
                                      unit="µs", low=10, high=100_000)
