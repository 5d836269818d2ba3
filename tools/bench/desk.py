#!/usr/bin/env python3
"""A whole desk at the embedded exchange for some seconds: memory, pauses by garbage collection, lateness of ticks, every leg. JSON.

    python tools/bench/desk.py [--seconds 30]

The exchange has the first core, the desk the others: in production it is elsewhere.

Twice, each in a process of its own: `quiet` is the process as `trader run` has it, `python` leaves collector, switch interval and timer
slack as Python and Linux have them. A pause is one pass of the collector: no thread runs meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loads import cores, pin_to_the_others, quantiles_us

from trader.app import Trader
from trader.config import load_config
from trader.runtime.clock import SystemClock
from trader.runtime.process import TunedProcess

BUDGET = {"gc_pause_max_us": 1_000, "resident_mb": 80, "tick_lateness_p99_us": 200}
WARM_UP_S = 5.0
KNOBS = {"quiet": [], "python": ["runtime.gc=python", "runtime.switch_interval_us=5000", "runtime.timer_slack_us=0"]}


class Pauses:
    """A callback of the collector."""

    def __init__(self) -> None:
        self.ns: list[int] = []
        self._began_ns = 0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began_ns = time.monotonic_ns()
        else:
            self.ns.append(time.monotonic_ns() - self._began_ns)


def exchange_to_the_first_core() -> None:
    """Every thread of every child: affinity is a thread's own."""
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            for task in Path("/proc", pid, "task").iterdir():
                os.sched_setaffinity(int(task.name), cores()[:1])


def one_desk(knobs: str, seconds: float) -> dict[str, Any]:
    pin_to_the_others()
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder, "conf.yaml")
        conf.write_text("mode: embedded\nstrategy: {volatility_prior_bp: 8.5}\n")
        settings = load_config(conf, env={}, overrides=[f"ops.control_dir={folder}", f"journal.dir={folder}/journal", *KNOBS[knobs]])
        trader, pauses = Trader(settings), Pauses()
        with TunedProcess(settings.runtime, trader.is_flat, SystemClock()) as process, trader:
            process.threads_run(trader.stats()["roles"])
            exchange_to_the_first_core()
            trader.wait(WARM_UP_S)
            gc.callbacks.append(pauses)
            used_s = time.process_time()
            trader.wait(seconds)
            used_s = time.process_time() - used_s
            gc.callbacks.remove(pauses)
            stats = trader.stats()
    return {"gc_pauses": quantiles_us(pauses.ns), "cpu_share": round(used_s / seconds, 3), "orders_placed": stats["orders_placed"],
            "latency": stats["latency"], "process": stats["process"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each desk, after its start (default 30)")
    parser.add_argument("--only", choices=KNOBS, help="that one, in this process")
    options = parser.parse_args()
    logging.getLogger("trader").setLevel(logging.ERROR)
    result: dict[str, Any] = {"bench": "desk", "python": platform.python_version(), "budget": BUDGET}
    if options.only:
        result = one_desk(options.only, options.seconds)
    else:
        for knobs in KNOBS:
            said = subprocess.run([sys.executable, __file__, "--only", knobs, "--seconds", str(options.seconds)], check=True,
                                  stdout=subprocess.PIPE).stdout
            result[knobs] = json.loads(said)
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
