"""The role `gc`: memory that only a search finds. All else is freed by reference counts. Started by `TunedProcess`, fed by nobody.

With the collector switched off, what refers to itself stays until this thread looks for it: an answer of httpx does, and holds its
connection. What is young is looked through once a second, some hundred objects in a few tens of microseconds; everything, for which the
interpreter stands still for longer, when a desk has become flat. Then the C library's free pages go back to the system too.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
from collections.abc import Callable

from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

LOOK_S = 0.2
YOUNG_EVERY_NS = 1_000_000_000
COLLECT_EVERY_NS = 60_000_000_000    # at most: a desk that is flat for an hour has no garbage to speak of
MOST_UNCOLLECTED = 500_000           # objects; then everything is looked through although orders are open


class QuietCollector:
    """What survives a whole pass is set aside, so that the next one looks only at what came since."""

    name = "gc"

    def __init__(self, is_flat: Callable[[], bool], clock: Clock, over: threading.Event) -> None:
        """`over` is set when it need not wait any longer."""
        self._is_flat, self._clock, self._over = is_flat, clock, over
        self.posture = Posture(clock)
        self._young_ns = self._collected_ns = clock.monotonic_ns()
        self._grown = 0              # at most so many objects came since the last whole pass: made minus gone, second by second

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        self._over.wait(LOOK_S)
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._young_ns >= YOUNG_EVERY_NS:
            self._young_ns = now_ns
            self._grown += gc.get_count()[0]
            gc.collect(0)
        if now_ns - self._collected_ns >= COLLECT_EVERY_NS and (self._is_flat() or self._is_crowded()):
            self._collect()

    def on_stop(self) -> None:
        pass

    def _is_crowded(self) -> bool:
        """Counting holds the interpreter for a tenth of a microsecond an object and more: only when they can be that many."""
        if self._grown <= MOST_UNCOLLECTED:
            return False
        self._grown = waiting = uncollected()
        if waiting > MOST_UNCOLLECTED:
            log.warning("gc: %d objects wait, at most %d may; collecting although orders may be open. A desk that is never flat for "
                        "long does this; set runtime.gc: python if it happens often.", waiting, MOST_UNCOLLECTED)
        return waiting > MOST_UNCOLLECTED

    def _collect(self) -> None:
        began_ns = self._clock.monotonic_ns()
        found = gc.collect()
        gc.freeze()
        give_back()
        self._grown = 0
        self._collected_ns = self._clock.monotonic_ns()
        log.info("gc: %d objects of garbage, %.1f ms", found, (self._collected_ns - began_ns) / 1e6)


def uncollected() -> int:
    """Objects that came since the last whole pass, live or not."""
    return sum(len(gc.get_objects(generation)) for generation in range(3))


def give_back() -> None:
    """Free pages of the C library to the system. It keeps what once was in use, a pool for each of the threads, and would grow by
    every peak of any of them. Nothing where the library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
