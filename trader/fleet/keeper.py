"""The only writer of the registry: it decides which connection carries which market, and when a market is over. The role `fl-keeper`.

Thread: its own; it parks in the queue of its letters. Fed by lifecycle (markets), connections (resolutions, lost lines) and workers
(snapshots, doubts). What it decides goes out as orders to connections and as words to workers, workers first: a frame that a worker does
not expect is dropped there.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable, Iterable
from typing import NamedTuple

from trader.fleet.connection import Row
from trader.fleet.connections import Connections
from trader.fleet.letters import Discovered, Doubted, Letter, LineLost, Owned, RecycleNow, Resolved, ScanDone, WorkerBorn
from trader.fleet.notices import Notices
from trader.fleet.pool import Room, place
from trader.fleet.recycler import Recycler, Workers, assignment
from trader.fleet.registry import Entry, Registry, Status
from trader.fleet.settings import FleetSettings
from trader.runtime.clock import Clock
from trader.runtime.pacer import Pacer
from trader.runtime.role import CYCLE_LIMIT_MS, Posture
from trader.venues.contract import ListedMarket

log = logging.getLogger(__name__)

MOST_LETTERS = 256           # of one cycle, so that deadlines are not forgotten in a flood
MISSING_SCANS = 2            # complete listings in a row without a market end it: one may have been read a moment too early
FEW = 10                     # of more markets than this no listing ends more than half: rather is it wrong than they are

OnMarket = Callable[[ListedMarket], None]


class Callbacks(NamedTuple):
    """Called by the keeper's thread; what they raise is logged and changes nothing."""

    on_new: tuple[OnMarket, ...] = ()
    on_expired: tuple[OnMarket, ...] = ()


