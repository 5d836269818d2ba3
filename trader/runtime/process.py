"""The process around the threads: interpreter switches, garbage, timers, cores, real-time priority. `runtime:` of conf.yaml says which.

These are knobs of the whole process, so only whoever owns it turns them: `cli.py` does, a `Trader` never, an embedder where he wants
to (docs/performance.md). Everything here runs on the thread that starts the trader.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from trader.runtime.clock import Clock
from trader.runtime.garbage import QuietCollector
from trader.runtime.role import RoleThread
from trader.runtime.settings import RuntimeSettings, cores_of

log = logging.getLogger(__name__)

HOT = ("pm-book", "pm-user", "bn-ticker", "strategy", "executor", "gateway-")     # threads on the way from a price to an order
_M_ARENA_MAX = -8
_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30
_POLICIES = {getattr(os, name): name for name in ("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE")
             if hasattr(os, name)}


class _Before(NamedTuple):
    switch_interval_s: float
    collects: bool
    timer_slack_ns: int


class TunedProcess:
    """Turns the knobs for the length of a `with` block and back at its end, except the C library's pools of memory: there it keeps
    to the first number that it was told for as long as the process lives.

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
        set_malloc_pools(1)                                          # who has the interpreter has no rival for it
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
        return f"garbage collected when it is young or nothing is open ({gc.get_freeze_count()} objects set aside)"


def process_facts(native_id: int | None) -> dict[str, Any]:
    """What holds for the process now, whoever set it, and for one of its hot threads. Any thread; plain JSON values."""
    return {
        "switch_interval_us": round(sys.getswitchinterval() * 1e6),
        "gc": "python" if gc.isenabled() else "quiet",
        "resident_mb": resident_mb(),
        **_thread_facts(native_id),
    }


def resident_mb() -> float | None:
    """Memory that this process holds. None where there is no /proc."""
    try:
        return round(int(_text("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    except OSError:
        return None


def _text(path: str) -> str:
    """Of a small file of the kernel, with three system calls: a file object takes three more, and each gives the interpreter away."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096).decode("ascii")
    finally:
        os.close(descriptor)


def _thread_facts(native_id: int | None) -> dict[str, Any]:
    """Of a thread that has ended, or where the system does not tell: None."""
    facts: dict[str, Any] = {"timer_slack_us": None, "cpus": None, "scheduling": None}
    if native_id is None or sys.platform != "linux":
        return facts
    try:
        facts["cpus"] = sorted(os.sched_getaffinity(native_id))
        facts["scheduling"] = _POLICIES.get(os.sched_getscheduler(native_id), "other")
        facts["timer_slack_us"] = int(_text(f"/proc/{native_id}/timerslack_ns")) / 1_000
    except OSError:
        pass
    return facts


def set_malloc_pools(pools: int) -> None:
    """From how many pools the C library serves all threads; 0: as it thinks best, which is one a thread, and each keeps what it once
    needed. Nothing where the library is not glibc."""
    if hasattr(ctypes.CDLL(None), "mallopt"):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, pools)


def timer_slack_ns() -> int:
    """By how much the kernel may delay the end of a wait of the calling thread, to spare itself a wake-up. 0 off Linux."""
    return int(ctypes.CDLL(None).prctl(_PR_GET_TIMERSLACK, 0, 0, 0, 0)) if sys.platform == "linux" else 0


def set_timer_slack_ns(slack_ns: int) -> None:
    """Of the calling thread and of all that it starts afterwards."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(slack_ns), 0, 0, 0)


def prioritise_process(priority: int) -> None:
    """SCHED_FIFO for each thread that this process has; those that it starts later and its child processes inherit it. 0: none. Says in
    the log what holds."""
    threads = {thread.name: thread.native_id for thread in threading.enumerate() if thread.native_id is not None}
    if said := _prioritise(threads, priority):
        log.info("process: %s", said)


@contextlib.contextmanager
def one_below() -> Iterator[None]:
    """A process that is started inside gets one real-time priority less than the calling thread has, or none where that was the least;
    from its first instruction on, since it inherits it. Where the system refuses they stay level."""
    if sys.platform != "linux" or not (priority := os.sched_getparam(0).sched_priority):
        yield
        return
    policy = os.sched_getscheduler(0)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, policy if priority > 1 else os.SCHED_OTHER, os.sched_param(priority - 1))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, os.sched_param(priority))


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
