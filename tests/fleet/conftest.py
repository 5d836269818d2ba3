"""A fleet without threads, sockets and processes: the real keeper, recycler, registry and books; fakes at the two borders."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from trader.fleet.books import FleetBooks
from trader.fleet.connection import Row
from trader.fleet.keeper import Callbacks, Keeper
from trader.fleet.letters import Discovered, LineLost, Owned, WorkerBorn
from trader.fleet.registry import Registry, Status
from trader.fleet.settings import FleetSettings
from trader.model.units import MoneyMicro, PriceBp, SizeMicro
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import BookDump, ListedMarket

FAR_MS = 10**15


def listed(number: int, end_ms: int = FAR_MS) -> ListedMarket:
    return ListedMarket(f"0x{number:04x}", (f"{number}1", f"{number}2"), PriceBp(100), end_ms, f"slug-{number}", "", (), MoneyMicro(0))


class FakeConnection:
    """`owed` are tokens whose snapshot the venue has still to send; nothing is owed on a line that is down."""

    def __init__(self, number: int, rows: Iterable[Row], now_ns: int) -> None:
        self.number, self.started_ns = number, now_ns
        self.down_since_ns: int | None = now_ns
        self.carried: set[str] = {token for row in rows for token in row.tokens}
        self.retired: set[str] = set()
        self.owed: set[str] = set()

    @property
    def is_up(self) -> bool:
        return self.down_since_ns is None

    def order_carry(self, rows: Sequence[Row]) -> None:
        self.carried |= {token for row in rows for token in row.tokens}
        self.order_refetch([token for row in rows for token in row.tokens])

    def order_leave(self, tokens: Sequence[str]) -> None:
        self.carried -= set(tokens)
        self.owed -= set(tokens)

    def order_retire(self, tokens: Sequence[str]) -> None:
        self.retired |= set(tokens)

    def order_refetch(self, tokens: Sequence[str]) -> None:
        if self.is_up:
            self.owed |= set(tokens) & self.carried

    def order_refill(self, worker: int) -> None:
        self.order_refetch(tuple(self.carried))      # more than needed: the fake knows no workers


class FakeConnections:
    def __init__(self, clock: ManualClock) -> None:
        self._clock, self._count = clock, 0
        self.live: dict[int, FakeConnection] = {}

    def reserve(self) -> int:
        self._count += 1
        return self._count

    def open(self, number: int, rows: Sequence[Row]) -> None:
        self.live[number] = FakeConnection(number, rows, self._clock.monotonic_ns())

    def get(self, number: int) -> FakeConnection | None:
        return self.live.get(number)

    def all(self) -> tuple[FakeConnection, ...]:
        return tuple(self.live.values())

    def close(self, number: int) -> None:
        del self.live[number]


class FakeWorkers:
    """Real books behind the words, in two workers."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.books = [self._fresh(), self._fresh()]

    def _fresh(self) -> FleetBooks:
        return FleetBooks(lambda frame: [_dump(frame.decode(), self._clock.wall_ms())])

    def worker_of(self, condition_id: str) -> int:
        return zlib.crc32(condition_id.encode()) % 2

    def tell(self, worker: int, word: dict[str, Any]) -> None:
        books, now_ns = self.books[worker], self._clock.monotonic_ns()
        match word["do"]:
            case "assign":
                books.assign(word["conn"], word["assets"], now_ns)
            case "move":
                books.move(word["conn"], word["tokens"], now_ns)
            case "abort":
                books.abort(word["tokens"])
            case "drop":
                books.drop(word["tokens"])

    def die(self, worker: int) -> None:
        self.books[worker] = self._fresh()

    def owner(self, token: str) -> int | None:
        return next((owners[token] for books in self.books if token in (owners := books.owners())), None)

    def is_whole(self, token: str) -> bool:
        return any((book := books.book(token)) is not None and book.is_whole for books in self.books)


def _dump(token: str, wall_ms: int) -> BookDump:
    return BookDump(token, ((PriceBp(4000), SizeMicro(1)),), ((PriceBp(6000), SizeMicro(1)),), PriceBp(100), wall_ms, "h")


class Stage:
    """What a test does to the fleet. Every method leaves all letters handled."""

    def __init__(self, **options: Any) -> None:
        chosen: dict[str, Any] = {"target_assets": 8, "max_assets": 12, "num_workers": 2} | options
        self.settings, self.clock = FleetSettings(**chosen), ManualClock()
        self.registry, self.connections = Registry(), FakeConnections(self.clock)
        self.workers = FakeWorkers(self.clock)
        self.born: list[str] = []
        self.gone: list[str] = []
        self.lost: set[int] = set()              # connections that have lost a line
        callbacks = Callbacks((lambda market: self.born.append(market.slug),), (lambda market: self.gone.append(market.slug),))
        self.keeper = Keeper(self.settings, self.registry, self.connections, self.workers, self.clock, callbacks=callbacks)

    @property
    def recycler(self):
        return self.keeper.recycler

    def discover(self, *numbers: int, end_ms: int = FAR_MS) -> None:
        self.keeper.take(Discovered(tuple(listed(number, end_ms) for number in numbers)))
        self.keeper.run_deadlines()

    def pass_time(self, ms: int) -> None:
        self.clock.advance(ms=ms)
        self.keeper.run_deadlines()

    def up(self, number: int) -> None:
        connection = self.connections.live[number]
        connection.down_since_ns = None
        connection.owed = set(connection.carried)

    def down(self, number: int) -> None:
        connection = self.connections.live[number]
        self.lost.add(number)
        connection.down_since_ns, connection.owed = self.clock.monotonic_ns(), set()
        for books in self.workers.books:
            books.lost(number, self.clock.monotonic_ns())
        self.keeper.take(LineLost(number))

    def deliver(self, number: int, token: str) -> None:
        self.connections.live[number].owed.discard(token)
        for worker, books in enumerate(self.workers.books):
            if token in books.owners():
                books.apply(number, [token.encode()], self.clock.monotonic_ns())
                if owned := self.workers.books[worker].take_owned():
                    self.keeper.take(Owned(tuple(owned)))

    def deliver_all(self) -> None:
        while owed := [(one.number, token) for one in self.connections.all() for token in sorted(one.owed)]:
            self.deliver(*owed[0])

    def kill_worker(self, worker: int) -> None:
        self.workers.die(worker)
        self.keeper.take(WorkerBorn(worker))

    def settle(self) -> None:
        """Everything comes up and everything that is owed is delivered."""
        self.keeper.run_deadlines()
        for connection in self.connections.all():
            if not connection.is_up:
                self.up(connection.number)
        self.deliver_all()

    def active(self):
        return [entry for entry in self.registry.entries() if entry.status is not Status.EXPIRED]

    def check(self) -> None:
        """Each token of a market that has not ended has one owner: a live connection that carries it."""
        for entry in self.active():
            for token in entry.market.tokens:
                owner = self.workers.owner(token)
                assert (owner is None) == (entry.connection is None), entry
                if owner is not None:
                    assert owner in self.connections.live and token in self.connections.live[owner].carried, (entry, owner)
                    assert owner == self.recycler.owner_of(entry, token), (entry, owner)


@pytest.fixture
def make_stage():
    return Stage
