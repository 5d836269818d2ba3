"""The role `journal`: cycles of the executor → SQLite. The only thread that writes to the journal, and the only one that waits for it.

Fed by the executor through a JournalQueue, which tells the gateway what has been committed. When the file cannot be written the
queue says so: places are shed, cancels go on, and the same groups are tried again for a minute.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from trader.errors import JournalError
from trader.handoff.journal import JournalQueue
from trader.journal.store import Group, Journal
from trader.model.cycle import Cycle, Now
from trader.runtime.clock import Clock
from trader.runtime.latency import LatencyWindow
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_S = 0.2
WRITE_LIMIT_MS = 30_000              # a disk that hangs this long will not come back; until then the queue's `trouble` holds the desk
CHECKPOINT_NS = 5_000_000_000        # in a quiet moment: places wait for this thread, and a checkpoint waits for the disk itself
OVERDUE_NS = 20_000_000_000          # quiet or not: what a power cut may take has a limit
RETRY_NS = 250_000_000
GIVE_UP_NS = 60_000_000_000
_FAILURES = (sqlite3.Error, OSError, JournalError)


class JournalRole:
    name = "journal"

    def __init__(self, open_journal: Callable[[], Journal], queue: JournalQueue, clock: Clock, *, park_s: float = PARK_S) -> None:
        """`open_journal` is called on the journal's own thread, where everything else happens to the file."""
        self._open, self._queue, self._clock, self._park_s = open_journal, queue, clock, park_s
        self.posture = Posture(clock)
        self.commit_latency = LatencyWindow()
        self._journal: Journal | None = None
        self._held: list[Group] = []         # prepared and not committed
        self._failed_ns: int | None = None   # since when nothing can be written
        self._retry_ns = 0
        self._checkpoint_ns = 0
        self._dirty = False                  # committed since the last checkpoint
        self._gave_up = False
        self.cycles = self.commits = self.failures = 0
        self.end_reason = ""                 # written by whoever ends the run, before this role is stopped

    def on_start(self) -> None:
        self._journal = self._open()
        self._journal.begin(self._now())
        self._checkpoint_ns = self._clock.monotonic_ns()
        log.info("journal: %s", self._journal.path)

    def do_work(self) -> None:
        cycles = self._queue.take(self._park_s)
        if self._gave_up or self._journal is None:
            return
        self.posture.declare("writing", WRITE_LIMIT_MS)
        self._hold(self._journal, cycles)
        now_ns = self._clock.monotonic_ns()
        if self._held and now_ns >= self._retry_ns:
            self._commit(self._journal, now_ns)
        if not self._held and now_ns - self._checkpoint_ns >= (OVERDUE_NS if cycles else CHECKPOINT_NS):
            self._tidy(self._journal, now_ns)

    def on_stop(self) -> None:
        """The executor has ended: what it left is written, then the run is closed."""
        if self._journal is None:
            return
        self.posture.declare("writing", WRITE_LIMIT_MS)
        while cycles := self._queue.take(0):
            self._hold(self._journal, cycles)
        try:
            self._journal.commit(self._held)
            self._journal.end(self._now(), self.end_reason)
        except _FAILURES as why:
            log.error("journal: the end of the run could not be written to %s: %s. What is missing in it, the venue's own page has.",
                      self._journal.path, why)
        finally:
            self._journal.close()

    def stats(self) -> dict[str, Any]:
        """Any thread: plain values, each written by one thread only."""
        return {
            "file": "" if self._journal is None else str(self._journal.path), "cycles": self.cycles, "commits": self.commits,
            "waiting": self._queue.depth, "failures": self.failures, "trouble": self._queue.trouble,
            "commit_us": self.commit_latency.summary(),
        }

    def _hold(self, journal: Journal, cycles: list[Cycle]) -> None:
        if cycles:
            self.cycles += len(cycles)
            self._held.append(journal.prepare(cycles))

    def _commit(self, journal: Journal, now_ns: int) -> None:
        try:
            journal.commit(self._held)
        except _FAILURES as why:
            self._fail(journal, str(why), now_ns)
            return
        done_ns = self._clock.monotonic_ns()
        self.commit_latency.add(done_ns - now_ns)
        self.commits += 1
        self._dirty = True
        self._queue.written(max(group.placed_seq for group in self._held))
        self._held = []
        if self._failed_ns is not None:
            log.warning("journal: %s can be written again; nothing is missing in it.", journal.path)
            self._failed_ns = None

    def _fail(self, journal: Journal, why: str, now_ns: int) -> None:
        self.failures += 1
        reason = f"the journal {journal.path} cannot be written: {why}"
        if self._failed_ns is None:
            self._failed_ns = now_ns
            log.error("%s. Nothing is placed until it can; cancels go on. Make room on the disk, or close the program that holds "
                      "the file.", reason)
        if now_ns - self._failed_ns < GIVE_UP_NS:
            self._retry_ns = now_ns + RETRY_NS
            self._queue.fail(reason)
            return
        self._gave_up, self._held = True, []
        log.error("%s, for %d s now. Nothing is placed in this run any more. Remove the cause and start again.", reason,
                  GIVE_UP_NS // 1_000_000_000)
        self._queue.close(reason)

    def _tidy(self, journal: Journal, now_ns: int) -> None:
        """What may take long. A failure here is met again, and told, by the next commit."""
        was_dirty, self._dirty, self._checkpoint_ns = self._dirty, False, now_ns
        if not was_dirty:
            return
        try:
            journal.checkpoint()
            if journal.is_full():
                journal.rotate(self._now())
                log.info("journal: goes on in %s", journal.path)
        except _FAILURES as why:
            log.warning("journal: %s could not be tidied up: %s. It is tried again.", journal.path, why)

    def _now(self) -> Now:
        return Now(self._clock.monotonic_ns(), self._clock.wall_ms())
