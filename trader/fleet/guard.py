"""Keeps the fleet's process alive for the length of a run: asks it every second how it is, and starts another when it died or is mute.

Thread `fleet`: it parks between two looks, or in the wait for an answer. Everybody else reads the newest look, and never waits for
the other process.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from trader.errors import ConfigError, ControlError, RoleFailed, TraderError
from trader.fleet.child import FleetChild
from trader.runtime.clock import Clock
from trader.runtime.role import name_native_thread
from trader.settings import Settings

log = logging.getLogger(__name__)

LOOK_S = 1.0
MOST_MUTE = 3                        # looks in a row without an answer; then it hangs
OLD_NS = 15_000_000_000              # an answer this old tells nothing of now
MOST_RESTARTS = 3                    # within …
WITHIN_NS = 60_000_000_000           # … a minute; one that dies more often has a reason that a restart does not cure
ACTIONS_SHOWN = 10

OnAction = Callable[[dict[str, Any]], None]


class Child(Protocol):
    """A `FleetChild`, as far as it is used here."""

    @property
    def pid(self) -> int: ...
    def exit_code(self) -> int | None: ...
    def stats(self) -> dict[str, Any]: ...
    def stop(self) -> int: ...
    def kill(self) -> None: ...


class Look(NamedTuple):
    """What the fleet said of itself, and when."""

    stats: dict[str, Any]
    at_ns: int


class FleetGuard:
    """One fleet, running when the constructor returns; raises what it raised. All else may be called from any thread."""

    def __init__(self, start: Callable[[OnAction], Child], clock: Clock, on_given_up: Callable[[TraderError], None]) -> None:
        """`on_given_up` is called once, on the thread `fleet`, when it is not started again any more."""
        self._start, self._clock, self._on_given_up = start, clock, on_given_up
        self._restarts: deque[int] = deque(maxlen=MOST_RESTARTS)
        self._stopping = threading.Event()
        self._life = threading.Lock()                # a stop and a restart do not pass each other
        self._last_actions: deque[dict[str, Any]] = deque(maxlen=ACTIONS_SHOWN)
        self._actions = self._mute = self.restarts = 0
        self.failure: TraderError | None = None
        self._child = start(self._take_action)
        self._newest = Look({"running": True}, clock.monotonic_ns())
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def watch(self) -> None:
        """Starts the thread. Tests call `look` instead."""
        self._thread.start()

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._child.pid

    def stats(self) -> dict[str, Any]:
        """docs/fleet.md; as of the newest look."""
        return {**self._newest.stats, "restarts": self.restarts, "actions": self._actions, "last_actions": list(self._last_actions)}

    def ailment(self) -> str:
        """Why it is not well; empty when it is."""
        if self.failure is not None:
            return self.failure.problem
        newest = self._newest
        if self._clock.monotonic_ns() - newest.at_ns > OLD_NS:
            return f"its process (pid {self.pid}) does not answer"
        if not newest.stats["running"]:
            return "its process has ended and is started again"
        return "; ".join(f"{name}: {verdict['reason']}" for name, verdict in newest.stats.get("health", {}).items() if not verdict["ok"])

    def stop(self) -> None:
        """Returns when the whole process tree is gone, and this thread."""
        self._stopping.set()
        with self._life:
            self._child.stop()
        self._newest = Look({**self._newest.stats, "running": False}, self._clock.monotonic_ns())
        if self._thread.is_alive():
            self._thread.join(LOOK_S)

    # --- thread fleet ---

    def look(self) -> None:
        """One look at the process, and what follows from it."""
        code = self._child.exit_code()
        if code is not None:
            self._newest = Look({"running": False}, self._clock.monotonic_ns())
            self._restart(f"ended with exit code {code}")
            return
        try:
            stats = self._child.stats()
        except ControlError as why:
            self._mute += 1
            log.warning("%s", why)
            if self._mute >= MOST_MUTE:
                self._child.kill()                   # one that hangs does not end in order
                self._restart(f"did not answer {MOST_MUTE} times in a row")
            return
        self._mute = 0
        self._newest = Look(stats, self._clock.monotonic_ns())

    def _run(self) -> None:
        name_native_thread(self._thread.name)
        while self.failure is None and not self._stopping.is_set():
            self.look()
            self._stopping.wait(LOOK_S)

    def _restart(self, why: str) -> None:
        with self._life:
            if self._stopping.is_set():
                return
            now_ns, pid = self._clock.monotonic_ns(), self._child.pid
            self._child.stop()                       # closes its pipes
            if len(self._restarts) == MOST_RESTARTS and now_ns - self._restarts[0] < WITHIN_NS:
                self._give_up(RoleFailed(f"the fleet (pid {pid}) {why}, {MOST_RESTARTS + 1} times within a minute.",
                                         remedy="Its last words are in the log above; start again once the cause is gone."))
                return
            self._restarts.append(now_ns)
            self._mute = 0
            log.error("the fleet (pid %d) %s; it is started again", pid, why)
            try:
                self._child = self._start(self._take_action)
            except TraderError as failed:
                self._give_up(failed)
                return
            self.restarts += 1
            log.warning("the fleet is back: pid %d", self._child.pid)

    def _give_up(self, failure: TraderError) -> None:
        log.error("%s", failure)
        self.failure = failure
        self._on_given_up(failure)

    def _take_action(self, action: dict[str, Any]) -> None:      # thread fleet-answers
        self._actions += 1
        self._last_actions.append(action)


def beside_a_desk(settings: Settings, clock: Clock, on_given_up: Callable[[TraderError], None]) -> FleetGuard | None:
    """None when these settings switch it off. Raises ConfigError when they want it alone."""
    if settings.fleet.alone:
        raise ConfigError("fleet.alone is true: that is a run without a desk.", remedy="Use trader.fleet_run.FleetRun, or set it to false.")
    return fleet_of(settings, clock, on_given_up) if settings.fleet.enabled else None


def fleet_of(settings: Settings, clock: Clock, on_given_up: Callable[[TraderError], None]) -> FleetGuard:
    """The fleet of these settings, watched."""
    venue = settings.polymarket
    guard = FleetGuard(partial(_child, settings), clock, on_given_up)
    guard.watch()
    log.info("fleet: pid %d, %s and %s", guard.pid, venue.gamma_url, venue.ws_url)
    return guard


def _child(settings: Settings, on_action: OnAction) -> FleetChild:
    return FleetChild(settings.fleet, settings.feeds, ws_url=settings.polymarket.ws_url, gamma_url=settings.polymarket.gamma_url,
                      ops=settings.ops, switch_interval_us=settings.runtime.switch_interval_us,
                      realtime_priority=_priority(settings), on_action=on_action)


def _priority(settings: Settings) -> int:
    """None beside a desk, whose other threads have none either and may hold its interpreter: they must not wait for a worker."""
    return settings.runtime.realtime_priority if settings.fleet.alone else 0
