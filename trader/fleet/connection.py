"""One pooled connection: up to 500 tokens of the market channel → frames, routed to the workers. The role `pm-fleet-N`.

Thread: its own; it parks in `poll` on its socket and its orders. Fed by the venue, and by the keeper through the `order…` methods. A
quiet market is not a dead connection: one that has been quiet for long is asked for a book, and only silence then is an end.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from trader.errors import ConnectionLost, WireError
from trader.feeds.connection import Connection, ProbePlan
from trader.feeds.line import Connect, Wait, lost, open_line, wait_readable
from trader.feeds.unreadable import UnreadableFrames
from trader.fleet.letters import Letter, LineLost, Resolved
from trader.fleet.links import WorkerLink
from trader.fleet.router import Router
from trader.model.record import NOT_RECORDED, Recorder
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import Posture
from trader.venues.contract import MarketBorn, PoolStream

log = logging.getLogger(__name__)

NAMED = "pm-fleet-"                  # and its number: the thread, and the connection in a recording
PROBE_IDLE_MS, PROBE_GAP_MS, KEEPALIVE_MS, LOST_MS = 2_000, 1_000, 5_000, 8_000
ANSWER_NS = 5_000_000_000            # a book that was asked for comes within this, or the stream is frozen
CROWDED_NS = 20_000_000              # how soon to look again whether a worker has room


class Row(NamedTuple):
    """One market as a connection must know it."""

    worker: int
    tokens: tuple[str, str]


class _Order(StrEnum):
    CARRY = "carry"
    LEAVE = "leave"
    RETIRE = "retire"
    REFETCH = "refetch"
    REFILL = "refill"


class PoolConnection:
    """`down_since_ns` is None while the line is up. Everything the keeper reads is a single store of this thread."""

    def __init__(self, number: int, stream: PoolStream, links: Sequence[WorkerLink], letters: Callable[[Letter], None],
                 on_born: Callable[[str], None], clock: Clock, *, rows: Iterable[Row], backoff: Backoff, quiet_s: float,
                 connect: Connect = open_line, wait: Wait = wait_readable, recorder: Recorder = NOT_RECORDED) -> None:
        self.number, self.name = number, f"{NAMED}{number}"
        self._stream, self._letters, self._on_born, self._clock = stream, letters, on_born, clock
        self.posture = Posture(clock)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self.router = Router(number, stream, links, clock)
        self._active: dict[str, None] = {}           # of these a book may be asked for: their market has not ended
        for row in rows:
            self._add(row)
        plan = ProbePlan(stream.ping, PROBE_IDLE_MS, PROBE_GAP_MS, KEEPALIVE_MS, LOST_MS)
        self._connection = Connection(self.name, stream.url, plan, backoff, clock, self.posture, wake=self._wake_out, connect=connect,
                                      wait=wait, recorder=recorder)
        self._unreadable = UnreadableFrames(self.name)
        self._is_woken = False
        self._orders: deque[tuple[_Order, Any]] = deque()
        self._quiet_ns = int(quiet_s * 1e9)
        self._data_ns = 0
        self._asked_ns: int | None = None            # when a quiet connection was asked for a book
        self.started_ns = clock.monotonic_ns()
        self.down_since_ns: int | None = self.started_ns
        self.freezes = 0

    # --- the keeper's thread ---

    def order_carry(self, rows: Sequence[Row]) -> None:
        self._order(_Order.CARRY, rows)

    def order_leave(self, tokens: Sequence[str]) -> None:
        self._order(_Order.LEAVE, tokens)

    def order_retire(self, tokens: Sequence[str]) -> None:
        """Their market has ended: nothing is expected of them any more."""
        self._order(_Order.RETIRE, tokens)

    def order_refetch(self, tokens: Sequence[str]) -> None:
        self._order(_Order.REFETCH, tokens)

    def order_refill(self, worker: int) -> None:
        """That worker was started again: everything of it is fetched anew."""
        self._order(_Order.REFILL, worker)

    def wake(self) -> None:
        with contextlib.suppress(OSError):           # full: a wake-up waits already; closed: it has ended
            self._wake_in.send(b"\0")
        self._is_woken = True                        # after the byte: it must not be cleared while the byte is still to come

    def _order(self, order: _Order, what: Any) -> None:
        self._orders.append((order, what))           # visible first, then wake
        self.wake()

    # --- any thread ---

    @property
    def is_up(self) -> bool:
        return self.down_since_ns is None

    @property
    def frames(self) -> int:
        return self._connection.frames

    @property
    def opens(self) -> int:
        return self._connection.opens

    @property
    def unparsable(self) -> int:
        return self._unreadable.count

    # --- its own thread ---

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        try:
            self._take_orders()
            if self._connection.is_open:
                self._read()
            elif not self._active:
                self._connection.rest()              # a connection without a subscription would only be closed by the venue
            elif self._connection.reopen():
                self._begin()
        except ConnectionLost as end:
            self._end(end)

    def on_stop(self) -> None:
        self._connection.close()
        self._wake_in.close()
        self._wake_out.close()

    def _begin(self) -> None:
        self._connection.send(self._stream.hello(self.router.tokens))
        self._data_ns, self._asked_ns, self.down_since_ns = self._connection.opened_ns, None, None

    def _end(self, end: ConnectionLost) -> None:
        was_up = self.is_up
        self._connection.drop(end.problem)
        if was_up:
            self.down_since_ns = self._clock.monotonic_ns()
            self.router.line_lost()
            self._letters(LineLost(self.number))

    def _read(self) -> None:
        crowded = self._clock.monotonic_ns() + CROWDED_NS if self.router.dirty else None
        frames = self._connection.receive(crowded)
        now_ns = self._connection.received_ns
        if frames:
            self._route(frames, now_ns)
        if self.router.dirty and (tokens := self.router.take_refetch()):
            self._connection.send(self._stream.change(tokens, tokens))
        self._look_for_frost(now_ns)

    def _route(self, frames: Sequence[bytes], now_ns: int) -> None:
        routed = self.router.routed + self.router.dropped
        try:
            others = self.router.route(frames, now_ns)
        except WireError as error:                   # whose change it was nobody knows, so that every book is fetched anew
            self._unreadable.add(error, now_ns)
            self.router.doubt_all()
            return
        if self.router.routed + self.router.dropped != routed:
            self._data_ns, self._asked_ns = now_ns, None
            self._connection.saw_data()
        for frame in others:
            if frame != b"PONG":
                self._tell_news(frame)

    def _tell_news(self, frame: bytes) -> None:
        for news in self._stream.news(frame):
            if isinstance(news, MarketBorn):
                self._on_born(news.event_slug)
            else:
                self._letters(Resolved(news.condition_id))

    def _look_for_frost(self, now_ns: int) -> None:
        """A stream may be frozen although its PONG comes. A book that is asked for is proof either way."""
        if self._asked_ns is not None:
            if now_ns - self._asked_ns >= ANSWER_NS:
                self.freezes += 1
                raise lost("frozen: it answers, but a book that was asked for did not come")
        elif now_ns - self._data_ns >= self._quiet_ns and self._active:
            token = next(iter(self._active))
            del self._active[token]
            self._active[token] = None               # another one next time
            self._asked_ns = now_ns
            self._connection.send(self._stream.change([token], [token]))

    def _take_orders(self) -> None:
        if self._is_woken:                           # hardly ever: a system call a batch is worth the flag
            self._is_woken = False
            with contextlib.suppress(BlockingIOError):
                self._wake_out.recv(4096)            # drain before reading: an order put in between wakes again
        while self._orders:
            order, what = self._orders.popleft()
            match order:
                case _Order.CARRY:
                    self._carry(what)
                case _Order.LEAVE:
                    self._leave(what)
                case _Order.RETIRE:
                    for token in what:
                        self._active.pop(token, None)
                case _Order.REFETCH:
                    self.router.doubt(what)
                case _Order.REFILL:
                    self.router.doubt_worker(what)

    def _carry(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._add(row)
        if self._connection.is_open:
            self._connection.send(self._stream.change([token for row in rows for token in row.tokens], []))

    def _leave(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            self._active.pop(token, None)
        gone = self.router.leave(tokens)
        if gone and self._connection.is_open:
            self._connection.send(self._stream.change([], gone))

    def _add(self, row: Row) -> None:
        self.router.carry(row.worker, row.tokens)
        self._active.update(dict.fromkeys(row.tokens))
