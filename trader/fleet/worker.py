"""A worker: one process that keeps the books of its share of the markets. `python -m trader.fleet.worker FD`.

One thread works; it parks in `poll` on the socket to the fleet. Fed with parcels (frames and words) by the fleet; answers with words.
It ignores SIGINT, because a terminal's Ctrl-C is the fleet's business, and ends when told to or when the socket closes. A second one,
`fl-alone`, does nothing but end the process when the fleet is gone and a handler does not return.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import resource
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from trader.errors import RoleFailed, TraderError
from trader.fleet.books import FleetBooks
from trader.fleet.handler import Handler, WatchedMarket, handler_named
from trader.fleet.parcels import Frames, Parcel, Unpacker, Word, pack_word
from trader.fleet.worker_pipe import READ_BYTES, Pipe
from trader.fleet.worker_process import DUMP_SIGNAL
from trader.runtime.clock import Clock, SystemClock
from trader.runtime.latency import LatencyWindow
from trader.runtime.role import name_native_thread
from trader.venues.polymarket.market_stream import PolymarketMarketStream

log = logging.getLogger(__name__)

MOST_READS = 8                       # of one cycle: deadlines and reports must not wait for the end of a flood
ASK_AGAIN_EVERY_NS = 1_000_000_000
PARK_MS = 250
ALONE_S = 10.0                       # a handler may go on this long after the fleet is gone


class Worker:
    """Stepped without a process in tests: `take` parcels, then `end_cycle`; `say` is what goes back."""

    def __init__(self, books: FleetBooks, handler: Handler, say: Callable[[Word], None], clock: Clock, heartbeat_ns: int) -> None:
        self._books, self._handler, self._say, self._clock, self._heartbeat_ns = books, handler, say, clock, heartbeat_ns
        self._latency = LatencyWindow()          # frame left the socket → book updated, once a batch
        self._beat_ns = self._asked_ns = clock.monotonic_ns()
        self._handler_errors = 0
        self._told: set[str] = set()             # markets that the handler knows
        self.is_stopping = False
        self._orders: dict[str, Callable[[Word, int], None]] = {
            "assign": self._assign,
            "move": lambda word, now_ns: books.move(word["conn"], word["tokens"], now_ns),
            "abort": lambda word, now_ns: books.abort(word["tokens"]),
            "drop": lambda word, now_ns: self._drop(word["tokens"]),
            "lost": lambda word, now_ns: books.lost(word["conn"], now_ns),
            "forget": lambda word, now_ns: books.forget(word["conn"], word["tokens"], now_ns),
            "book": lambda word, now_ns: self._tell_book(word),
            "beat": lambda word, now_ns: self._beat(now_ns),
            "stop": lambda word, now_ns: self._stop(),
        }

    def take(self, parcel: Parcel) -> None:
        if isinstance(parcel, Frames):
            self._books.apply(parcel.connection, parcel.payloads, parcel.received_ns)
            self._latency.add(self._clock.monotonic_ns() - parcel.received_ns)
            self._tell_handler(parcel.received_ns)
        else:
            self._orders[parcel["do"]](parcel, self._clock.monotonic_ns())

    def end_cycle(self) -> None:
        """Everything that has arrived is applied."""
        now_ns = self._clock.monotonic_ns()
        self._books.expire_bursts(now_ns)
        if now_ns - self._asked_ns >= ASK_AGAIN_EVERY_NS:
            self._asked_ns = now_ns
            self._books.ask_again(now_ns)
        self._report()
        if self.is_beat_due:
            self._beat(now_ns)

    @property
    def is_beat_due(self) -> bool:
        return self._clock.monotonic_ns() - self._beat_ns >= self._heartbeat_ns

    def beat(self) -> None:
        """In the middle of a cycle: with a slow handler its end is far, and silence would pass for a hang."""
        self._report()
        self._beat(self._clock.monotonic_ns())

    def _report(self) -> None:
        if owned := self._books.take_owned():
            self._say({"owned": owned})
        if doubted := self._books.take_doubted():
            self._say({"doubted": doubted})

    def park_ms(self) -> int:
        now_ns = self._clock.monotonic_ns()
        until = [self._beat_ns + self._heartbeat_ns]
        if (burst_ns := self._books.deadline_ns()) is not None:
            until.append(burst_ns)
        return min(PARK_MS, max(0, -((now_ns - min(until)) // 1_000_000)))

    def _tell_handler(self, received_ns: int) -> None:
        """A handler that fails must not take the books with it."""
        try:
            for condition_id, trade in self._books.take_trades():
                self._handler.on_trade(condition_id, trade)
            for asset in self._books.take_touched():
                self._handler.on_book(asset.condition_id, asset.book, received_ns)
            if actions := self._handler.take_actions():
                self._say({"actions": actions})
        except Exception:
            self._handler_failed()

    def _assign(self, word: Word, now_ns: int) -> None:
        self._books.assign(word["conn"], word["assets"], now_ns)
        condition_id, tokens, *names = word["market"]
        if condition_id in self._told:
            return
        self._told.add(condition_id)
        try:
            self._handler.on_market(WatchedMarket(condition_id, (tokens[0], tokens[1]), *names))
        except Exception:
            self._handler_failed()

    def _drop(self, tokens: list[str]) -> None:
        for condition_id in self._books.drop(tokens):
            self._told.discard(condition_id)
            try:
                self._handler.on_gone(condition_id)
            except Exception:
                self._handler_failed()

    def _handler_failed(self) -> None:
        self._handler_errors += 1
        if self._handler_errors in (1, 10, 100) or self._handler_errors % 1000 == 0:
            log.exception("the handler failed (%d so far); the books go on", self._handler_errors)

    def _beat(self, now_ns: int) -> None:
        self._beat_ns = now_ns
        self._say({"beat": {**self._books.counts(), "handler_errors": self._handler_errors, "rss_kb": _resident_kb(),
                            "latency": self._latency.summary()}})

    def _tell_book(self, word: Word) -> None:
        book = self._books.book(word["token"])
        bids, asks = ([], []) if book is None else book.levels()
        whole = book is not None and book.is_whole
        self._say({"book": {
            "asked": word["asked"], "token": word["token"], "is_whole": whole, "venue_ms": 0 if book is None else book.venue_ms,
            "bids": [(*level,) for level in bids], "asks": [(*level,) for level in asks],        # plain tuples: only those are JSON
        }})

    def _stop(self) -> None:
        self.is_stopping = True


def serve(pipe: Pipe, worker: Worker) -> None:
    """Until told to stop, or the fleet is gone."""
    unpacker = Unpacker()
    while not worker.is_stopping:
        pipe.wait(worker.park_ms())
        for _ in range(MOST_READS):
            data = pipe.read()
            if data is None:
                return
            if not data:
                break
            for parcel in unpacker.feed(data):
                worker.take(parcel)
                if worker.is_beat_due:
                    worker.beat()
                    pipe.flush()
            if len(data) < READ_BYTES:           # the socket is empty; what comes meanwhile ends the next wait
                break
        worker.end_cycle()
        pipe.flush()


def end_alone(end: socket.socket, within_s: float, leave: Callable[[int], object]) -> None:
    """Body of `fl-alone`: parks until the fleet closes its end. Whoever still runs then hangs in a handler, and would stay for ever."""
    poll = select.poll()
    poll.register(end, 0)                        # nothing but its end
    poll.poll()
    threading.Event().wait(within_s)
    log.error("the fleet is gone, and the handler has not returned within %g s: this worker ends where it stands", within_s)
    faulthandler.dump_traceback()
    leave(RoleFailed.exit_code)


def main(argv: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)            # a line to the terminal must not stop it
    faulthandler.register(DUMP_SIGNAL)           # also while a handler holds the interpreter
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-8s %(processName)s %(message)s")
    end = socket.socket(fileno=int(argv[0]))
    number, factory, heartbeat_ns = int(argv[1]), argv[2], int(argv[3])
    name_native_thread(f"fl-worker-{number}")
    gc.set_threshold(100_000, 50, 100)           # hardly a cycle is made here, and a collection walks over every book
    threading.Thread(target=end_alone, args=(end.dup(), ALONE_S, os._exit), name="fl-alone", daemon=True).start()
    pipe = Pipe(end)
    try:
        handler = handler_named(factory, number)
        worker = Worker(FleetBooks(PolymarketMarketStream("ws://fleet").decode), handler, pipe.say, SystemClock(), heartbeat_ns)
    except TraderError as failed:
        _say_failed(end, failed)
        return failed.exit_code
    pipe.say({"ready": os.getpid()})
    pipe.flush()
    serve(pipe, worker)
    return 0


def _say_failed(end: socket.socket, failed: TraderError) -> None:
    end.setblocking(True)
    with contextlib.suppress(OSError):               # another worker has said it first, and the fleet is gone
        end.sendall(pack_word({"failed": failed.problem, "remedy": failed.remedy, "exit_code": failed.exit_code}))


def _resident_kb() -> int:
    """What the process holds now; where the system does not say, what it ever held."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
    except OSError:
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    arguments: list[Any] = sys.argv[1:]
    sys.exit(main(arguments))
