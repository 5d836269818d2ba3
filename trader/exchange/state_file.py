"""The file behind `--state`: a snapshot and the commands since, as checked lines. Pure I/O; knows nothing of what the rows mean.

    FILE            the snapshot: head, rows, end. Replaced as a whole, never changed.
    FILE.<n>.log    the commands after snapshot <n>, in order. Appended to before anybody is answered.
    FILE.lock       held while an exchange uses the file; says who

A line is a checksum and a JSON array. Every append is one `write` to the operating system, without fsync: what was written
survives the death of the process by any signal, not a power cut. The last line of a log may be torn, when the kill came in the
middle of it; then nobody was answered yet, and it is dropped. Anything else that does not fit is an error, never a guess.

Appended to from whichever thread holds the venue's lock or makes an API key; a compaction writes on a thread of its own.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from trader.errors import ConfigError

Row = list[Any]

FORMAT, VERSION = "trader exchange state", 3
_SUM_BYTES = 9              # eight hex digits and a blank


class StateFile:
    """One exchange's file, locked for as long as the object lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_fd = _locked(path)
        self._lock = threading.Lock()           # guards the log's descriptor and number
        self._number = 0                        # of the snapshot that the current log follows
        self._log_fd = -1
        self.log_bytes = 0

    def exists(self) -> bool:
        return self._path.exists()

    def read(self) -> Iterator[Row]:
        """The snapshot's rows, then the commands of every log that follows it. The first row is what `write` got as its head."""
        rows = list(_rows(self._path, torn=False))
        if not rows or rows[0][:3] != ["head", FORMAT, VERSION] or rows[-1] != ["end", len(rows) - 1]:
            raise _unusable(self._path, 1, f"this is not a whole state file of version {VERSION}")
        self._number = int(rows[0][3])
        yield rows[0][4:]
        yield from rows[1:-1]
        while (log := self._log_path(self._number)).exists():
            yield from _rows(log, torn=not self._log_path(self._number + 1).exists())
            self._number += 1

    @property
    def is_recording(self) -> bool:
        return self._log_fd >= 0

    def begin_log(self) -> int:
        """From here on appends go to a new log, which belongs to the snapshot that is to be written now: its number."""
        with self._lock:
            old_fd, self._number = self._log_fd, self._number + 1
            self._log_fd = os.open(self._log_path(self._number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            self.log_bytes = 0
        if old_fd >= 0:
            os.close(old_fd)
        return self._number

    def append(self, row: Row) -> None:
        """Returns when the operating system has it."""
        line = _line(row)
        with self._lock:
            self.log_bytes += len(line)
            while line:
                line = line[os.write(self._log_fd, line):]

    def write(self, number: int, head: Row, rows: Iterable[Row]) -> None:
        """Makes the snapshot and drops the logs before it. A kill in the middle leaves the old snapshot and all logs."""
        fresh, count = self._path.with_name(self._path.name + ".new"), 1
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_line(["head", FORMAT, VERSION, number, *head]))
            for row in rows:
                file.write(_line(row))
                count += 1
            file.write(_line(["end", count]))
        os.replace(fresh, self._path)
        for log in self._path.parent.glob(f"{self._path.name}.*.log"):
            if _number_of(log) < number:
                log.unlink()

    def close(self) -> None:
        for descriptor in (self._log_fd, self._lock_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._log_fd = -1

    def _log_path(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}.log")


def unusable(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"--state {path}: {problem}.", remedy="Name the file that this exchange wrote, or one that does not exist yet.")


def _unusable(path: Path, line: int, problem: str) -> ConfigError:
    return unusable(path, f"line {line}: {problem}")


def _line(row: Row) -> bytes:
    body = orjson.dumps(row, default=tuple)      # named tuples are rows too
    return b"%08x %b\n" % (crc32(body), body)


def _rows(path: Path, *, torn: bool) -> Iterator[Row]:
    """The rows of one file. `torn`: its last line may be incomplete."""
    try:
        text = path.read_bytes()
    except OSError as failed:
        raise unusable(path, f"cannot be read: {failed.strerror}") from None
    *lines, rest = text.split(b"\n")
    if rest and not torn:
        raise _unusable(path, len(lines) + 1, "it ends in the middle of a line")
    for number, line in enumerate(lines, 1):
        body = line[_SUM_BYTES:]
        if line[:_SUM_BYTES] != b"%08x " % crc32(body):
            raise _unusable(path, number, "the checksum does not fit, so it was changed or is no state file")
        yield orjson.loads(body)


def _locked(path: Path) -> int:
    """Two exchanges with one file would each lose what the other wrote."""
    try:
        lock_fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as failed:
        raise unusable(path, f"its folder cannot be written to: {failed.strerror}") from None
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock_fd, 32).decode() or "unknown"
        os.close(lock_fd)
        raise ConfigError(f"--state {path}: in use by the exchange with pid {holder}.", remedy="Stop it, or name another file.") from None
    os.truncate(lock_fd, 0)
    os.write(lock_fd, str(os.getpid()).encode())
    return lock_fd


def _number_of(log: Path) -> int:
    text = log.name.split(".")[-2]
    return int(text) if text.isdecimal() else 1 << 62
