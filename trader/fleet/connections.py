"""All connections of the fleet and their threads: opened, looked up, closed. Owned by the thread `fl-keeper`; stats by any.

Numbers are never used twice: a late frame of a closed connection must not pass for one of another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from trader.errors import RoleFailed
from trader.fleet.connection import PoolConnection, Row
from trader.runtime.clock import Clock
from trader.runtime.latency import summary_of
from trader.runtime.role import RoleThread

log = logging.getLogger(__name__)

WATCHDOG_MS = 5_000          # beyond its declared limit
COUNTED = ("routed", "dropped", "refetched", "foreign", "batches", "latency_ns")
OnFailure = Callable[[str, BaseException], None]


class Handle(Protocol):
    """A connection as the keeper uses it; `PoolConnection` is one, tests bring another."""

    @property
    def number(self) -> int: ...
    @property
    def is_up(self) -> bool: ...
    @property
    def started_ns(self) -> int: ...
    @property
    def down_since_ns(self) -> int | None: ...
    def order_carry(self, rows: Sequence[Row]) -> None: ...
    def order_leave(self, tokens: Sequence[str]) -> None: ...
    def order_retire(self, tokens: Sequence[str]) -> None: ...
    def order_refetch(self, tokens: Sequence[str]) -> None: ...
    def order_refill(self, worker: int) -> None: ...


class Connections(Protocol):
    """What the keeper needs; `Lines` is one, tests bring another."""

    def reserve(self) -> int:
        """The number of a connection to come, so that its workers can be told of it before its first frame."""
        ...
    def open(self, number: int, rows: Sequence[Row]) -> None: ...
    def get(self, number: int) -> Handle | None: ...
    def all(self) -> tuple[Handle, ...]: ...
    def close(self, number: int) -> None: ...


class Lines:
    """The real ones: each a role on a thread of its own."""

    def __init__(self, make: Callable[[int, Sequence[Row]], PoolConnection], clock: Clock, on_failure: OnFailure,
                 on_closed: Callable[[str], None]) -> None:
        """`on_closed` gets the name of a connection whose thread has ended."""
        self._make, self._clock, self._on_failure, self._on_closed = make, clock, on_failure, on_closed
        self._live: dict[int, tuple[PoolConnection, RoleThread]] = {}
        self._closing: dict[int, tuple[PoolConnection, RoleThread]] = {}
        self._opened = 0
        self._totals = dict.fromkeys(COUNTED, 0)     # of those that are gone

    def reserve(self) -> int:
        self._opened += 1
        return self._opened

    def open(self, number: int, rows: Sequence[Row]) -> None:
        connection = self._make(number, rows)
        thread = RoleThread(connection, self._on_failure)
        thread.start()
        self._live[number] = connection, thread

    def get(self, number: int) -> PoolConnection | None:
        found = self._live.get(number)
        return None if found is None else found[0]

    def all(self) -> tuple[PoolConnection, ...]:
        return tuple(connection for connection, _ in tuple(self._live.values()))

    def close(self, number: int) -> None:
        """Returns at once; `look_after` sees it out."""
        connection, thread = self._closing[number] = self._live.pop(number)
        thread.ask_to_stop()
        connection.wake()

    def look_after(self, now_ns: int) -> None:
        """Every cycle: sees out those that have ended, and finds those that hang."""
        for number, (connection, thread) in list(self._closing.items()):
            if not thread.is_alive():
                del self._closing[number]
                self._add_up(connection)
                self._on_closed(connection.name)
        for connection, thread in [*self._live.values(), *self._closing.values()]:
            declared = connection.posture.now
            if thread.is_alive() and declared.overdue_ms(now_ns) > WATCHDOG_MS:
                self._on_failure(connection.name, RoleFailed(
                    f"{connection.name} has been in {declared.doing!r} for {(now_ns - declared.since_ns) // 1_000_000} ms.",
                    remedy="A thread dump shows where it hangs; restart once the cause is gone."))

    def close_all(self, deadline_s: float) -> list[str]:
        """Names of those that did not end."""
        for number in list(self._live):
            self.close(number)
        end_ns = self._clock.monotonic_ns() + int(deadline_s * 1e9)
        for _, thread in self._closing.values():
            thread.join(max(0, end_ns - self._clock.monotonic_ns()) / 1e9)
        late = [thread.name for _, thread in self._closing.values() if thread.is_alive()]
        self.look_after(0)
        return late

    def routing(self) -> dict[str, Any]:
        """Sums over all connections that there are and were; the latest latencies of all that there are, and the slowest one's."""
        routers = [connection.router for connection in self.all()]
        sums = {name: total + sum(getattr(router, name) for router in routers) for name, total in tuple(self._totals.items())}
        recent = summary_of(router.latency for router in routers)
        return {**sums, "dirty": sum(router.dirty for router in routers), "p50_us": recent["p50_us"], "p99_us": recent["p99_us"],
                "slowest_p99_us": max((router.latency.summary()["p99_us"] for router in routers), default=0.0)}

    def _add_up(self, connection: PoolConnection) -> None:
        for name in self._totals:
            self._totals[name] += getattr(connection.router, name)
