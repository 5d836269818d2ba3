"""Windows that have closed and whose outcome is not known yet: when to ask for each. Pure; called on the `markets` thread."""

from __future__ import annotations

from typing import NamedTuple

from trader.model.market import Market

_FIRST_NS, _LONGEST_NS = 1_000_000_000, 60_000_000_000       # the wait doubles from the one to the other
_GIVE_UP_NS = 48 * 3_600_000_000_000     # disputes last longer than anybody watches this desk


class _Pending(NamedTuple):
    market: Market
    closed_ns: int
    wait_ns: int
    due_ns: int


class Resolutions:
    """Owner: markets thread."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}

    def add(self, market: Market, now_ns: int) -> None:
        """It has closed just now, or may have. Asked for again soon, however long that took so far."""
        self._pending[market.condition_id] = _Pending(market, now_ns, _FIRST_NS, now_ns + _FIRST_NS)

    def due(self, now_ns: int) -> Market | None:
        """The window to ask about now; one at a time, so that a slow venue holds nothing else up for long."""
        ready = [p for p in self._pending.values() if p.due_ns <= now_ns]
        return min(ready, key=lambda p: p.due_ns).market if ready else None

    def unknown(self, market: Market, now_ns: int) -> bool:
        """No outcome yet: asks again later. False when it was given up."""
        pending = self._pending.pop(market.condition_id)
        if now_ns - pending.closed_ns >= _GIVE_UP_NS:
            return False
        wait_ns = min(2 * pending.wait_ns, _LONGEST_NS)
        self._pending[market.condition_id] = pending._replace(wait_ns=wait_ns, due_ns=now_ns + wait_ns)
        return True

    def known(self, market: Market) -> None:
        del self._pending[market.condition_id]
