"""Tells a frozen stream from a quiet market. Pure; owned by the thread `pm-book`.

A PONG proves nothing: streams have stood still for hours while it was answered. Neither does silence: quiet markets exist. But a
market whose fair price moves by two ticks is not quiet, so if nothing of it came for five seconds meanwhile, the stream is frozen.
"""

from __future__ import annotations

from trader.model.intent import StrategyPulse

SILENT_NS = 5_000_000_000
MOVED_TICKS = 2


class FreezeWatch:
    """`reason` stands from the finding until data comes again. `strikes`: findings since data last came by itself."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.strikes = self.found = 0
        self._heard = self._changes = self._since_ns = 0
        self._fair_bp: int | None = None         # when data last came

    def restart(self, now_ns: int) -> None:
        """Another connection: the silence before says nothing about it."""
        self._since_ns = now_ns
        self.forget_price()

    def forget_price(self) -> None:
        """Another market: its price is compared with itself. The connection goes on, and so does its silence."""
        self._fair_bp = None

    def look(self, dumps: int, changes: int, pulse: StrategyPulse | None, tick_bp: int, now_ns: int) -> bool:
        """Once a cycle. True at the moment of a finding. How many `dumps` and `changes` of live markets came so far; without one the
        tick is 0. A dump may be one that we asked for, a change comes by itself."""
        if changes != self._changes:
            self._changes, self.strikes = changes, 0
        if dumps + changes != self._heard:
            self._heard, self._since_ns, self.reason, self._fair_bp = dumps + changes, now_ns, None, None
        if self.reason is not None or pulse is None or pulse.fair_bp is None or not tick_bp:
            return False
        if self._fair_bp is None:
            self._fair_bp = pulse.fair_bp if pulse.run_ns >= self._since_ns else None
            return False
        return self._find(abs(pulse.fair_bp - self._fair_bp), tick_bp, now_ns)

    def _find(self, moved_bp: int, tick_bp: int, now_ns: int) -> bool:
        silent_ns = now_ns - self._since_ns
        if silent_ns < SILENT_NS or moved_bp < MOVED_TICKS * tick_bp:
            return False
        self.strikes += 1
        self.found += 1
        self.reason = f"no data for {silent_ns // 1_000_000} ms while the fair price moved by {moved_bp} bp"
        return True
