"""The process around the threads: interpreter switches, garbage, timers, cores, real-time priority. `runtime:` of conf.yaml says which.

These are knobs of the whole process, so only whoever owns it turns them: `cli.py` does, a `Trader` never, an embedder where he wants
to (docs/performance.md). Everything here runs on the thread that starts the trader, except the role `gc`.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from trader.runtime.clock import Clock
from trader.runtime.role import Posture, RoleThread
from trader.runtime.settings import RuntimeSettings, cores_of

log = logging.getLogger(__name__)

HOT = ("pm-book", "pm-user", "bn-ticker", "strategy", "executor", "gateway-")     # threads on the way from a price to an order
LOOK_S = 0.2
COLLECT_EVERY_NS = 60_000_000_000    # at most: a desk that is flat for an hour has no garbage to speak of
MOST_UNCOLLECTED = 500_000           # objects; then it is collected although orders are open
_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30
_POLICIES = {getattr(os, name): name for name in ("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE")
             if hasattr(os, name)}


class _Before(NamedTuple):
    switch_interval_s: float
    collects: bool
    timer_slack_ns: int


class TunedProcess:
    """Turns the knobs for the length of a `with` block and back at its end.

        with TunedProcess(settings.runtime, trader.is_flat, SystemClock()) as process:
            trader.start()
            process.threads_run(trader.stats()["roles"])
    """

    def __init__(self, settings: RuntimeSettings, is_flat: Callable[[], bool], clock: Clock) -> None:
        """`is_flat`: nothing is open at the venue and nothing may be placed now. Called on the thread `gc`."""
        self._settings = settings
        self._over = threading.Event()
        self._collector = RoleThread(QuietCollector(is_flat, clock, self._over),
                                     lambda name, why: log.error("%s failed", name, exc_info=why))
        self._before = _Before(sys.getswitchinterval(), gc.isenabled(), timer_slack_ns())

    def __enter__(self) -> TunedProcess:
        settings = self._settings
        sys.setswitchinterval(settings.switch_interval_us / 1e6)
        if settings.timer_slack_us:
            set_timer_slack_ns(settings.timer_slack_us * 1_000)      # the threads that are started now inherit it
        if settings.gc == "quiet":
            gc.collect()
            gc.disable()
        return self

    def threads_run(self, roles: Iterable[Mapping[str, Any]]) -> None:
        """Once they have been started: cores and priority are a thread's own. Says in the log what holds now."""
        hot = {role["name"]: role["native_id"] for role in roles if role["native_id"] is not None and role["name"].startswith(HOT)}
        said = [f"switch interval {self._settings.switch_interval_us} µs", self._freeze(),
                f"timer slack {timer_slack_ns() // 1_000} µs", _pin(hot, self._settings.cpus),
                _prioritise(hot, self._settings.realtime_priority)]
        log.info("process: %s", ", ".join(filter(None, said)))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._collector.ident is not None:
            self._collector.ask_to_stop()
            self._over.set()
            self._collector.join(1.0)
        sys.setswitchinterval(self._before.switch_interval_s)
        set_timer_slack_ns(self._before.timer_slack_ns)
        if self._settings.gc == "quiet":
            gc.unfreeze()
            if self._before.collects:
                gc.enable()

    def _freeze(self) -> str:
        """No pass over what the program consists of: it lives as long as the process."""
        if self._settings.gc == "python":
            return "garbage collected as Python does"
        gc.freeze()
        self._collector.start()
        return f"garbage collected while nothing is open ({gc.get_freeze_count()} objects set aside)"


