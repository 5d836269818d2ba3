"""Everything that reaches the executor, most urgent first. Nothing in it is ever shed."""

from __future__ import annotations

import threading
from collections import deque
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

    A lane a rank, each in order of arrival. Append, popleft and ring are one C call each: nobody ever holds a lock that the other side
    could wait at.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._lanes: tuple[deque[ExecutorEvent], ...] = tuple(deque() for _ in Rank)
        self._silence = threading.Lock()             # as in `doorbell`: locked means that nobody rang
        self._silence.acquire()
        self._limit = limit

    def put(self, event: ExecutorEvent) -> None:     # any thread
        self._lanes[rank_of(event)].append(event)    # visible first, then ring
        self._wake()

    def ring(self, urgent: bool) -> None:            # strategy thread, through the mailbox
        self._lanes[Rank.STOP if urgent else Rank.INTENT].append(MailWaiting())
        self._wake()

    def get(self, timeout_s: float) -> ExecutorEvent | None:         # executor thread; its parking spot
        event = self._first()
        while event is None and timeout_s > 0 and self._silence.acquire(timeout=timeout_s):
            event = self._first()                    # None: it rang for a letter that was taken before; wait on
        return event

    def _wake(self) -> None:
        try:
            self._silence.release()
        except RuntimeError:                         # rung already and not heard yet: one wake-up serves both
            return

    def _first(self) -> ExecutorEvent | None:
        for lane in self._lanes:
            if lane:
                return lane.popleft()
        return None

    @property
    def depth(self) -> int:
        return sum(map(len, self._lanes))

    @property
    def crowded(self) -> bool:
        """More letters wait than the limit: cancel everything and stop quoting until they are read."""
        return self.depth > self._limit


def rank_of(event: ExecutorEvent) -> Rank:
    """The operator's word before fills before results. Results are the default."""
    return _RANK_OF.get(type(event), Rank.RESULT)
