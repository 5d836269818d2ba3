"""The role `record`: raw frames of the feeds → compressed files, one line a frame (docs/frames.md).

Thread: its own, and the only one that waits for the disk. Fed by the feeds, each through a FrameTape. Read by `trader frames`.
Whatever happens to the disk ends the recording, never the trading.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import zstandard

from trader.handoff.tape import Batch, FrameTape
from trader.model.setting import Secret
from trader.ops.archive import Archive
from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_S = 0.1
FLUSH_NS = 1_000_000_000
SAY_NS = 10_000_000_000              # one line to the log about dropped frames in this time
DISK_LIMIT_MS = 10**9                # a disk that hangs is no reason to stop trading
CHUNK = 50                           # batches encoded in one go: this thread must not hold the interpreter for long
_FAILURES = (OSError, zstandard.ZstdError)


class RecordRole:
    """`tape(conn)` is what that connection's feed writes to. The fleet's connections come and go: `release` ends one's files."""

    name = "record"

    def __init__(self, folder: Path, clock: Clock, *, hide: Sequence[Secret] = (),
                 archive: Callable[[Path, str], Archive] = Archive, park_s: float = PARK_S) -> None:
        """`hide`: texts that must not stand in a file; each becomes ***. A trade names its owner by the API key."""
        self._folder, self._clock, self._open_archive, self._park_s = folder, clock, archive, park_s
        self._hide = tuple(secret.reveal().encode() for secret in hide if secret)
        self._tapes: dict[str, FrameTape] = {}
        self._archives: dict[str, Archive] = {}
        self._released: deque[str] = deque()
        self._released_counts = Counter[str]()       # of tapes that are gone
        self._gaps: dict[str, int] = {}          # frames whose absence is written in the file
        self._wall_ns: dict[str, int] = {}       # wall minus monotonic, fixed for a file so that its times never run backwards
        self.posture = Posture(clock)
        self._parked = threading.Event()         # never set: a wait that a dump can name
        self._flushed_ns = self._said_ns = clock.monotonic_ns()
        self._said = self.written = 0
        self.ended_by = ""                       # why the recording ended before the run

    def tape(self, conn: str) -> FrameTape:
        self._archives[conn] = self._open_archive(self._folder, conn)
        self._gaps[conn] = 0
        tape = self._tapes[conn] = FrameTape()       # last: from now on the role reads it
        if self.ended_by:
            tape.close()
        return tape

    def release(self, conn: str) -> None:
        """Any thread: nobody writes to that tape any more. What is on it is written first."""
        self._released.append(conn)

    def on_start(self) -> None:
        log.info("record: every frame of %s goes to %s", ", ".join(self._tapes) or "every connection", self._folder)

    def do_work(self) -> None:
        self._parked.wait(self._park_s)
        self.posture.declare("writing", DISK_LIMIT_MS)
        self._guarded_write(is_last=False)
        self._say_dropped(self._clock.monotonic_ns())

    def on_stop(self) -> None:
        """Called when the feeds have ended: what they left is written."""
        self.posture.declare("writing", DISK_LIMIT_MS)
        self._guarded_write(is_last=True)

    def stats(self) -> dict[str, Any]:
        """Any thread: plain integers, each written by one thread only."""
        return {
            "folder": str(self._folder),
            "files": self._released_counts["files"] + sum(archive.files for archive in tuple(self._archives.values())),
            "written": self.written, "dropped": {conn: tape.dropped for conn, tape in tuple(self._tapes.items())},
            "ended_by": self.ended_by,
        }

    def _guarded_write(self, *, is_last: bool) -> None:
        if self.ended_by:
            return
        try:
            self._write(is_last=is_last)
        except _FAILURES as why:
            self._give_up(str(why))

    def _write(self, *, is_last: bool) -> None:
        released = [self._released.popleft() for _ in range(len(self._released))]
        for conn, tape in tuple(self._tapes.items()):
            batches = tape.take()
            while chunk := tuple(islice(batches, CHUNK)):
                self._write_chunk(conn, chunk)
        for conn in released:
            self._forget(conn)
        now_ns = self._clock.monotonic_ns()
        if is_last or now_ns - self._flushed_ns >= FLUSH_NS:
            self._flushed_ns = now_ns
            for archive in tuple(self._archives.values()):
                archive.close() if is_last else archive.flush()

    def _forget(self, conn: str) -> None:
        tape, archive = self._tapes.pop(conn), self._archives.pop(conn)
        archive.close()
        self._released_counts.update(files=archive.files, dropped=tape.dropped)
        self._wall_ns.pop(conn, None)
        del self._gaps[conn]

    def _write_chunk(self, conn: str, chunk: Sequence[Batch]) -> None:
        archive, wall_ms = self._archives[conn], self._clock.wall_ms()
        if archive.is_due(wall_ms):
            archive.begin(wall_ms)
            self._wall_ns[conn] = wall_ms * 1_000_000 - self._clock.monotonic_ns()
        archive.write(b"".join(line for batch in chunk for line in self._lines(conn, batch)))
        self.written += sum(len(batch.payloads) for batch in chunk)

    def _lines(self, conn: str, batch: Batch) -> Iterator[bytes]:
        t_ns = batch.received_ns + self._wall_ns[conn]
        if batch.dropped != self._gaps[conn]:
            yield _line({"t_ns": t_ns, "conn": conn, "dropped": batch.dropped - self._gaps[conn]})
            self._gaps[conn] = batch.dropped
        for payload in batch.payloads:
            for secret in self._hide:
                payload = payload.replace(secret, b"***")
            yield _line({"t_ns": t_ns, "conn": conn, **_frame(payload)})

    def _say_dropped(self, now_ns: int) -> None:
        dropped = self._released_counts["dropped"] + sum(tape.dropped for tape in tuple(self._tapes.values()))
        if self.ended_by or dropped == self._said or (self._said and now_ns - self._said_ns < SAY_NS):
            return
        self._said, self._said_ns = dropped, now_ns
        log.warning("record: %d frames so far are missing from the recording, because %s is slower than the feeds. Trading is not "
                    "affected. Record to a faster disk.", dropped, self._folder)

    def _give_up(self, why: str) -> None:
        """The files keep what was flushed. Trading goes on."""
        self.ended_by = why
        log.error("record: the recording in %s ended after %d frames: %s. Trading goes on without it. Make room or name another "
                  "folder, and start again with --record when it suits you.", self._folder, self.written, why)
        for tape in tuple(self._tapes.values()):
            tape.close()
        for archive in tuple(self._archives.values()):
            try:
                archive.close()
            except _FAILURES:
                log.debug("record: a file could not be closed in order", exc_info=True)


def _frame(payload: bytes) -> dict[str, str]:
    """Text as it came. What is not UTF-8 was no text, and is kept as base64 so that not a bit is lost."""
    try:
        return {"frame": payload.decode()}
    except UnicodeDecodeError:
        return {"frame_b64": base64.b64encode(payload).decode()}


def _line(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
