"""Everything that reaches the executor, most urgent first. Nothing in it is ever shed."""

from __future__ import annotations

import itertools
import queue
from enum import IntEnum

from trader.model.event import (
    Control,
    ExecutorEvent,
    Fill,
    MailWaiting,
    MarketChange,
    MarketResolved,
    OrderUpdate,
    UserFeedDown,
    UserFeedUp,
)


class Rank(IntEnum):
    STOP = 0         # stop, cancel-all, pause, resume; the user stream was lost
    TRUTH = 1        # fills and order events of the user stream
    RESULT = 2       # gateway answers
    CONTROL = 3
    INTENT = 4       # the mailbox rang


_RANK_OF: dict[type, Rank] = {
    Fill: Rank.TRUTH,
    OrderUpdate: Rank.TRUTH,
    UserFeedUp: Rank.TRUTH,
    UserFeedDown: Rank.STOP,
    Control: Rank.STOP,          # all of them: a pause and an earlier resume must not change places
    MarketChange: Rank.CONTROL,
    MarketResolved: Rank.CONTROL,
    MailWaiting: Rank.INTENT,
}


class ExecutorInbox:
    """Writers: feeds, gateway, markets, control, supervisor. Reader: executor. Grows; `crowded` calls the guard.

    Ordered by (rank, arrival). Arrival is unique, so the heap never compares two events.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._letters: queue.PriorityQueue[tuple[Rank, int, ExecutorEvent]] = queue.PriorityQueue()
        self._arrival = itertools.count()            # next() is one C call: unique across threads
        self._limit = limit

    def put(self, event: ExecutorEvent) -> None:     # any thread
        self._letters.put((rank_of(event), next(self._arrival), event))

    def ring(self, urgent: bool) -> None:            # strategy thread, through the mailbox
        self._letters.put((Rank.STOP if urgent else Rank.INTENT, next(self._arrival), MailWaiting()))

    def get(self, timeout_s: float) -> ExecutorEvent | None:         # executor thread; its parking spot
        try:
            return (self._letters.get(timeout=timeout_s) if timeout_s > 0 else self._letters.get_nowait())[2]
        except queue.Empty:
            return None

    @property
    def depth(self) -> int:
        return self._letters.qsize()

    @property
    def crowded(self) -> bool:
        """More letters wait than the limit: cancel everything and stop quoting until they are read."""
        return self.depth > self._limit


def rank_of(event: ExecutorEvent) -> Rank:
    """The operator's word before fills before results. Results are the default."""
    return _RANK_OF.get(type(event), Rank.RESULT)