class Keeper:
    name = "fl-keeper"

    def __init__(self, settings: FleetSettings, registry: Registry, connections: Connections, workers: Workers, clock: Clock, *,
                 callbacks: Callbacks | None = None, look_after: Callable[[int], None] = lambda now_ns: None) -> None:
        """`look_after` sees to the connections' threads, once a cycle."""
        self._settings, self._registry, self._connections, self._workers, self._clock = settings, registry, connections, workers, clock
        self._callbacks, self._look_after = callbacks or Callbacks(), look_after
        self.posture = Posture(clock)
        self.recycler = Recycler(settings, registry, connections, workers, clock)
        self._letters: queue.SimpleQueue[Letter] = queue.SimpleQueue()
        self.put = self._letters.put                 # any thread
        self._proved: dict[str, set[str]] = {}       # of pending markets: tokens whose first snapshot came
        self._missing: dict[str, int] = {}           # of how many listings in a row
        self._unlisted: set[str] = set()             # ended for no other reason; a listing that has them again takes that back
        self._notices = Notices(registry)
        self._has_unplaced = False
        self._expiry = Pacer(clock, int(settings.expiry_s * 1e9))
        self._cleanup = Pacer(clock, int(settings.cleanup_s * 1e9))
        self._recycle = Pacer(clock, int(settings.recycle_s * 1e9))
        self.added = self.expired = self.removed = self.refused = self.doubted_listings = 0

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        with contextlib.suppress(queue.Empty):
            self.take(self._letters.get(timeout=self._park_s()))
            for _ in range(MOST_LETTERS):
                self.take(self._letters.get_nowait())
        self.run_deadlines()

    def on_stop(self) -> None:
        pass

    @property
    def depth(self) -> int:
        return self._letters.qsize()

    def _park_s(self) -> float:
        waits = [CYCLE_LIMIT_MS / 1000, self._expiry.wait_s(), self._cleanup.wait_s(), self._recycle.wait_s()]
        if self._has_unplaced:
            waits.append(0.05)
        return min(waits)

    # --- letters ---

    def take(self, letter: Letter) -> None:
        now_ns = self._clock.monotonic_ns()
        match letter:
            case Discovered(markets):
                self._add(markets, now_ns)
            case ScanDone(seen, began_ns):
                self._end_missing(seen, began_ns)
                self._notices.after_listing()
            case Resolved(condition_id):
                self._end(condition_id)
                self._unlisted.discard(condition_id)
            case Owned(pairs):
                for connection, token in pairs:
                    self._owned(connection, token, now_ns)
            case Doubted(pairs):
                self._refetch(pairs)
            case LineLost(connection):
                self.recycler.line_lost(connection, now_ns)
            case WorkerBorn(worker):
                self._refill(worker)
            case RecycleNow(connection):
                self._recycle_now(connection, now_ns)

    def run_deadlines(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._expiry.due():
            self._end_overdue()
            self._notices.look(now_ns)
        if self._cleanup.due():
            self._remove_expired(now_ns)
        self.recycler.run_deadlines(now_ns)
        if self._recycle.due() and self._settings.enable_recycling:
            self.recycler.look(now_ns)
        if self._has_unplaced:
            self._place(now_ns)
        self._look_after(now_ns)

    # --- markets come ---

    def _add(self, markets: Iterable[ListedMarket], now_ns: int) -> None:
        for market in markets:
            known = self._registry.get(market.condition_id)
            if known is not None and known.status is Status.EXPIRED and self._lives_again(known, market):
                self._remove(known)
            elif known is not None:
                continue
            if market.end_ms <= self._clock.wall_ms():
                continue
            if self._registry.active >= self._settings.max_markets or not self._registry.add(market, now_ns):
                self.refused += 1
                continue
            self.added += 1
            self._has_unplaced = True
            self._call(self._callbacks.on_new, market)

    def _lives_again(self, known: Entry, market: ListedMarket) -> bool:
        """Its end was put off, or it was only missing from the listing. What the stream called resolved stays ended."""
        return market.end_ms > max(known.market.end_ms, self._clock.wall_ms()) or market.condition_id in self._unlisted

    def _place(self, now_ns: int) -> None:
        pending = [entry for one in self._registry.with_status(Status.PENDING)
                   if (entry := self._registry.get(one)) is not None and entry.connection is None]
        if not pending:
            self._has_unplaced = False
            return
        waited = now_ns - pending[0].since_ns >= self._settings.pending_wait_ms * 1_000_000
        rooms = [Room(handle.number, self.load(handle.number)) for handle in self._connections.all()
                 if not self.recycler.is_busy(handle.number)]
        plan = place([entry.market.condition_id for entry in pending], rooms, target=self._settings.target_assets,
                     most=self._settings.max_assets, waited=waited)
        for connection, markets in plan.into.items():
            rows = self._assign(markets, connection)
            if (handle := self._connections.get(connection)) is not None:
                handle.order_carry(rows)
        for markets in plan.fresh:
            number = self._connections.reserve()
            self._connections.open(number, self._assign(markets, number))
        self._has_unplaced = bool(plan.waiting)

    def load(self, connection: int) -> int:
        """Tokens on that connection, ended ones included."""
        return 2 * len(self._registry.on_connection(connection))

    def _assign(self, markets: Iterable[str], connection: int) -> list[Row]:
        rows = []
        for condition_id in markets:
            self._registry.place(condition_id, connection)
            entry = self._registry.get(condition_id)
            assert entry is not None
            worker = self._workers.worker_of(entry.group)
            self._workers.tell(worker, assignment(entry, connection, entry.market.tokens))
            rows.append(Row(worker, entry.market.tokens))
        return rows

    def _owned(self, connection: int, token: str, now_ns: int) -> None:
        self.recycler.owned(connection, token)
        entry = self._registry.by_token(token)
        if entry is None or entry.status is not Status.PENDING or entry.connection != connection:
            return
        condition_id = entry.market.condition_id
        proved = self._proved.setdefault(condition_id, set())
        proved.add(token)
        if len(proved) == len(entry.market.tokens):
            del self._proved[condition_id]
            self._registry.prove(condition_id, now_ns)

    # --- markets go ---

    def _end_overdue(self) -> None:
        wall_ms = self._clock.wall_ms()
        for entry in self._registry.entries():
            if entry.status is not Status.EXPIRED and entry.market.end_ms <= wall_ms:
                self._end(entry.market.condition_id)

    def _end_missing(self, seen: frozenset[str], began_ns: int) -> None:
        """Closed early, or no longer what the filters ask for."""
        watched = [entry.market.condition_id for entry in self._registry.entries()
                   if entry.status is not Status.EXPIRED and entry.since_ns < began_ns]
        missing = [condition_id for condition_id in watched if condition_id not in seen]
        if len(missing) > max(FEW, len(watched) // 2):
            self.doubted_listings += 1
            log.warning("a listing misses %d of %d markets that are watched; none is ended for that", len(missing), len(watched))
            return
        self._missing = {condition_id: self._missing.get(condition_id, 0) + 1 for condition_id in missing}
        for condition_id in [one for one, times in self._missing.items() if times >= MISSING_SCANS]:
            self._end(condition_id)
            self._unlisted.add(condition_id)

    def _end(self, condition_id: str) -> None:
        """It stays on its connection for the grace period: late frames are still wanted, and it counts as pollution."""
        entry = self._registry.get(condition_id)
        if entry is None or not self._registry.expire(condition_id, self._clock.monotonic_ns()):
            return
        self.expired += 1
        self._proved.pop(condition_id, None)
        self._missing.pop(condition_id, None)
        if entry.connection is not None and (handle := self._connections.get(entry.connection)) is not None:
            handle.order_retire(entry.market.tokens)
        self.recycler.ended(entry.market.tokens)
        self._call(self._callbacks.on_expired, entry.market)

    def _remove_expired(self, now_ns: int) -> None:
        for condition_id in self._registry.with_status(Status.EXPIRED):
            entry = self._registry.get(condition_id)
            if entry is not None and now_ns - entry.since_ns >= self._settings.grace_s * 1e9:
                self._remove(entry)
        for handle in self._connections.all():
            if not self.load(handle.number) and not self.recycler.is_busy(handle.number):
                self._connections.close(handle.number)

    def _remove(self, entry: Entry) -> None:
        """A listing may bring it back."""
        self.removed += 1
        self._unlisted.discard(entry.market.condition_id)
        self._registry.remove(entry.market.condition_id)
        if entry.connection is not None and (handle := self._connections.get(entry.connection)) is not None:
            handle.order_leave(entry.market.tokens)
        self._workers.tell(self._workers.worker_of(entry.group), {"do": "drop", "tokens": list(entry.market.tokens)})

    # --- repairs ---

    def _refetch(self, pairs: Iterable[tuple[int, str]]) -> None:
        """Not of what has ended: the venue may have no book of it any more."""
        for connection, token in pairs:
            entry = self._registry.by_token(token)
            if entry is None or entry.status is Status.EXPIRED:
                continue
            if (handle := self._connections.get(connection)) is not None:
                handle.order_refetch((token,))

    def _refill(self, worker: int) -> None:
        """It knows nothing: it is told who owns what, and then every connection fetches its share anew."""
        for entry in self._registry.entries():
            if entry.status is Status.EXPIRED or entry.connection is None or self._workers.worker_of(entry.group) != worker:
                continue
            for token in entry.market.tokens:
                owner = self.recycler.owner_of(entry, token)
                assert owner is not None
                self._workers.tell(worker, assignment(entry, owner, (token,)))
                if (heir := self.recycler.heir_of(token)) is not None:
                    self._workers.tell(worker, {"do": "move", "conn": heir, "tokens": [token]})
        for handle in self._connections.all():
            handle.order_refill(worker)

    def _recycle_now(self, connection: int | None, now_ns: int) -> None:
        free = [handle for handle in self._connections.all() if not self.recycler.is_busy(handle.number)
                and connection in (None, handle.number)]
        if free:
            self.recycler.begin(min(free, key=lambda handle: handle.started_ns), "0: asked for", now_ns)

    def _call(self, callbacks: Iterable[OnMarket], market: ListedMarket) -> None:
        for callback in callbacks:
            try:
                callback(market)
            except Exception:
                log.exception("a callback failed for %s; the fleet goes on", market.slug)
