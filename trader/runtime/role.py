"""The contract of a role and the thread shell that runs one."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from trader.runtime.clock import Clock

CYCLE_LIMIT_MS = 250         # a role parks no longer than this, so that stop is seen
CONNECTING_LIMIT_MS = 30_000 # name resolution and TLS know no better bound
_PR_SET_NAME = 15
_FOREVER_MS = 10**12


class Declared(NamedTuple):
    """What a role says it is doing, since when (monotonic), and how long that may take."""

    doing: str
    since_ns: int
    limit_ms: int

    def overdue_ms(self, now_ns: int) -> int:
        """Milliseconds beyond the declared limit; 0 or less while the role keeps its word."""
        return (now_ns - self.since_ns) // 1_000_000 - self.limit_ms


class Posture:
    """A role's word on what it does now. Writer: the role's thread. Readers: supervisor, thread dump."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.now = Declared("not started", clock.monotonic_ns(), _FOREVER_MS)
        self.cycles = 0
        self.crashed = False             # set by the runner, before anybody is told

    def declare(self, doing: str, limit_ms: int = CYCLE_LIMIT_MS) -> None:
        """Before anything that may block longer than a cycle: connecting, an HTTP request."""
        self.now = Declared(doing, self._clock.monotonic_ns(), limit_ms)

    def new_cycle(self) -> None:
        self.cycles += 1
        self.declare("cycle")


class Role(Protocol):
    """One job, one thread.

    All three hooks run on the role's own thread, in this order. `do_work` is one bounded cycle: it parks at one spot for
    at most 250 ms, or declares a longer limit first. In tests the hooks are called directly, without a thread.
    """

    @property
    def name(self) -> str: ...          # ≤ 15 bytes: Linux shows no more
    @property
    def posture(self) -> Posture: ...
    def on_start(self) -> None: ...
    def do_work(self) -> None: ...
    def on_stop(self) -> None: ...      # also after a crash


class RoleThread(threading.Thread):
    """Runs one role. `ask_to_stop` may be called from any thread; the rest is the runner's."""

    def __init__(self, role: Role, on_crash: Callable[[str, BaseException], None]) -> None:
        super().__init__(name=role.name, daemon=True)    # joined with a deadline; a hung role cannot keep the process
        if len(role.name.encode()) > 15:
            raise ValueError(f"thread name {role.name!r} is longer than 15 bytes; Linux would cut it.")
        self.role, self._on_crash = role, on_crash
        self._stopping = threading.Event()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        try:
            name_native_thread(self.name)
            self.role.posture.declare("starting", 30_000)
            self.role.on_start()
            while not self._stopping.is_set():
                self.role.posture.new_cycle()
                self.role.do_work()
        except BaseException as crash:      # the only broad catch of a role: nothing dies silently
            self.role.posture.crashed = True
            self._on_crash(self.name, crash)
        finally:
            self._stop_role()

    def _stop_role(self) -> None:
        try:
            self.role.posture.declare("stopping", 30_000)
            self.role.on_stop()
        except BaseException as crash:
            self._on_crash(self.name, crash)
        finally:
            self.role.posture.declare("stopped", _FOREVER_MS)


def name_native_thread(name: str) -> None:
    """Gives the calling thread its name in the kernel too, so that `top -H`, py-spy and gdb show it (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)
