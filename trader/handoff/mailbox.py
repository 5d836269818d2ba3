"""The newest intent of the strategy, for the executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from trader.model.intent import Mode, QuoteIntent


class IntentMailbox:
    """One slot, newest wins. Writer: strategy. Reader: executor. Neither ever waits.

    `deque(maxlen=1)`: append and pop are each one atomic C call.
    """

    __slots__ = ("_ring", "_ring_pending", "_slot", "published", "replaced")

    def __init__(self, ring: Callable[[bool], None]) -> None:
        """`ring(urgent)` wakes the reader; urgent for a STOP, which must not queue behind other letters."""
        self._slot: deque[QuoteIntent] = deque(maxlen=1)
        self._ring = ring
        self._ring_pending = False
        self.published = 0
        self.replaced = 0

    def put(self, intent: QuoteIntent) -> None:      # strategy thread
        self.published += 1
        if self._slot:
            self.replaced += 1                       # may count one that the reader takes this instant: a statistic
        self._slot.append(intent)                    # visible first …
        if not self._ring_pending:                   # … then ring, at most once per unread intent
            self._ring_pending = True
            try:
                self._ring(intent.mode is Mode.STOP)
            except BaseException:
                self._ring_pending = False           # a ring that was not put must not silence the next one
                raise

    def waiting(self) -> bool:                       # executor thread, before every letter
        return bool(self._slot)

    def take(self) -> QuoteIntent | None:            # executor thread
        self._ring_pending = False                   # re-arm before emptying: the other way round, an intent
        return self._slot.pop() if self._slot else None      # put in between would have no ring
