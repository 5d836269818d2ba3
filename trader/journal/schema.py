"""The tables of a journal file, and how a file is opened. Writer: thread `journal`. Readers: anybody, each read-only.

Every time is there twice where it matters: `_ms` is wall time, `_ns` the monotonic time of the run. Prices and sizes are the
program's own integers (docs/journal.md has the columns).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trader.errors import JournalError

SCHEMA = 2
APPLICATION = 0x74726A6C         # "trjl": tells a journal from any other SQLite file
BUSY_S = 2.0                     # how long another program may hold a lock on the file before that counts as a failure
_CHECKPOINT_PAGES = 20_000       # 80 MB of log: the backstop, if the desk is never idle (store.py does it when it is)

_TABLES = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, mode TEXT, version TEXT, account TEXT, config_digest TEXT, layout TEXT,
    started_ms INTEGER, started_ns INTEGER, ended_ms INTEGER, ended_ns INTEGER, end_reason TEXT,
    setup TEXT, recalled TEXT);
CREATE TABLE streams (stream INTEGER PRIMARY KEY, run_id TEXT);
CREATE TABLE cycles (
    id INTEGER PRIMARY KEY, stream INTEGER, number INTEGER, wall_ms INTEGER, mono_ns INTEGER, packed BLOB);
CREATE TABLE orders (
    order_id TEXT PRIMARY KEY, run_id TEXT, condition_id TEXT, token_id TEXT, side TEXT, price_bp INTEGER, size_micro INTEGER,
    seq INTEGER, epoch INTEGER, placed_ms INTEGER, placed_ns INTEGER, state TEXT, why TEXT, changed_ms INTEGER, changed_ns INTEGER,
    matched_micro INTEGER DEFAULT 0);
CREATE INDEX orders_placed ON orders (placed_ms);
CREATE TABLE open_specs (order_id TEXT PRIMARY KEY, spec TEXT) WITHOUT ROWID;
CREATE TABLE fills (
    trade_id TEXT, order_id TEXT, run_id TEXT, condition_id TEXT, token_id TEXT, side TEXT, price_bp INTEGER, size_micro INTEGER,
    fee_micro INTEGER, status TEXT, phase INTEGER, venue_ms INTEGER, traded_ms INTEGER,
    heard_ms INTEGER, heard_ns INTEGER, changed_ms INTEGER, changed_ns INTEGER,
    PRIMARY KEY (trade_id, order_id));
CREATE INDEX fills_traded ON fills (traded_ms);
CREATE INDEX fills_window ON fills (condition_id);
CREATE TABLE windows (
    condition_id TEXT PRIMARY KEY, slug TEXT, yes_token TEXT, no_token TEXT, open_ms INTEGER, close_ms INTEGER, market TEXT,
    taken_up_ms INTEGER, taken_up_ns INTEGER,
    heard_ms INTEGER, mid_bp INTEGER, mid_ms INTEGER, winning_token TEXT, resolved_ms INTEGER, resolved_ns INTEGER);
CREATE TABLE guards (
    run_id TEXT, name TEXT, cap TEXT, reason TEXT, entered_ms INTEGER, entered_ns INTEGER, left_ms INTEGER, left_ns INTEGER);
CREATE INDEX guards_open ON guards (name) WHERE left_ms IS NULL;
CREATE TABLE modes (run_id TEXT, mode TEXT, session TEXT, since_ms INTEGER, since_ns INTEGER);
CREATE TABLE latches (
    name TEXT, reason TEXT, since_ms INTEGER, run_id TEXT, cleared_ms INTEGER, PRIMARY KEY (name, since_ms));
CREATE TABLE days (day INTEGER PRIMARY KEY, forgiven_micro INTEGER);
"""


def open_to_write(path: Path) -> sqlite3.Connection:
    """The only connection that writes, of a file that exists and is sound or of a new one. Raises JournalError."""
    with refusals(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))     # what we traded is nobody else's
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        if _is_empty(db):
            db.executescript(f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; {_TABLES} COMMIT;")
        require_schema(db, path)
        (verdict,), *_ = db.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")            # a commit survives kill -9 at once, a power cut from the next checkpoint on
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """A view of the file for one thread, also while it is written. Raises JournalError."""
    with refusals(path):
        if not path.is_file():
            raise FileNotFoundError(2, "there is no such file")
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_S)
        db.row_factory = sqlite3.Row
        require_schema(db, path)
    return db


def require_schema(db: sqlite3.Connection, path: Path) -> None:
    (application,), (found,) = db.execute("PRAGMA application_id").fetchone(), db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise JournalError(f"{path} is not a journal of trader.", remedy="Name a file that `trader run` wrote.")
    if found != SCHEMA:
        age = "a newer" if found > SCHEMA else "an older"
        raise JournalError(f"{path} was written by {age} trader: its tables have version {found}, this one knows {SCHEMA}.",
                           remedy="Use the version that wrote it, or move the file away: a start then goes by the venue alone.")


def _is_empty(db: sqlite3.Connection) -> bool:
    """New, or of a process that was killed while it began the file."""
    (application,), (tables,) = db.execute("PRAGMA application_id").fetchone(), db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not application and not tables


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Whatever SQLite or the system says against this file, as one sentence."""
    try:
        yield
    except sqlite3.OperationalError as why:
        raise JournalError(f"{path} cannot be used: {why}.",
                           remedy="Make room on the disk, close other programs that write to the file, and look at who owns it.") from why
    except sqlite3.DatabaseError as why:
        raise JournalError(f"{path} is damaged: {why}.", remedy="Move it away (keep it for `sqlite3 FILE .recover`) and start again: "
                           "orders and holdings are read from the venue then. Check the daily loss yourself.") from why
    except OSError as why:
        raise JournalError(f"{path} cannot be used: {why.strerror}.",
                           remedy="Name a folder of your own in journal.dir.") from why
