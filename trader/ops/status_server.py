"""The status server: health, stats, metrics, thread dump and dashboard over HTTP, for readers only.

Role `ops-http` waits for its sockets and once a second takes a row for the charts; its workers `ops-http-1` and `ops-http-2`
build the pages. A port that cannot be had is a warning: trading goes on without the server.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from trader.ops.series import EVERY_NS, Series
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown, StatusPages
from trader.runtime.clock import Clock
from trader.runtime.role import Posture, name_native_thread

log = logging.getLogger(__name__)

WORKERS = 2
PARK_S = 0.2
END_WITHIN_S = 1.0
_LIMITS = {                              # of waitress: a reader that stalls, floods or sends nonsense takes little
    "connection_limit": 64, "channel_timeout": 60, "cleanup_interval": 10, "max_request_header_size": 16_384,
    "max_request_body_size": 65_536, "ident": None, "log_socket_errors": False, "expose_tracebacks": False,
}


class StatusRole:
    """`on_listening` hears the address, on this role's thread, once there is one."""

    name = "ops-http"

    def __init__(self, settings: OpsSettings, trader: Shown, clock: Clock, on_listening: Callable[[str], None]) -> None:
        self._settings, self._trader, self._clock, self._on_listening = settings, trader, clock, on_listening
        self.posture = Posture(clock)
        self.series = Series()
        self._due_ns = 0
        self._sockets: dict[int, Any] = {}       # waitress keeps its channels here
        self._workers = _Workers(self.name)
        self._parked = threading.Event()         # never set: where this thread waits when there is no server

    def on_start(self) -> None:
        listener = _listener(self._settings)
        if listener is None:
            return
        pages = StatusPages(self._trader, self.series, self._settings.status_token)
        self._workers.set_thread_count(WORKERS)
        create_server(pages, map=self._sockets, _dispatcher=self._workers, sockets=[listener], **_LIMITS)
        url = _url(listener)
        log.info("status server: %s shows the dashboard; /health /stats /metrics /threads", url)
        self._on_listening(url)

    def do_work(self) -> None:
        if not self._sockets:
            self._parked.wait(PARK_S)
            return
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + EVERY_NS
            self.series.add(self._trader.stats(), self._clock.wall_ms())
        wait_ms = min(int(PARK_S * 1000), math.ceil((self._due_ns - now_ns) / 1e6))
        wasyncore.loop(timeout=wait_ms / 1000, use_poll=True, map=self._sockets, count=1)

    def on_stop(self) -> None:
        self._workers.end(END_WITHIN_S)
        wasyncore.close_all(self._sockets, ignore_all=True)


class _Workers(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Waitress' pool under names of ours, in the kernel too, and joined at the end."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._started: list[threading.Thread] = []

    def start_new_thread(self, target: Callable[[int], None], thread_no: int) -> None:
        name = f"{self._prefix}-{thread_no + 1}"

        def run() -> None:
            name_native_thread(name)
            target(thread_no)

        self._started.append(threading.Thread(target=run, name=name, daemon=True))
        self._started[-1].start()

    def add_task(self, task: Any) -> None:
        """Without waitress' own warning whenever a request waits a moment for a worker."""
        with self.lock:
            self.queue.append(task)
            self.queue_cv.notify()

    def end(self, within_s: float) -> None:
        self.shutdown(timeout=within_s)
        for thread in self._started:
            thread.join(within_s)


def _listener(settings: OpsSettings) -> socket.socket | None:
    """On the port of the settings; where that one is taken, on a free one; None when the address itself is impossible."""
    host, port = settings.status_bind, settings.status_port
    try:
        return _bound(host, port)
    except OSError as taken:
        reason = taken.strerror or str(taken)
    try:
        listener = _bound(host, 0)
    except OSError as impossible:
        log.warning("no status server: ops.status_bind %s cannot be bound (%s). Set it to an address of this machine. Trading goes on.",
                    host, impossible.strerror or impossible)
        return None
    log.warning("ops.status_port %d of %s cannot be had (%s), so the status server takes a free one. Set ops.status_port to another, "
                "or to 0 for a free one without this warning.", port, host, reason)
    return listener


def _bound(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
