"""What the fleet carries: start-up, rate, latencies, memory, and where the CPU time goes. Prints JSON.

    python tools/bench/fleet.py [--markets 2500] [--rates 2000,5000,10000] [--seconds 8] [--workers 2] [--levels 20] [--realtime 10]

A sender process (`fleet_sender.py`) stands for the venue, the fleet runs as its own process tree as in production, and everything
passes sockets, router and workers. At each rate: frames sent and applied, what was dropped, routing latency of all connections
and the slowest worker's frame → book latency, and CPU per process. A rate counts as carried when every frame was applied, nothing was
dropped, and the books say so: the size of one level of each is the number of its changes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trader.feeds.settings import FeedSettings
from trader.fleet.child import FleetChild
from trader.fleet.settings import FleetSettings
from trader.ops.settings import OpsSettings

SETTLE_S = 2.0
WARM_S = 4.0                 # until the windows of recent latencies hold nothing of before
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class SenderProcess:
    def __init__(self, markets: int, levels: int) -> None:
        command = [sys.executable, str(Path(__file__).parent / "fleet_sender.py"), f"--markets={markets}", f"--levels={levels}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.urls = self._line()

    def ask(self, request: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def processes(fleet: FleetChild, sender: SenderProcess) -> dict[str, int]:
    workers = fleet.stats()["workers"]["worker_stats"]
    return {"sender": sender.process.pid, "fleet": fleet.pid, **{f"worker {number}": row["pid"] for number, row in workers.items()}}


def applied(stats: dict[str, Any]) -> int:
    return sum(row["frames"] - row["dumps"] for row in stats["workers"]["worker_stats"].values())


def measure_start(fleet: FleetChild, markets: int, began_s: float) -> dict[str, Any]:
    while True:
        stats = fleet.stats()
        if stats["registry"]["subscribed"] == markets:
            seconds = round(time.monotonic() - began_s, 2)
            return {"assets": 2 * markets, "connections": stats["pool"]["connection_count"], "seconds": seconds}
        time.sleep(0.05)


def measure_rate(fleet: FleetChild, sender: SenderProcess, rate: float, seconds: float) -> dict[str, Any]:
    pids = processes(fleet, sender)
    before, sent_before = fleet.stats(), sender.ask(f"rate {rate}")["sent"]
    time.sleep(WARM_S)
    sent_warm = sender.ask("look")["sent"]
    used = {name: cpu_s(pid) for name, pid in pids.items()}
    began_s = time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - began_s
    cpu = {name: round((cpu_s(pid) - used[name]) / passed_s, 3) for name, pid in pids.items()}
    loaded, sent_timed = fleet.stats(), sender.ask("rate 0")["sent"] - sent_warm
    time.sleep(SETTLE_S)
    sent, after = sender.ask("look")["sent"] - sent_before, fleet.stats()
    workers = loaded["workers"]["worker_stats"].values()
    frames = max(1, sent_timed)
    return {
        "asked_per_s": rate, "sent_per_s": round(sent_timed / passed_s), "sent": sent, "applied": applied(after) - applied(before),
        "dropped": after["router"]["messages_dropped"] - before["router"]["messages_dropped"],
        "mismatches": sum(row["mismatches"] for row in after["workers"]["worker_stats"].values()),
        "routing_us": {"p50": loaded["router"]["p50_latency_us"], "p99": loaded["router"]["p99_latency_us"],
                       "p99_of_the_slowest_connection": loaded["router"]["slowest_p99_latency_us"]},
        "frame_to_book_us": {name: max(row["latency"][f"{name}_us"] for row in workers) for name in ("p50", "p99")},
        "cpu_share": cpu,
        "cpu_us_a_frame": {name: round(share * passed_s / frames * 1e6, 1) for name, share in cpu.items()},
    }


def wrong_books(fleet: FleetChild, markets: int) -> int:
    """Of a sample: both tokens of a market saw the same changes, and the level that counts them is there."""
    wrong = 0
    for market in range(0, markets, max(1, markets // 50)):
        books = [fleet.book(str(2 * market + side)) for side in (1, 2)]
        counts = [dict(map(tuple, book["bids"])).get(500) if book and book["is_whole"] else None for book in books]
        wrong += counts[0] is None or counts[0] != counts[1]
    return wrong


def machine_noise_us() -> dict[str, int]:
    """How late a sleep of 1 ms ends when nothing of ours runs: no latency below can be better than this."""
    late = []
    for _ in range(2000):
        began_ns = time.monotonic_ns()
        time.sleep(0.001)
        late.append((time.monotonic_ns() - began_ns) // 1000 - 1000)
    late.sort()
    return {"p50": late[1000], "p99": late[1980]}


def memory(fleet: FleetChild, empty_kb: int) -> dict[str, Any]:
    rows = fleet.stats()["workers"]["worker_stats"].values()
    books = sum(row["assets"] for row in rows)
    return {"worker_mb": [round(row["rss_kb"] / 1024, 1) for row in rows], "books": [row["assets"] for row in rows],
            "kb_a_book": round(sum(row["rss_kb"] - empty_kb for row in rows) / max(1, books), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--markets", type=int, default=2500)
    parser.add_argument("--levels", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rates", default="2000,5000,10000")
    parser.add_argument("--switch-us", type=int, default=500, help="the fleet's switch interval")
    parser.add_argument("--realtime", type=int, default=0, help="the fleet's real-time priority; needs the right to it")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    sender = SenderProcess(options.markets, options.levels)
    began_s = time.monotonic()
    fleet = FleetChild(FleetSettings(num_workers=options.workers, heartbeat_s=0.5, pending_wait_ms=300), FeedSettings(),
                       ws_url=sender.urls["ws_url"], gamma_url=sender.urls["gamma_url"], ops=OpsSettings(log_level="WARNING"),
                       switch_interval_us=options.switch_us, realtime_priority=options.realtime)
    try:
        time.sleep(0.1)
        empty_kb = min(int(Path(f"/proc/{row['pid']}/statm").read_text().split()[1]) * 4
                       for row in fleet.stats()["workers"]["worker_stats"].values())
        report: dict[str, Any] = {"python": sys.version.split()[0], "cores": os.cpu_count(), "levels_a_side": options.levels,
                                  "start": measure_start(fleet, options.markets, began_s)}
        time.sleep(SETTLE_S)
        report["machine_noise_us"] = machine_noise_us()
        report["memory"] = memory(fleet, empty_kb)
        report["rates"] = [measure_rate(fleet, sender, float(rate), options.seconds) for rate in options.rates.split(",")]
        report["wrong_books_of_50"] = wrong_books(fleet, options.markets)
        print(json.dumps(report, indent=2))
    finally:
        fleet.stop()
        sender.stop()


if __name__ == "__main__":
    main()
