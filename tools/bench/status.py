"""What the status server costs a desk that gets 1,000 frames a second, and how fast it answers meanwhile.

    python tools/bench/status.py [--seconds 20] > status.json

`desk`      frames a second that its feeds received, and the processor time of its process while nobody asks.
`polled`    /health, /stats and /metrics once a second each, on one kept-alive connection. The added processor time is that of the
            thread `ops-http`, which does nothing else, beyond what it needs while nobody asks: in percent of a core, as `top`
            counts, and in percent of what the desk uses itself. (The difference of the whole process between the two phases is
            shown too: on a busy machine it is mostly noise.)
`answers`   round trip of 20 requests a second, alternating /health and /stats, as seen by this process. Its own wait for a core is
            in it.

Budgets: added < 2 % of a core; p99 of /health and /stats < 10 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from trader.testing.desk_process import DeskProcess, Wallet
from trader.testing.exchange_process import running_exchange

FRAMES_PER_S = 1_000
ASKED_PER_S = 20
BUDGET_PERCENT, BUDGET_MS = 2.0, 10.0


class Cpu(NamedTuple):
    """Seconds of processor time since the start: of the whole process, and of the status server's threads."""

    process: float
    server: float


def cpu_of(pid: int) -> Cpu:
    spent = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, ran_ns = (task / "comm").read_text().strip(), int((task / "schedstat").read_text().split()[0])
        spent[task.name] = (name, ran_ns / 1e9)
    return Cpu(sum(ran for _, ran in spent.values()), sum(ran for name, ran in spent.values() if name.startswith("ops-http")))


class Reader:
    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def get(self, path: str) -> float:
        """Milliseconds until the whole answer is here."""
        began_s = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        took_ms = (time.perf_counter() - began_s) * 1000
        assert answer.status in (200, 503) and body
        return took_ms


def phase(pid: int, seconds: int, each_second: Any) -> Cpu:
    """Processor time spent in this many seconds, while `each_second` is called once a second."""
    before, began_s = cpu_of(pid), time.monotonic()
    for second in range(1, seconds + 1):
        each_second()
        time.sleep(max(0.0, began_s + second - time.monotonic()))
    after = cpu_of(pid)
    return Cpu(after.process - before.process, after.server - before.server)


def latencies(reader: Reader, seconds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"/health": [], "/stats": []}
    began_s = time.monotonic()
    for number in range(seconds * ASKED_PER_S):
        path = ("/health", "/stats")[number % 2]
        taken[path].append(reader.get(path))
        time.sleep(max(0.0, began_s + (number + 1) / ASKED_PER_S - time.monotonic()))
    return taken


def spread(samples_ms: list[float]) -> dict[str, float]:
    ordered = sorted(samples_ms)
    return {"count": len(ordered), "p50_ms": round(ordered[len(ordered) // 2], 2),
            "p99_ms": round(ordered[len(ordered) * 99 // 100], 2), "max_ms": round(ordered[-1], 2)}


def frames_of(desk: DeskProcess) -> int:
    return sum(feed["frames"] for feed in desk.status()["feeds"].values())


def measured(desk: DeskProcess, seconds: int) -> dict[str, Any]:
    desk.wait_until(lambda now: now.get("orders_acked", 0) > 10, 60, "quotes")
    frames, began_s = frames_of(desk), time.monotonic()
    alone = phase(desk.pid, seconds, lambda: None)
    reader = Reader(desk.status()["status_url"])
    for path in ("/health", "/stats", "/metrics") * 3:
        reader.get(path)                         # the first of each compiles and caches
    polled = phase(desk.pid, seconds, lambda: [reader.get(path) for path in ("/health", "/stats", "/metrics")])
    answers = {path: spread(taken) for path, taken in latencies(reader, seconds).items()}
    frames_per_s = (frames_of(desk) - frames) / (time.monotonic() - began_s)
    added_s = polled.server - alone.server
    added_percent = 100 * added_s / seconds
    return {
        "desk": {"frames_per_s": round(frames_per_s), "cpu_percent": round(100 * alone.process / seconds, 1),
                 "status_server_idle_cpu_percent": round(100 * alone.server / seconds, 2)},
        "polled": {"added_core_percent": round(added_percent, 2), "added_percent_of_desk": round(100 * added_s / alone.process, 1),
                   "whole_process_difference_percent": round(100 * (polled.process - alone.process) / alone.process, 1)},
        "answers": answers,
        "within_budget": added_percent < BUDGET_PERCENT and all(each["p99_ms"] < BUDGET_MS for each in answers.values()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=20, help="of each of the three phases")
    seconds = arguments.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="t-") as folder, running_exchange(speed=1, frames_per_s=FRAMES_PER_S) as exchange:
        desk = DeskProcess([str(Wallet(exchange, Path(folder)).conf), "--set", "ops.status_port=0"], Path(folder))
        try:
            found = measured(desk, seconds)
        finally:
            desk.interrupt()
            desk.kill()
    json.dump({"python": platform.python_version(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), **found},
              sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
