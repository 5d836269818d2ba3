"""Starts roles in order, watches them, stops them group by group in reverse. A role that crashes or overstays is reported once.

The watching itself is a role (`supervisor`); starting and stopping run on the thread that owns the `Trader`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from trader.errors import RoleFailed, TraderError
from trader.runtime.clock import Clock
from trader.runtime.role import Posture, Role, RoleThread

log = logging.getLogger(__name__)

CHECK_EVERY_S = 0.2
SUSPENDED_AFTER_NS = 1_500_000_000   # our own wake-up this late means that the whole process stood still, not one role


class RoleReport(NamedTuple):
    """One line of a thread dump or of stats."""

    name: str
    native_id: int | None
    alive: bool
    doing: str
    doing_ms: int
    limit_ms: int
    cycles: int


class Supervisor:
    """Owns the role threads. `on_failure(name, error)` may be called from any thread, once a role."""

    def __init__(self, clock: Clock, watchdog_ms: int, on_failure: Callable[[str, BaseException], None]) -> None:
        self._clock, self._watchdog_ms, self._on_failure = clock, watchdog_ms, on_failure
        self._threads: list[RoleThread] = []
        self._failed: set[str] = set()
        self._failed_lock = threading.Lock()     # a crash (role's thread) and an overstay (supervisor) may coincide

    def start(self, role: Role) -> None:
        thread = RoleThread(role, self._failed_once)
        thread.start()                           # first: a thread that the system refused cannot be joined by `stop`
        self._threads.append(thread)

    def stop(self, names: set[str], deadline_s: float) -> list[str]:
        """Asks the named roles to stop and joins them in reverse order of their start. Returns those that did not end.

        One call is one group: its members end side by side, so that a pool drains within one deadline. Roles that write to
        others go into an earlier call.
        """
        chosen = [t for t in reversed(self._threads) if t.name in names]
        for thread in chosen:
            thread.ask_to_stop()
        end_ns = self._clock.monotonic_ns() + int(deadline_s * 1e9)
        for thread in chosen:
            thread.join(max(0, end_ns - self._clock.monotonic_ns()) / 1e9)
        return [t.name for t in chosen if t.is_alive()]

    def stop_all(self, deadline_s: float) -> list[str]:
        return self.stop({thread.name for thread in self._threads}, deadline_s)

    def check(self, now_ns: int) -> None:
        """Reports every role that is beyond its declared limit by more than the watchdog allows."""
        for thread in self._threads:
            declared = thread.role.posture.now
            if thread.is_alive() and declared.overdue_ms(now_ns) > self._watchdog_ms:
                self._failed_once(thread.name, RoleFailed(
                    f"role {thread.name} has been in {declared.doing!r} for {(now_ns - declared.since_ns) // 1_000_000} ms "
                    f"(limit {declared.limit_ms} ms).",
                    remedy="The thread dump in the log shows where it hangs; restart once the cause is gone.",
                ))

    def report(self) -> list[RoleReport]:
        now_ns = self._clock.monotonic_ns()
        return [
            RoleReport(t.name, t.native_id, t.is_alive(), declared.doing, (now_ns - declared.since_ns) // 1_000_000,
                       declared.limit_ms, t.role.posture.cycles)
            for t in self._threads for declared in [t.role.posture.now]
        ]

    def _failed_once(self, name: str, error: BaseException) -> None:
        with self._failed_lock:
            first = name not in self._failed
            self._failed.add(name)
        if not isinstance(error, TraderError):   # also the second one: a crash of on_stop after a crash of do_work
            log.error("role %s crashed", name, exc_info=error)
        if first:
            self._on_failure(name, error)


class Watch:
    """The `supervisor` role: compares every role's word with its limit, five times a second."""

    name = "supervisor"

    def __init__(self, supervisor: Supervisor, clock: Clock, every_s: float = CHECK_EVERY_S) -> None:
        self._supervisor, self._clock, self._every_s = supervisor, clock, every_s
        self.posture = Posture(clock)
        self._parked = threading.Event()         # never set: a wait that a dump can name
        self._last_ns = clock.monotonic_ns()

    def on_start(self) -> None:
        self._last_ns = self._clock.monotonic_ns()

    def do_work(self) -> None:
        self._parked.wait(self._every_s)
        now_ns = self._clock.monotonic_ns()
        suspended = now_ns - self._last_ns > SUSPENDED_AFTER_NS
        self._last_ns = now_ns
        if not suspended:                        # after SIGCONT everybody looks late; they get one cycle to catch up
            self._supervisor.check(now_ns)

    def on_stop(self) -> None:
        pass
