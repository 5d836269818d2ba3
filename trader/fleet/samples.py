"""The fleet's stats as metrics: (name, labels, value), families together, units last in the name. Pure; `ops/metrics.py` writes them.

A fleet that has just ended says only that it does not run; then the rest has no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

HELP = {
    "trader_fleet_running": "1 while the fleet's process runs.",
    "trader_fleet_restarts_total": "Times that the fleet's process was started again.",
    "trader_fleet_markets": "Markets by status.",
    "trader_fleet_connections": "Pooled connections.",
    "trader_fleet_connections_up": "Of these: with a line.",
    "trader_fleet_connection_frames_total": "Frames received, by connection.",
    "trader_fleet_connection_pollution_ratio": "Share of a connection's tokens whose market has ended.",
    "trader_fleet_frames_routed_total": "Frames handed on to workers.",
    "trader_fleet_frames_dropped_total": "Frames that a worker had no room for; their markets were fetched anew.",
    "trader_fleet_routing_latency_seconds": "Batch left the socket to handed on, of the recent batches of all connections.",
    "trader_fleet_worker_queue_parcels": "Parcels that wait for a worker.",
    "trader_fleet_workers_alive": "Worker processes that run.",
    "trader_fleet_worker_restarts_total": "Times that a worker was started again.",
    "trader_fleet_worker_assets": "Tokens of a worker.",
    "trader_fleet_worker_whole": "Of these: with a whole book.",
    "trader_fleet_worker_frames": "Frames that a worker has taken since it started.",
    "trader_fleet_worker_mismatches": "Bursts after which a book differed from the venue's own top.",
    "trader_fleet_worker_resident_bytes": "Memory of a worker.",
    "trader_fleet_recycles_completed_total": "Connections that were replaced.",
    "trader_fleet_recycles_failed_total": "Replacements that were given up.",
    "trader_fleet_markets_migrated_total": "Markets that moved to another connection.",
    "trader_fleet_component_ok": "1 while the component is well.",
}


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


def samples(stats: dict[str, Any]) -> Iterator[Sample]:
    yield Sample("trader_fleet_running", {}, float(stats["running"]))
    if "restarts" in stats:
        yield Sample("trader_fleet_restarts_total", {}, stats["restarts"])
    if "registry" not in stats:
        return
    for status, count in stats["registry"].items():
        if status != "total_markets":
            yield Sample("trader_fleet_markets", {"status": status}, count)
    yield from _pool(stats["pool"])
    yield from _router(stats["router"])
    yield from _workers(stats["workers"])
    for name in ("recycles_completed", "recycles_failed", "markets_migrated"):
        yield Sample(f"trader_fleet_{name}_total", {}, stats["recycler"][name])
    for component, verdict in stats["health"].items():
        yield Sample("trader_fleet_component_ok", {"component": component}, float(verdict["ok"]))


def _pool(pool: dict[str, Any]) -> Iterator[Sample]:
    yield Sample("trader_fleet_connections", {}, pool["connection_count"])
    yield Sample("trader_fleet_connections_up", {}, pool["active_connections"])
    for name, key in (("frames_total", "messages_received"), ("pollution_ratio", "pollution_ratio")):
        for row in pool["connections"]:
            yield Sample(f"trader_fleet_connection_{name}", {"connection": str(row["connection_id"])}, row[key])


def _router(router: dict[str, Any]) -> Iterator[Sample]:
    yield Sample("trader_fleet_frames_routed_total", {}, router["messages_routed"])
    yield Sample("trader_fleet_frames_dropped_total", {}, router["messages_dropped"])
    yield Sample("trader_fleet_routing_latency_seconds", {"quantile": "0.99"}, router["p99_latency_us"] / 1e6)
    for worker, depth in router["queue_depths"].items():
        yield Sample("trader_fleet_worker_queue_parcels", {"worker": worker}, depth)


def _workers(workers: dict[str, Any]) -> Iterator[Sample]:
    yield Sample("trader_fleet_workers_alive", {}, workers["alive_count"])
    yield Sample("trader_fleet_worker_restarts_total", {}, workers["restarts"])
    for name, key, factor in (("assets", "assets", 1), ("whole", "whole", 1), ("frames", "frames", 1), ("mismatches", "mismatches", 1),
                              ("resident_bytes", "rss_kb", 1024)):
        for worker, row in workers["worker_stats"].items():
            if key in row:                           # not before its first heartbeat
                yield Sample(f"trader_fleet_worker_{name}", {"worker": worker}, row[key] * factor)
