"""Cycles into a file, a group at a time, and from one file into the next. Owner: the journal's thread.

`prepare` cannot fail and `commit` can be repeated, so that what a full disk held up is written when there is room again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from trader.journal.codec import LAYOUT, encode, encode_cycle
from trader.journal.folder import JournalFolder
from trader.journal.rows import Projection, Statement
from trader.journal.schema import open_to_write
from trader.model.cycle import Cycle, Now
from trader.model.recall import Recalled

_MAX_INT = 2**63 - 1
_DAY_MS = 86_400_000


class Run(NamedTuple):
    """What a run is, as the journal keeps it. `setup` is what a replay needs besides the cycles (ops/replay.py)."""

    run_id: str
    mode: str
    version: str
    account: str                 # the wallet's address
    config_digest: str
    setup: str
    recalled: Recalled


class Group(NamedTuple):
    """Some cycles, ready to be written in one transaction."""

    statements: list[Statement]
    placed_seq: int


_CYCLE = "INSERT INTO cycles (stream, number, wall_ms, mono_ns, packed) VALUES (?, ?, ?, ?, ?)"
_RUN = """INSERT INTO runs (run_id, mode, version, account, config_digest, layout, started_ms, started_ns, setup, recalled)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ENDED = "UPDATE runs SET ended_ms = ?, ended_ns = ?, end_reason = ? WHERE run_id = ?"

# What a new file takes over from the one before, so that the newest file alone answers a start.
_CARRIED = (
    "INSERT INTO runs SELECT * FROM old.runs WHERE run_id = :run_id",
    """INSERT INTO windows SELECT * FROM old.windows
       WHERE coalesce(resolved_ms, close_ms) >= :day_ms OR (winning_token IS NULL AND close_ms >= :day_ms - 2 * :a_day_ms)""",
    """INSERT INTO orders SELECT * FROM old.orders
       WHERE order_id IN (SELECT order_id FROM old.open_specs) AND condition_id IN (SELECT condition_id FROM windows)""",
    "INSERT INTO open_specs SELECT * FROM old.open_specs WHERE order_id IN (SELECT order_id FROM orders)",
    "INSERT INTO fills SELECT * FROM old.fills WHERE traded_ms >= :day_ms OR condition_id IN (SELECT condition_id FROM windows)",
    "INSERT INTO guards SELECT * FROM old.guards WHERE run_id = :run_id AND left_ms IS NULL",
    "INSERT INTO days SELECT * FROM old.days WHERE day >= :day_ms / :a_day_ms",
    "INSERT INTO latches SELECT * FROM old.latches WHERE cleared_ms IS NULL",
    "INSERT INTO modes SELECT * FROM old.modes WHERE run_id = :run_id ORDER BY rowid DESC LIMIT 1",
)


class Journal:
    """One run's writer."""

    def __init__(self, folder: JournalFolder, run: Run, *, fresh: bool, max_bytes: int, keep: int) -> None:
        """Opens the newest file, or begins one. `fresh`: always begins one. Raises JournalError."""
        self._folder, self._run, self._max_bytes, self._keep = folder, run, max_bytes, keep
        files = folder.files()
        self.path = folder.next_file() if fresh or not files else files[-1]
        self._db = open_to_write(self.path)
        folder.prune(keep)
        self._projection = Projection(run.run_id, run.recalled.latches, run.recalled.forgiven_micro)
        self._packer = _packer()
        self._stream = self._number = 0
        self._head: list[Statement] = []     # of the next group: names the stream that begins with it

    def begin(self, now: Now) -> None:
        run = self._run
        self._commit([Statement(_RUN, (
            run.run_id, run.mode, run.version, run.account, run.config_digest, LAYOUT, now.ms, now.ns, run.setup,
            encode(run.recalled).decode()))])
        self._begin_stream()

    def end(self, now: Now, reason: str) -> None:
        """Leaves one file without a log beside it."""
        self._commit([Statement(_ENDED, (now.ms, now.ns, reason, self._run.run_id))])
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._db.close()

    def prepare(self, cycles: Sequence[Cycle]) -> Group:
        """Every cycle must come here once, in order: the packing of one builds on those before it."""
        statements, self._head = self._head, []
        for cycle in cycles:
            self._number += 1
            statements.append(Statement(_CYCLE, (self._stream, self._number, cycle.now.ms, cycle.now.ns, self._pack(cycle))))
            statements.extend(self._projection.rows(cycle))
        statements.extend(self._projection.marks(cycles[-1]))
        return Group(statements, max(cycle.placed_seq for cycle in cycles))

    def commit(self, groups: Iterable[Group]) -> None:
        """All or nothing. Raises sqlite3.Error; the same groups may be given again."""
        self._commit([statement for group in groups for statement in group.statements])

    def checkpoint(self) -> None:
        """Brings to the disk itself what was committed: from here on a power cut cannot take it."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def is_full(self) -> bool:
        return self.path.stat().st_size >= self._max_bytes

    def rotate(self, now: Now) -> None:
        """Begins the next file with what is still open. Between two groups only. The new file appears whole or not at all."""
        path = self._folder.next_file()
        made = path.with_suffix(".new")
        made.unlink(missing_ok=True)
        with closing(open_to_write(made)) as db:
            db.execute("PRAGMA journal_mode = DELETE")           # one file, which can be renamed
            _carry_over(db, self.path, self._run.run_id, now.ms)
        os.rename(made, path)
        try:
            successor = open_to_write(path)
        except BaseException:
            path.unlink()                        # as long as this run writes to the old file, that one must be the newest
            raise
        with closing(self._db):
            self._db, self.path = successor, path
        self._begin_stream()
        self._folder.prune(self._keep)

    def _begin_stream(self) -> None:
        """A file can be read without the ones before it, so the packing starts anew."""
        (last,) = self._db.execute("SELECT coalesce(max(stream), 0) FROM streams").fetchone()
        self._stream, self._packer = last + 1, _packer()
        self._head = [Statement("INSERT INTO streams VALUES (?, ?)", (self._stream, self._run.run_id))]

    def _pack(self, cycle: Cycle) -> bytes:
        """A block of one zstd stream, complete in itself as soon as those before it are there. Ids are 66 to 78 characters and
        come again and again: packed one by one the cycles would take several times as much."""
        packed: bytes = self._packer.compress(encode_cycle(cycle)) + self._packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        return packed

    def _commit(self, statements: Sequence[Statement]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for sql, values in statements:
                _execute(self._db, sql, values)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:              # a full disk may have rolled back already
                self._db.execute("ROLLBACK")
            raise


def _packer() -> Any:
    return zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters.from_level(1, window_log=20)).compressobj()


def _carry_over(db: sqlite3.Connection, old: Path, run_id: str, now_ms: int) -> None:
    db.execute("ATTACH ? AS old", (str(old),))
    values = {"run_id": run_id, "day_ms": now_ms // _DAY_MS * _DAY_MS, "a_day_ms": _DAY_MS}
    db.execute("BEGIN")
    for sql in _CARRIED:
        db.execute(sql, values)
    db.execute("COMMIT")
    db.execute("DETACH old")


def _execute(db: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> None:
    """What SQLite cannot hold is cut to what it can: the packed cycle has the exact value."""
    try:
        db.execute(sql, values)
    except (OverflowError, UnicodeEncodeError):
        db.execute(sql, tuple(map(_storable, values)))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return max(-_MAX_INT, min(value, _MAX_INT)) if isinstance(value, int) else value
