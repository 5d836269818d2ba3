"""Cycles of the executor on their way to the disk, and the word that they have arrived. The executor never waits for it."""

from __future__ import annotations

import contextlib
import queue
import threading

from trader.model.cycle import Cycle

LIMIT = 1000                 # unread cycles: several seconds of a busy desk
MOST_A_GROUP = 100           # in one commit: the journal's thread must not hold the interpreter for long


class JournalQueue:
    """Writer: executor. Reader: `journal`. Gateway threads wait here until what they are about to send stands in the journal.

    Grows while the reader is behind: without one cycle the journal would not replay. `trouble` says when that has gone too far,
    which is a guard of the executor: it stops quoting, and little comes any more.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._cycles: queue.SimpleQueue[Cycle] = queue.SimpleQueue()
        self._limit = limit
        self._changed = threading.Condition()        # guards the three below
        self._written_seq = 0
        self._failed = ""
        self._closed = False

    def put(self, cycle: Cycle) -> None:                         # executor thread
        if not self._closed:
            self._cycles.put(cycle)

    def take(self, timeout_s: float) -> list[Cycle]:             # journal thread; its parking spot
        """Everything that waits, up to one group; empty when nothing came in time."""
        group: list[Cycle] = []
        with contextlib.suppress(queue.Empty):
            group.append(self._cycles.get(timeout=timeout_s) if timeout_s > 0 else self._cycles.get_nowait())
            while len(group) < MOST_A_GROUP:
                group.append(self._cycles.get_nowait())
        return group

    def written(self, seq: int) -> None:                         # journal thread
        """Committed up to here (0: no place among it). Ends a failure: what was held up is in the file now."""
        with self._changed:
            self._written_seq = max(self._written_seq, seq)
            self._failed = ""
            self._changed.notify_all()

    def fail(self, reason: str) -> None:                         # journal thread
        """Nothing is being written now. Whoever waits is told at once."""
        with self._changed:
            self._failed = reason
            self._changed.notify_all()

    def close(self, reason: str) -> None:                        # journal thread
        """Nothing will be written any more in this run: from now on cycles are dropped."""
        self._closed = True
        self.fail(reason)

    def wait_written(self, seq: int, timeout_s: float) -> bool:  # gateway threads
        """True once the cycle that asked for place `seq` is committed. False: it must not be sent."""
        if self._written_seq >= seq:                             # never falls, so that a look without the lock is enough
            return True
        with self._changed:
            self._changed.wait_for(lambda: self._written_seq >= seq or bool(self._failed), timeout_s)
            return self._written_seq >= seq

    @property
    def written_seq(self) -> int:
        """The newest place that is committed."""
        return self._written_seq

    @property
    def trouble(self) -> str:
        """Why nothing may be placed, or empty. Any thread."""
        if self._failed:
            return self._failed
        depth = self.depth
        return f"{depth} cycles are not written yet (limit {self._limit}); look for a slow disk" if depth > self._limit else ""

    @property
    def depth(self) -> int:
        return self._cycles.qsize()
