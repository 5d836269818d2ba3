"""What the fleet says of itself: one nested mapping of plain JSON values, and a verdict a component. Pure; any thread may ask."""

from __future__ import annotations

from typing import Any

from trader.fleet.connections import Lines
from trader.fleet.crew import Crew
from trader.fleet.keeper import Keeper
from trader.fleet.lifecycle import Lifecycle
from trader.fleet.registry import BOOKLESS_NS, Registry, Status
from trader.fleet.settings import FleetSettings
from trader.runtime.clock import Clock

Verdict = dict[str, Any]
MOST_BOOKLESS = 0.05         # of the markets that have not ended
LATE_SCANS = 3               # listings that may be missed before the lifecycle is not healthy


class FleetStats:
    """Reads what the roles publish; holds nothing of its own."""

    def __init__(self, settings: FleetSettings, registry: Registry, keeper: Keeper, lines: Lines, crew: Crew, lifecycle: Lifecycle,
                 clock: Clock) -> None:
        self._settings, self._registry, self._keeper, self._lines, self._crew = settings, registry, keeper, lines, crew
        self._lifecycle, self._clock = lifecycle, clock
        self._started_ns = clock.monotonic_ns()

    def now(self, *, running: bool) -> dict[str, Any]:
        recycler = self._keeper.recycler
        return {
            "running": running,
            "registry": self._registry.counts(),
            "pool": self._pool(),
            "router": self._router(),
            "workers": self._crew.stats(),
            "recycler": {
                "recycles_completed": recycler.completed, "recycles_failed": recycler.failed, "markets_migrated": recycler.migrated,
                "active_recycles": [{"old": each.old, "new": each.new, "waiting": len(each.waiting), "reason": each.reason}
                                    for each in tuple(recycler.active.values())],
            },
            "lifecycle": {**self._lifecycle.stats(), "added": self._keeper.added, "expired": self._keeper.expired,
                          "removed": self._keeper.removed, "refused": self._keeper.refused,
                          "doubted_listings": self._keeper.doubted_listings,
                          "bookless": len(self._registry.bookless(self._clock.monotonic_ns()))},
            "health": self.health(),
        }

    def _pool(self) -> dict[str, Any]:
        connections = self._lines.all()
        return {
            "connection_count": len(connections), "active_connections": sum(each.is_up for each in connections),
            "connections": [self._connection(each.number) for each in connections],
        }

    def _connection(self, number: int) -> dict[str, Any]:
        connection = self._lines.get(number)
        entries = [entry for one in self._registry.on_connection(number) if (entry := self._registry.get(one)) is not None]
        expired = 2 * sum(entry.status is Status.EXPIRED for entry in entries)
        total = 2 * len(entries)
        is_busy = self._keeper.recycler.is_busy(number)
        state = "closed" if connection is None else "recycling" if is_busy else "active" if connection.is_up else "connecting"
        return {
            "connection_id": number, "status": state,
            "age_seconds": 0.0 if connection is None else round((self._clock.monotonic_ns() - connection.started_ns) / 1e9, 1),
            "messages_received": 0 if connection is None else connection.frames,
            "total": total, "active": total - expired, "expired": expired, "pollution_ratio": round(expired / total, 4) if total else 0.0,
            "opens": 0 if connection is None else connection.opens, "freezes": 0 if connection is None else connection.freezes,
            "unparsable": 0 if connection is None else connection.unparsable,
        }

    def _router(self) -> dict[str, Any]:
        routing = self._lines.routing()
        return {
            "messages_routed": routing["routed"], "messages_dropped": routing["dropped"], "messages_foreign": routing["foreign"],
            "refetched": routing["refetched"], "dirty": routing["dirty"],
            "avg_latency_ms": routing["latency_ns"] / max(1, routing["batches"]) / 1e6,
            "p50_latency_us": routing["p50_us"], "p99_latency_us": routing["p99_us"],
            "slowest_p99_latency_us": routing["slowest_p99_us"],
            "queue_depths": {str(link.number): link.depth for link in self._crew.links},
        }

    def health(self) -> dict[str, Verdict]:
        """A boolean and a reason a component; empty reasons where all is well."""
        reasons = {
            "registry": self._registry_ailment(), "lifecycle": self._lifecycle_ailment(), "pool": self._pool_ailment(),
            "router": self._router_ailment(), "workers": "; ".join(self._crew.ailments()),
        }
        return {name: {"ok": not reason, "reason": reason} for name, reason in reasons.items()}

    def _registry_ailment(self) -> str:
        """One market without books among a thousand is the log's business, and the count's in `lifecycle`."""
        bookless = self._registry.bookless(self._clock.monotonic_ns())
        if len(bookless) <= MOST_BOOKLESS * self._registry.active:
            return ""
        return (f"{len(bookless)} of {self._registry.active} markets have had no books for {BOOKLESS_NS // 10**9} s, "
                f"{bookless[0].market.slug} among them")

    def _lifecycle_ailment(self) -> str:
        scanned_ns = self._lifecycle.scanned_ns
        if scanned_ns is not None and not self._settings.enable_lifecycle:
            return ""
        since_ns = self._clock.monotonic_ns() - (self._started_ns if scanned_ns is None else scanned_ns)
        is_late = since_ns > LATE_SCANS * self._settings.discovery_s * 1e9
        return f"no complete listing for {since_ns // 10**9} s: {self._lifecycle.trouble}" if is_late else ""

    def _pool_ailment(self) -> str:
        down = [each.name for each in self._lines.all() if not each.is_up]
        return f"{', '.join(down)} without a line" if down else ""

    def _router_ailment(self) -> str:
        dirty = self._lines.routing()["dirty"]
        return f"{dirty} tokens wait to be fetched anew: for their connection, or for a worker that is behind" if dirty else ""
