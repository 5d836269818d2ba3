"""The status server: health, stats, metrics, thread dump and dashboard over HTTP, for readers only.

Role `ops-http` waits for its sockets and builds the pages. Once a second it asks the trader for its stats, which charts and pages share,
so that readers cost little more the more they are. A port that cannot be had is a warning: trading goes on without the server.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from trader.ops.series import EVERY_NS, Series
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown, StatusPages
from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_S = 0.2
SHARED_NS = 100_000_000
MOST_AT_ONCE = 100                       # requests between two looks at the sockets
MOST_UNREAD_BYTES = 1_000_000            # of answers to one reader
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
        self._stats: dict[str, Any] = {}         # of the last look
        self._health: tuple[dict[str, Any], int] | None = None       # the last answer, and when it was given
        self._due_ns = 0
        self._sockets: dict[int, Any] = {}       # waitress keeps its channels here
        self._requests = _Requests()
        self._parked = threading.Event()         # never set: where this thread waits when there is no server

    def on_start(self) -> None:
        listener = _listener(self._settings)
        if listener is None:
            return
        shown = self._trader._replace(stats=lambda: self._stats, health=self._examined)
        pages = StatusPages(shown, self.series, self._settings.status_token)
        server = create_server(pages, map=self._sockets, _dispatcher=self._requests, sockets=[listener], **_LIMITS)
        server.pull_trigger = _Requests.nobody_waits
        url = url_of(listener.getsockname())
        log.info("status server: %s shows the dashboard; /health /stats /metrics /threads", url)
        self._on_listening(url)

    def do_work(self) -> None:
        if not self._sockets:
            self._parked.wait(PARK_S)
            return
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + EVERY_NS
            self._stats = self._trader.stats()
            self.series.add(self._stats, self._clock.wall_ms())
        wait_ms = 0 if self._requests else min(int(PARK_S * 1000), math.ceil((self._due_ns - now_ns) / 1e6))
        wasyncore.loop(timeout=wait_ms / 1000, use_poll=True, map=self._sockets, count=1)
        self._requests.answer()

    def on_stop(self) -> None:
        self._requests.shutdown()
        wasyncore.close_all(self._sockets, ignore_all=True)

    def _examined(self) -> dict[str, Any]:
        """Of the moment; a scrape right behind `/health` shares its answer."""
        now_ns = self._clock.monotonic_ns()
        if self._health is None or now_ns - self._health[1] >= SHARED_NS:
            self._health = self._trader.health(), now_ns
        return self._health[0]


class _Requests:
    """What waitress calls a task dispatcher, without threads: pages only read, so the thread that waits for the sockets answers
    itself. Handing a request to another thread and its answer back would cost more than most pages do."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()      # connections with a request that is complete

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add_task(self, connection: Any) -> None:
        """Called by waitress. One connection is in here once, however many requests it has sent."""
        self._waiting.append(connection)

    def answer(self) -> None:
        """Who asks for more while he leaves his answers unread is disconnected."""
        for _ in range(min(len(self._waiting), MOST_AT_ONCE)):
            connection = self._waiting.popleft()
            if connection.total_outbufs_len > MOST_UNREAD_BYTES:
                connection.handle_close()
            else:
                connection.service()

    @staticmethod
    def nobody_waits() -> None:
        """In place of what wakes the thread at the sockets when another has answered: a turn through the kernel a request."""

    def shutdown(self) -> None:
        self._waiting.clear()


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


def url_of(address: Sequence[str | int]) -> str:
    """`address` as `getsockname` has it: two parts, or the four of IPv6."""
    host, port = str(address[0]), address[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
