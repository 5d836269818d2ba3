"""The fleet while markets are born and decided all the time: registry, memory and file descriptors stay level, and the books are right.

    .venv/bin/python -m tools.soak.fleet [--for 1800] [--markets 300] [--life 120] [--moves 200]

An exchange process and a fleet as `trader run` starts one. With 300 markets that live 120 s on average, two or three are born and as
many decided every second. Connections are replaced now and then. Progress goes to stderr, the report to stdout as JSON; exit code 1
if a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

import httpx

from tools.soak.harness import Check, at_least, below, equal
from trader.exchange.child import ExchangeUrls
from trader.feeds.settings import FeedSettings
from trader.fleet.child import FleetChild
from trader.fleet.settings import FleetSettings
from trader.model.units import price_bp_from_wire, size_micro_from_wire
from trader.ops.settings import OpsSettings
from trader.testing.exchange_process import running_exchange

GROWTH = 1.25                # of the memory from the second quarter of the run to the last one
LOOK_S = 1.0
RECYCLE_EVERY_S = 15.0
SETTLED_WITHIN_S = 10.0      # a market born a moment ago has no book yet; one that never gets its book still fails
COMPARED = 40                # books, at the end


def sample(fleet: FleetChild, stats: dict[str, Any]) -> dict[str, Any]:
    pids = [fleet.pid, *(row["pid"] for row in stats["workers"]["worker_stats"].values() if row["pid"])]
    return {"rss_kb": sum(_resident_kb(pid) for pid in pids), "fds": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
            "threads": len(os.listdir(f"/proc/{fleet.pid}/task")), "markets": stats["registry"]["total_markets"],
            "connections": stats["pool"]["connection_count"]}


def _resident_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def watch(fleet: FleetChild, seconds: float) -> list[dict[str, Any]]:
    """One sample a second; a replacement every quarter of a minute."""
    samples, began_s, recycle_s = [], time.monotonic(), time.monotonic() + RECYCLE_EVERY_S
    while (now_s := time.monotonic()) - began_s < seconds:
        samples.append(sample(fleet, fleet.stats()))
        if now_s >= recycle_s:
            recycle_s += RECYCLE_EVERY_S
            fleet.recycle()
            print(f"{now_s - began_s:6.0f} s  {samples[-1]}", file=sys.stderr)
        time.sleep(LOOK_S)
    return samples


def compare_books(fleet: FleetChild, exchange: ExchangeUrls) -> tuple[int, list[dict[str, Any]]]:
    """How many were compared, and those that differ, of markets that are open now. One that ends meanwhile is not compared."""
    compared, different = 0, list[dict[str, Any]]()
    with httpx.Client(timeout=5.0) as rest:
        query = {"closed": "false", "limit": COMPARED, "ascending": "false"}
        events = rest.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"]
        for event in events:
            for token in json.loads(event["markets"][0]["clobTokenIds"]):
                was_there, difference = _compare(fleet, rest, exchange, token)
                compared += was_there
                if difference:
                    different.append({"token": token, **difference})
    return compared, different


def _compare(fleet: FleetChild, rest: httpx.Client, exchange: ExchangeUrls, token: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether the exchange still has the book, and the difference. Both move: equal at one of many moments is equal, and a market
    that was just born has its books within SETTLED_WITHIN_S."""
    end_s = time.monotonic() + SETTLED_WITHIN_S
    while True:
        book, answer = fleet.book(token), rest.get(f"{exchange.rest_url}/book", params={"token_id": token})
        if answer.status_code != 200:
            return False, None
        theirs = [sorted([price_bp_from_wire(row["price"]), size_micro_from_wire(row["size"])] for row in answer.json()[side])
                  for side in ("bids", "asks")]
        if book and book["is_whole"] and [sorted(book["bids"]), sorted(book["asks"])] == theirs:
            return True, None
        if time.monotonic() > end_s:
            return True, {"ours": book, "theirs": theirs}
        time.sleep(0.05)


def pending_in_the_end(fleet: FleetChild) -> int:
    """Markets without a book: the fewest at any moment, since others are born meanwhile."""
    fewest, end_s = fleet.stats()["registry"]["pending"], time.monotonic() + SETTLED_WITHIN_S
    while fewest and time.monotonic() < end_s:
        time.sleep(0.05)
        fewest = min(fewest, fleet.stats()["registry"]["pending"])
    return fewest


def judged(samples: list[dict[str, Any]], stats: dict[str, Any], seconds: float, books: tuple[int, list[dict[str, Any]]],
           pending: int) -> list[Check]:
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter:2 * quarter], samples[-quarter:]
    level = {name: mean(row[name] for row in late) / mean(row[name] for row in early) for name in ("rss_kb", "fds", "markets", "threads")}
    lifecycle, recycler = stats["lifecycle"], stats["recycler"]
    return [
        at_least("markets born a second", round(lifecycle["added"] / seconds, 2), 1.0),
        at_least("markets removed", lifecycle["removed"], int(lifecycle["expired"] * 0.5)),
        *(below(f"{name}, last quarter / second quarter", round(ratio, 3), GROWTH) for name, ratio in level.items()),
        equal("markets without a book at the end", pending, 0),
        at_least("replacements", recycler["recycles_completed"], int(seconds // RECYCLE_EVERY_S) - 1),
        equal("frames dropped", stats["router"]["messages_dropped"], 0),
        equal("worker restarts", stats["workers"]["restarts"], 0),
        at_least("books compared", books[0], COMPARED),
        equal("books that differ", len(books[1]), 0),
    ]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--for", dest="seconds", type=float, default=1800.0)
    options.add_argument("--markets", type=int, default=300)
    options.add_argument("--life", type=float, default=120.0, help="of a market on average, in seconds")
    options.add_argument("--moves", type=float, default=200.0, help="quotes replaced a second in all markets together")
    chosen = options.parse_args()
    settings = FleetSettings(num_workers=2, target_assets=200, max_assets=300, grace_s=10.0, cleanup_s=5.0, expiry_s=1.0, discovery_s=20.0,
                             heartbeat_s=1.0)
    with running_exchange(seed=11, speed=1, markets=chosen.markets, market_life_s=chosen.life, market_moves_per_s=chosen.moves) as exchange:
        fleet = FleetChild(settings, FeedSettings(), ws_url=exchange.ws_url, gamma_url=exchange.gamma_url,
                           ops=OpsSettings(log_level="WARNING"))
        try:
            samples = watch(fleet, chosen.seconds)
            books, pending, stats = compare_books(fleet, exchange), pending_in_the_end(fleet), fleet.stats()
        finally:
            code = fleet.stop()
    checks = [*judged(samples, stats, chosen.seconds, books, pending), equal("exit code of the fleet", code, 0)]
    print(json.dumps({"seconds": chosen.seconds, "passed": all(check.passed for check in checks),
                      "checks": [check._asdict() for check in checks], "last": samples[-1],
                      "health": stats["health"], "different": books[1],
                      "mismatches": sum(row["mismatches"] for row in stats["workers"]["worker_stats"].values())},
                     indent=2))
    return 0 if all(check.passed for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
