"""How one worker is: when it was last heard, how often it died, whether its books are there. Pure.

Writer: the thread `fl-crew`, or that which starts the fleet. Readers: any thread.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from trader.fleet.worker_process import READY_WITHIN_S

MINUTE_NS = 60_000_000_000
MOST_DEATHS = 3                          # in a minute; then it is unhealthy, and restarted less often
PAUSE_NS = 5_000_000_000
SILENT_BEATS = 3
LACKING_NS = 30_000_000_000              # most of its books missing for longer than this is no reconnect any more


class Vitals:
    """`beat` is its newest heartbeat. While `is_starting` its first word is awaited, and nothing is handed to it."""

    def __init__(self, number: int, heartbeat_s: float) -> None:
        self.number, self._heartbeat_s = number, heartbeat_s
        self.beat: dict[str, Any] = {}
        self.is_starting = False
        self.restart_ns = 0                          # not before
        self._heard_ns = 0
        self._deaths: deque[int] = deque(maxlen=MOST_DEATHS)
        self._lacking_ns: int | None = None

    def starts(self, now_ns: int) -> None:
        self.beat, self.is_starting, self._heard_ns = {}, True, now_ns

    def is_ready(self, now_ns: int) -> None:
        self.is_starting, self._heard_ns = False, now_ns

    def speaks(self, now_ns: int) -> None:
        self._heard_ns = now_ns

    def beats(self, beat: dict[str, Any], now_ns: int) -> None:
        """… and since when are most of its books missing?"""
        self.beat = beat
        if 2 * beat.get("whole", 0) >= beat["assets"]:
            self._lacking_ns = None
        elif self._lacking_ns is None:
            self._lacking_ns = now_ns

    def goes(self) -> None:
        self.is_starting, self._lacking_ns = False, None

    def dies(self, now_ns: int) -> None:
        self._deaths.append(now_ns)
        self.restart_ns = now_ns + (PAUSE_NS if self.dies_often(now_ns) else 0)

    def cannot_start(self, now_ns: int) -> None:
        """There was no room for another process."""
        self._deaths.append(now_ns)
        self.restart_ns = now_ns + PAUSE_NS

    def dies_often(self, now_ns: int) -> bool:
        return len(self._deaths) == MOST_DEATHS and now_ns - self._deaths[0] < MINUTE_NS

    @property
    def silence_s(self) -> float:
        """How long it may say nothing."""
        return READY_WITHIN_S if self.is_starting else SILENT_BEATS * self._heartbeat_s

    def is_silent(self, now_ns: int) -> bool:
        return now_ns - self._heard_ns > int(self.silence_s * 1e9)

    def ailments(self, now_ns: int, *, is_alive: bool) -> list[str]:
        """Why it is not healthy; empty when it is."""
        found = []
        if self.is_starting or not is_alive:
            found.append(f"worker {self.number} is down")
        if self.dies_often(now_ns):
            found.append(f"worker {self.number} died {MOST_DEATHS} times within a minute")
        since_ns = self._lacking_ns
        if since_ns is not None and now_ns - since_ns >= LACKING_NS:
            found.append(f"worker {self.number} has whole books of {self.beat.get('whole')} of {self.beat.get('assets')} tokens")
        return found
