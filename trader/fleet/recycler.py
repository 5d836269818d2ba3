"""Replaces connections: make before break. Pure but for what it orders; owned by the thread `fl-keeper`.

    begin       the new connection subscribes to everything active on the old one; each asset's owner is still the old one
    owned       a worker says that the new one's book has caught up: that asset's owner is the new one
    finish      every asset has moved: the old connection is closed
    give up     the new line was lost, or time is up: what had moved goes back, the new connection is closed

A market that has ended does not move; one that nobody has a book of yet belongs to the new connection at once. At every moment, and
after every failure, each asset has exactly one owner, and that is a connection which carries it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from trader.fleet.connection import Row
from trader.fleet.connections import Connections, Handle
from trader.fleet.registry import Entry, Registry, Status
from trader.fleet.settings import FleetSettings
from trader.runtime.clock import Clock

log = logging.getLogger(__name__)

_NS_PER_H = 3_600_000_000_000
REST_RECYCLES = 5            # a connection whose replacement failed is left alone for this many looks


class Workers(Protocol):
    """What is told to workers; `Crew` is one, tests bring another."""

    def worker_of(self, group: str) -> int: ...
    def tell(self, worker: int, word: dict[str, Any]) -> None: ...


class Recycle(NamedTuple):
    """One replacement under way. `waiting` and `moved` are tokens."""

    old: int
    new: int
    waiting: dict[str, None]
    moved: dict[str, None]
    began_ns: int
    reason: str


class Recycler:
    """`completed`, `failed` and `migrated` (markets) are counted since the start."""

    def __init__(self, settings: FleetSettings, registry: Registry, connections: Connections, workers: Workers, clock: Clock) -> None:
        self._settings, self._registry, self._connections, self._workers, self._clock = settings, registry, connections, workers, clock
        self.active: dict[int, Recycle] = {}         # by old connection
        self._resting: dict[int, int] = {}           # old connection → not before
        self.completed = self.failed = self.migrated = 0

    # --- which ---

    def look(self, now_ns: int) -> None:
        """Begins what is due, worst first, never more at once than allowed."""
        due = sorted(((reason, handle) for handle in self._connections.all() if (reason := self._reason(handle, now_ns))),
                     key=lambda pair: pair[0])
        for reason, handle in due:
            if len(self.active) >= self._settings.recycle_at_once:
                return
            self.begin(handle, reason, now_ns)

    def is_busy(self, connection: int) -> bool:
        """It is being replaced, or replaces another: nothing new is put on it."""
        return connection in self.active or any(recycle.new == connection for recycle in self.active.values())

    def _reason(self, handle: Handle, now_ns: int) -> str:
        """Empty: it is fine. Dead connections sort before old ones, and those before polluted ones."""
        if self.is_busy(handle.number) or now_ns < self._resting.get(handle.number, 0):
            return ""
        settings = self._settings
        if handle.down_since_ns is not None:
            is_long = now_ns - handle.down_since_ns >= settings.recycle_down_s * 1e9
            others_up = any(other.is_up for other in self._connections.all())
            return "1: down while others are up" if is_long and others_up else ""
        if now_ns - handle.started_ns >= settings.recycle_age_h * _NS_PER_H:
            return f"2: older than {settings.recycle_age_h:g} h"
        pollution = self.pollution(handle.number)
        return f"3: {pollution:.0%} of its markets have ended" if pollution >= settings.recycle_pollution else ""

    def pollution(self, connection: int) -> float:
        carried = self._registry.on_connection(connection)
        ended = sum((entry := self._registry.get(one)) is not None and entry.status is Status.EXPIRED for one in carried)
        return ended / len(carried) if carried else 0.0

    # --- how ---

    def begin(self, old: Handle, reason: str, now_ns: int) -> bool:
        """False: it cannot be replaced now."""
        if self.is_busy(old.number) or len(self.active) >= self._settings.recycle_at_once:
            return False
        entries = [entry for entry in self._on(old.number) if entry.status is not Status.EXPIRED]
        if not entries:                              # only ended markets: there is nothing to move
            self._retire(old.number)
            self.completed += 1
            return True
        rows = [Row(self._workers.worker_of(entry.group), entry.market.tokens) for entry in entries]
        proved = [entry for entry in entries if entry.status is Status.SUBSCRIBED]
        new = self._connections.reserve()
        waiting = dict.fromkeys(token for entry in proved for token in entry.market.tokens)
        recycle = self.active[old.number] = Recycle(old.number, new, waiting, {}, now_ns, reason.partition(": ")[2] or reason)
        for entry in proved:                         # before the first frame can come: a worker drops what it does not wait for
            self._tell(entry, {"do": "move", "conn": new, "tokens": list(entry.market.tokens)})
        self._connections.open(new, rows)
        for entry in entries:
            if entry.status is Status.PENDING:
                self._give(entry, new)
        log.info("recycle: connection %d replaces %d, %d markets move (%s)", new, old.number, len(proved), recycle.reason)
        self._finish_if_done(recycle)
        return True

    def owned(self, connection: int, token: str) -> None:
        """A worker's book of this token listens to that connection now."""
        for recycle in list(self.active.values()):
            if recycle.new == connection and token in recycle.waiting:
                del recycle.waiting[token]
                recycle.moved[token] = None
                self._place_if_whole(recycle, token)
                self._finish_if_done(recycle)
                return

    def ended(self, tokens: Iterable[str]) -> None:
        """Their market is over: they need not move any more. Where they have moved to, they stay."""
        for recycle in list(self.active.values()):
            concerned = [token for token in tokens if token in recycle.waiting]
            if not concerned:
                continue
            for token in concerned:
                del recycle.waiting[token]
            if (entry := self._registry.by_token(concerned[0])) is not None:
                self._tell(entry, {"do": "abort", "tokens": concerned})
            if (new := self._connections.get(recycle.new)) is not None:
                new.order_leave(concerned)
            self._finish_if_done(recycle)

    def line_lost(self, connection: int, now_ns: int) -> None:
        for recycle in list(self.active.values()):
            if recycle.new == connection:
                self._give_up(recycle, "its line was lost", now_ns)

    def run_deadlines(self, now_ns: int) -> None:
        for recycle in list(self.active.values()):
            if now_ns - recycle.began_ns >= self._settings.migrate_s * 1e9:
                self._give_up(recycle, f"{len(recycle.waiting)} books did not come within {self._settings.migrate_s:g} s", now_ns)

    def owner_of(self, entry: Entry, token: str) -> int | None:
        """Of this one token: in the middle of a replacement the two tokens of a market may have different owners."""
        for recycle in self.active.values():
            if token in recycle.moved:
                return recycle.new
        return entry.connection

    def heir_of(self, token: str) -> int | None:
        return next((recycle.new for recycle in self.active.values() if token in recycle.waiting), None)

    def _place_if_whole(self, recycle: Recycle, token: str) -> None:
        entry = self._registry.by_token(token)
        if entry is not None and all(each in recycle.moved for each in entry.market.tokens):
            self._registry.place(entry.market.condition_id, recycle.new)
            self.migrated += 1

    def _finish_if_done(self, recycle: Recycle) -> None:
        if recycle.waiting:
            return
        del self.active[recycle.old]
        self._retire(recycle.old)
        self.completed += 1
        log.info("recycle: connection %d has replaced %d", recycle.new, recycle.old)

    def _give_up(self, recycle: Recycle, why: str, now_ns: int) -> None:
        """The old connection keeps everything, unless it is down itself and the new one is not."""
        del self.active[recycle.old]
        self.failed += 1
        self._resting[recycle.old] = now_ns + int(self._settings.recycle_s * REST_RECYCLES * 1e9)
        old, new = self._connections.get(recycle.old), self._connections.get(recycle.new)
        only_new_is_up = new is not None and new.is_up and not (old is not None and old.is_up)
        keeper, loser = (recycle.new, recycle.old) if only_new_is_up else (recycle.old, recycle.new)
        log.warning("recycle: connection %d does not replace %d: %s; %d keeps its markets", recycle.new, recycle.old, why, keeper)
        for entry in (*self._on(recycle.old), *self._on(recycle.new)):
            owners = {self._owner_in(recycle, entry, token) for token in entry.market.tokens}
            if entry.status is Status.EXPIRED:
                continue
            if owners != {keeper}:
                self._give(entry, keeper)
            self._tell(entry, {"do": "abort", "tokens": list(entry.market.tokens)})
        self._retire(loser)

    def _owner_in(self, recycle: Recycle, entry: Entry, token: str) -> int | None:
        return recycle.new if token in recycle.moved else entry.connection

    def _give(self, entry: Entry, connection: int) -> None:
        """From now on its books listen to this connection, which carries it already, and are fetched anew from it."""
        self._registry.place(entry.market.condition_id, connection)
        self._tell(entry, assignment(entry, connection, entry.market.tokens))
        handle = self._connections.get(connection)
        if handle is not None:
            handle.order_refetch(entry.market.tokens)

    def _retire(self, connection: int) -> None:
        """Closes it. What has ended there is carried by nobody from now on."""
        for entry in self._on(connection):
            self._registry.place(entry.market.condition_id, None)
            self._tell(entry, {"do": "drop", "tokens": list(entry.market.tokens)})
        self._resting.pop(connection, None)
        if self._connections.get(connection) is not None:
            self._connections.close(connection)

    def _tell(self, entry: Entry, word: dict[str, Any]) -> None:
        self._workers.tell(self._workers.worker_of(entry.group), word)

    def _on(self, connection: int) -> list[Entry]:
        return [entry for one in self._registry.on_connection(connection) if (entry := self._registry.get(one)) is not None]


def assignment(entry: Entry, connection: int, tokens: Iterable[str]) -> dict[str, Any]:
    """The word that makes a worker's books of these tokens listen to that connection."""
    market = entry.market
    return {"do": "assign", "conn": connection, "assets": [[token, market.condition_id, market.tick_bp] for token in tokens],
            "market": [market.condition_id, market.tokens, market.slug, market.event, market.series, entry.group]}
