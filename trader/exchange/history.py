"""Survives a kill: every command reaches the state file before its answer, and snapshots keep the file small.

`record` is called under the venue's lock (or the key ring's) on whichever thread changes something. `compact_if_long` runs on
`market-life`; it takes the moment under the lock and writes it on a thread of its own, `state-write`, so that nobody waits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from trader.errors import ConfigError
from trader.exchange.memory import Capture, Memory, apply, capture
from trader.exchange.state_file import Row, StateFile, unusable

log = logging.getLogger(__name__)

LONG_LOG_BYTES = 8 * 2**20      # about a quarter of an hour of the bots; replayed in about a second


class Identity(NamedTuple):
    """What makes it the same exchange: fixed by the first start with a file, demanded by every later one."""

    origin_ms: int
    seed: int
    speed: float
    protocol: str
    settle_ms: int
    taker_delay_ms: int = 0


class History:
    """Between the living exchange and its file. Without a file `history` is simply not there, and nothing is recorded."""

    def __init__(self, path: Path, wanted: Identity, on_broken: Callable[[], None], *, long_log_bytes: int = LONG_LOG_BYTES) -> None:
        """`identity` is the file's if there is one; it must fit what is wanted, but for the origin, which is the file's."""
        self._file, self._path, self._long_log_bytes = StateFile(path), path, long_log_bytes
        self._on_broken = on_broken
        self._past: Iterator[Row] = iter(())
        self._life: Row | None = None
        self._writer: threading.Thread | None = None
        self.identity = wanted
        if self._file.exists():
            self._past = self._file.read()
            self.identity = self._checked(next(self._past), wanted)

    def _checked(self, head: Row, wanted: Identity) -> Identity:
        found = Identity(*head)
        for name, was, must in zip(Identity._fields[1:], wanted[1:], found[1:], strict=True):
            if was != must:
                flag = name.replace("_", "-")
                raise ConfigError(f"--state {self._path}: belongs to an exchange with --{flag} {must}, was started with {was}.",
                                  remedy=f"Start with --{flag} {must}, or name another file.")
        return found

    def replay(self, memory: Memory) -> Row | None:
        """Brings the memory back; returns the market life's state, None on the first start."""
        for number, row in enumerate(self._past, 2):
            try:
                if row[0] == "life":
                    self._life = row[1:]
                else:
                    apply(memory, row)
            except Exception as failed:
                raise unusable(self._path, f"row {number} ({row[:1]}) cannot be applied: {failed!r}") from failed
        if not memory.engine.conserved():
            raise unusable(self._path, "money would not be conserved after it")
        return self._life

    def begin(self, memory: Memory, life: Row) -> None:
        """Before anybody can connect: everything so far becomes the snapshot, and recording starts."""
        self._write(self._file.begin_log(), life, capture(memory))

    def record(self, *row: Any) -> None:
        """Before `begin` nothing is lost: the first snapshot has it. A disk that is full ends the exchange: it may not forget."""
        if not self._file.is_recording:
            return
        try:
            self._file.append(list(row))
        except OSError as failed:
            log.critical("--state %s cannot be written: %s. Make room and start again.", self._path, failed.strerror)
            self._on_broken()
            raise

    def compact_if_long(self, memory: Memory, life: Callable[[], Row], locked: Callable[[], AbstractContextManager[object]]) -> None:
        """A snapshot in place of a log that has grown long."""
        if self._file.log_bytes < self._long_log_bytes or (self._writer and self._writer.is_alive()):
            return
        with locked():
            number, moment = self._file.begin_log(), capture(memory)
        self._writer = threading.Thread(target=self._write, args=(number, life(), moment), name="state-write", daemon=True)
        self._writer.start()

    def _write(self, number: int, life: Row, moment: Capture) -> None:
        def rows() -> Iterator[Row]:
            yield from moment.rows()
            yield ["life", *life]
        self._file.write(number, list(self.identity), rows())

    def close(self) -> None:
        if self._writer:
            self._writer.join(timeout=5)
        self._file.close()
