"""What a signal asked for, done on a thread of its own: SIGUSR1's thread dump, SIGHUP's reload.

Thread `signals`, started by the command line. A signal handler interrupts the main thread anywhere, perhaps with the log's lock held,
so it may only `ring`: one write to a pipe. Works also while the main thread starts or stops.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
from collections.abc import Callable, Mapping

from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_MS = 200
ERRAND_LIMIT_MS = 10_000


class Errands:
    """`does`: what is done for each byte that may be rung. Rings of the same errand coalesce."""

    name = "signals"

    def __init__(self, does: Mapping[bytes, Callable[[], None]], clock: Clock) -> None:
        self._does = does
        self.posture = Posture(clock)
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)

    def ring(self, errand: bytes) -> None:           # signal handler
        with contextlib.suppress(BlockingIOError):       # a full pipe is thousands of unread rings: the next ring comes through
            os.write(self._write_end, errand)

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        poll = select.poll()                         # `select` refuses descriptors above 1023
        poll.register(self._read_end, select.POLLIN)
        if not poll.poll(PARK_MS):
            return
        rung = os.read(self._read_end, 65_536)
        for errand, do in self._does.items():
            if errand in rung:
                self.posture.declare(f"errand {errand.decode()}", ERRAND_LIMIT_MS)
                self._run(do)

    def on_stop(self) -> None:
        pass                                         # the pipe lives as long as a handler may ring

    def close(self) -> None:
        """After the handlers are gone and the thread has ended."""
        os.close(self._read_end)
        os.close(self._write_end)

    @staticmethod
    def _run(do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:                            # one that fails must not cost the next one
            log.exception("an errand of a signal failed; trading goes on")
