"""Keeps the embedded exchange of a desk alive: a child that dies is started again on the same ports with the same state.

Thread `exchange` parks in the wait for the child's end. The state lives in a temporary folder, which goes with `stop`. The desk
sees an outage of about half a second, as from a venue that fell over, and finds its orders, cash and tokens again.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import Any

from trader.errors import TraderError
from trader.exchange.child import READY_WITHIN_S, STOPPED_WITHIN_S, ExchangeChild, ExchangeUrls
from trader.runtime.clock import Clock
from trader.runtime.role import name_native_thread

log = logging.getLogger(__name__)

MOST_RESTARTS = 3                   # within …
WITHIN_NS = 60 * 1_000_000_000      # … a minute; one that dies more often has a reason that a restart does not cure


class ExchangeKeeper:
    """One exchange for the length of a run. Options are `ExchangeChild`'s. `exit_code` and `stop` may be called from any thread."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self._clock = clock
        self._folder = tempfile.mkdtemp(prefix="trader-exchange-")
        self._options = {**options, "state": Path(self._folder) / "state"}
        self._restarts: deque[int] = deque(maxlen=MOST_RESTARTS)
        self._stopping = threading.Event()
        self._gave_up: int | None = None
        try:
            self._child = ExchangeChild(**self._options)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.urls: ExchangeUrls = self._child.urls
        self._options |= {name: url.rpartition(":")[2] for name, url in (("port", self.urls.rest_url), ("ws_port", self.urls.ws_url))}
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Of the child that runs now."""
        return self._child.urls.pid

    def exit_code(self) -> int | None:
        """None while it runs or is being started again; else what the last one ended with."""
        return self._gave_up

    def stop(self) -> None:
        """Returns when the process and its state are gone."""
        self._stopping.set()
        self._child.stop()
        self._thread.join(READY_WITHIN_S + STOPPED_WITHIN_S)     # it may just be starting another
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        name_native_thread(self._thread.name)
        while self._gave_up is None:
            code = self._child.wait()
            if self._stopping.is_set():
                return
            self._child.stop()              # closes its pipes
            self._restart_after(code)

    def _restart_after(self, code: int) -> None:
        now_ns = self._clock.monotonic_ns()
        if len(self._restarts) == MOST_RESTARTS and now_ns - self._restarts[0] < WITHIN_NS:
            log.error("the embedded exchange died %d times within a minute; it is not started again", MOST_RESTARTS + 1)
            self._gave_up = code
            return
        self._restarts.append(now_ns)
        log.warning("the embedded exchange (pid %d) died with exit code %d; starting it again on the same ports with its state",
                    self.pid, code)
        try:
            self._child = ExchangeChild(**self._options)
        except TraderError as failed:
            log.error("%s", failed)
            self._gave_up = code
            return
        if self._stopping.is_set():
            self._child.stop()
        log.warning("the embedded exchange is back: pid %d", self.pid)
