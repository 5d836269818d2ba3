"""When to ask the venue for windows again. Pure; called on the `markets` thread.

Often while the live or the next window is unknown, seldom otherwise, and not just before a switch: an answer that takes
its whole deadline would delay it.
"""

from __future__ import annotations

from trader.model.market import LiveMarket
from trader.runtime.backoff import Backoff

ANSWER_LIMIT_MS = 11_000     # the longest that one discovery may block: its own deadlines (10 s) and a second
_CALM_MS = 10_000            # at most this long between two listings, however well all is known: a window may be closed early
_TELL_EVERY_NS = 30_000_000_000


class AskSchedule:
    """Owner: markets thread."""

    def __init__(self, discovery_s: float, backoff: Backoff) -> None:
        self._eager_ns, self._backoff = round(discovery_s * 1e9), backoff
        self._asked_ns: int | None = None
        self._retry_ns: int | None = None        # after a failure: not before this

    def due(self, chosen: LiveMarket, complete: bool, switch_in_ms: int | None, now_ns: int) -> bool:
        """`complete`: everything is known that may be. `switch_in_ms`: until the next switch, None when there is none."""
        if self._asked_ns is None:
            return True
        awaited = complete or chosen.next is not None        # else the switch is to nothing, and asking matters more
        if awaited and switch_in_ms is not None and switch_in_ms < ANSWER_LIMIT_MS:
            return False
        if self._retry_ns is not None:
            return now_ns >= self._retry_ns
        return now_ns - self._asked_ns >= (max(self._calm_ns(chosen), self._eager_ns) if complete else self._eager_ns)

    def answered(self, now_ns: int) -> None:
        self._asked_ns, self._retry_ns = now_ns, None
        self._backoff.reset()

    def failed(self, now_ns: int) -> float:
        """Returns the seconds until the next attempt."""
        wait_s = self._backoff.next_s()
        self._asked_ns, self._retry_ns = now_ns, now_ns + round(wait_s * 1e9)
        return wait_s

    @staticmethod
    def _calm_ns(chosen: LiveMarket) -> int:
        window = chosen.now or chosen.next
        calm_ms = _CALM_MS if window is None else min(_CALM_MS, window.window_ms // 10)
        return calm_ms * 1_000_000


class Reminder:
    """Says something at once and then every 30 s while it lasts, so that a log stays readable. Owner: markets thread."""

    def __init__(self) -> None:
        self._said_ns: int | None = None

    def due(self, now_ns: int) -> bool:
        if self._said_ns is not None and now_ns - self._said_ns < _TELL_EVERY_NS:
            return False
        self._said_ns = now_ns
        return True

    def over(self) -> bool:
        """It does not last any more. True when it had been said."""
        said, self._said_ns = self._said_ns is not None, None
        return said