class QuietCollector:
    """The role `gc`: collects cyclic garbage when a desk has become flat, as at every rollover. All else is freed by reference counts.

    What survives is set aside, so that the next pass looks only at what came since. The interpreter stands still during a pass.
    """

    name = "gc"

    def __init__(self, is_flat: Callable[[], bool], clock: Clock, over: threading.Event) -> None:
        """`over` is set when it need not wait any longer."""
        self._is_flat, self._clock, self._over = is_flat, clock, over
        self.posture = Posture(clock)
        self._last_ns = clock.monotonic_ns()

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        self._over.wait(LOOK_S)
        waits = gc.get_count()[0]
        if waits > MOST_UNCOLLECTED:
            log.warning("gc: %d objects wait, at most %d may; collecting although orders may be open. A desk that is never flat for "
                        "long does this; set runtime.gc: python if it happens often.", waits, MOST_UNCOLLECTED)
            self._collect()
        elif self._clock.monotonic_ns() - self._last_ns >= COLLECT_EVERY_NS and self._is_flat():
            self._collect()

    def on_stop(self) -> None:
        pass

    def _collect(self) -> None:
        began_ns = self._clock.monotonic_ns()
        found = gc.collect()
        gc.freeze()
        self._last_ns = self._clock.monotonic_ns()
        log.info("gc: %d objects of garbage, %.1f ms", found, (self._last_ns - began_ns) / 1e6)


def process_facts(native_id: int | None) -> dict[str, Any]:
    """What holds for the process now, whoever set it, and for one of its hot threads. Any thread; plain JSON values."""
    return {
        "switch_interval_us": round(sys.getswitchinterval() * 1e6),
        "gc": "python" if gc.isenabled() else "quiet",
        "gc_waiting": gc.get_count()[0],
        "resident_mb": resident_mb(),
        **_thread_facts(native_id),
    }


def resident_mb() -> float | None:
    """Memory that this process holds. None where there is no /proc."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return round(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    except OSError:
        return None


def _thread_facts(native_id: int | None) -> dict[str, Any]:
    """Of a thread that has ended, or where the system does not tell: None."""
    facts: dict[str, Any] = {"timer_slack_us": None, "cpus": None, "scheduling": None}
    if native_id is None or sys.platform != "linux":
        return facts
    try:
        facts["cpus"] = sorted(os.sched_getaffinity(native_id))
        facts["scheduling"] = _POLICIES.get(os.sched_getscheduler(native_id), "other")
        with open(f"/proc/{native_id}/timerslack_ns", encoding="ascii") as slack:
            facts["timer_slack_us"] = int(slack.read()) / 1_000
    except OSError:
        pass
    return facts


def timer_slack_ns() -> int:
    """By how much the kernel may delay the end of a wait of the calling thread, to spare itself a wake-up. 0 off Linux."""
    return int(ctypes.CDLL(None).prctl(_PR_GET_TIMERSLACK, 0, 0, 0, 0)) if sys.platform == "linux" else 0


def set_timer_slack_ns(slack_ns: int) -> None:
    """Of the calling thread and of all that it starts afterwards."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(slack_ns), 0, 0, 0)


def _pin(hot: Mapping[str, int], text: str) -> str:
    if not text:
        return ""
    cores = cores_of(text)
    refused = _refused(hot, lambda native_id: os.sched_setaffinity(native_id, cores))
    if refused:
        log.warning("runtime.cpus: the system refused cores %s for %s. Name cores that exist and that this process may use.", text, refused)
        return "not pinned"
    return f"hot threads on cores {text}"


def _prioritise(hot: Mapping[str, int], priority: int) -> str:
    if not priority:
        return ""
    refused = _refused(hot, lambda native_id: os.sched_setscheduler(native_id, os.SCHED_FIFO, os.sched_param(priority)))
    if refused:
        log.warning("runtime.realtime_priority: the system refused priority %d for %s. Grant CAP_SYS_NICE or an rtprio limit of at least "
                    "that (`ulimit -r`, LimitRTPRIO= of systemd); until then they run like any other thread.", priority, refused)
        return "no real-time priority"
    return f"hot threads at SCHED_FIFO {priority}"


def _refused(hot: Mapping[str, int], ask: Callable[[int], None]) -> str:
    """The first thread for which the system says no, and why; empty when it agreed to all."""
    for name, native_id in hot.items():
        try:
            ask(native_id)
        except ProcessLookupError:
            continue                             # it has ended: the supervisor says so
        except (OSError, AttributeError) as why:         # AttributeError: a system that knows no such thing
            return f"{name} ({getattr(why, 'strerror', None) or 'not on this system'})"
    return ""
