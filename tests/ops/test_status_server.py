"""The status server on real loopback sockets: where it listens, what garbage does to it, what is left of it at the end."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader.model.setting import Secret
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown
from trader.ops.status_server import StatusRole, url_of
from trader.runtime.clock import Clock, SystemClock
from trader.testing.manual_clock import ManualClock

TOKEN = "a-token-of-24-characters"


def shown() -> Shown:
    return Shown(stats=lambda: {"mode": "live", "roles": [], "depths": {}, "text": "ä"},
                 health=lambda: {"ok": True, "components": {}, "trading_mode": "STOP", "guards": []},
                 latencies=dict, threads_text=lambda: "threads")


class Served:
    """A role that is stepped on a thread of this test's until it is closed."""

    def __init__(self, ops: OpsSettings, trader: Shown | None = None, clock: Clock | None = None) -> None:
        self.urls: list[str] = []
        self.role = StatusRole(ops, trader or shown(), clock or SystemClock(), self.urls.append)
        self._closing = threading.Event()
        self.role.on_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        split = urlsplit(self.urls[0])
        return str(split.hostname), int(split.port or 0)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, garbage: bytes) -> bytes:
        """What came back before the other side closed, or nothing more came. It may close before it has read everything."""
        said = b""
        with socket.create_connection(self.address, timeout=0.5) as connection, contextlib.suppress(OSError):
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65_536):
                said += chunk
        return said

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self.role.on_stop()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.role.do_work()


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    served: list[Served] = []

    def start(**ops: Any) -> Served:
        served.append(Served(OpsSettings(**{"status_port": 0, **ops})))
        return served[-1]

    yield start
    for one in served:
        one.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    served = Served(OpsSettings(status_port=0, status_token=Secret(TOKEN)))
    yield served
    served.close()


def test_pages_are_served_on_loopback_and_nowhere_else_by_default(serve: Serve) -> None:
    served = serve()
    assert served.address[0] == "127.0.0.1"
    assert served.get("/health")[0] == 200 and served.get("/stats")[1].decode().count("ä") == 1


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    connection = http.client.HTTPConnection(*serve().address, timeout=5)
    for path in ("/", "/stats", "/metrics", "/threads", "/series") * 3:
        connection.request("GET", path)
        assert connection.getresponse().read()
    connection.close()


def test_a_second_trader_takes_a_free_port_and_says_so(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    first = serve()
    second = serve(status_port=first.address[1])
    assert second.address != first.address and second.get("/health")[0] == 200
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "ops.status_port" in caplog.text


def test_an_address_of_another_machine_is_a_warning_and_the_role_goes_on_without_a_server(caplog: pytest.LogCaptureFixture) -> None:
    role = StatusRole(OpsSettings(status_bind="192.0.2.1"), shown(), ManualClock(), lambda url: None)
    role.on_start()
    role.do_work()
    role.on_stop()
    assert "ops.status_bind 192.0.2.1 cannot be bound" in caplog.text and "Trading goes on" in caplog.text


@pytest.mark.parametrize(("address", "url"), [
    (("127.0.0.1", 8787), "http://127.0.0.1:8787/"), (("::1", 8787, 0, 0), "http://[::1]:8787/"), (("::", 80, 0, 0), "http://[::]:80/"),
])
def test_the_address_that_it_shows_can_be_opened(address: tuple[str | int, ...], url: str) -> None:
    assert url_of(address) == url


def test_charts_get_a_row_a_second(serve: Serve) -> None:
    clock, urls = ManualClock(), []
    role = StatusRole(OpsSettings(status_port=0), shown(), clock, urls.append)
    role.on_start()
    for _ in range(4):
        role.do_work()
        clock.advance(ms=500)
    role.on_stop()
    assert len(role.series.since(0, 0)["rows"]) == 2


def test_the_trader_is_asked_once_a_second_however_many_readers_there_are() -> None:
    asked: list[str] = []

    def stats() -> dict[str, Any]:
        asked.append("stats")
        return {"mode": "live", "roles": [], "number": len(asked)}

    served = Served(OpsSettings(status_port=0), shown()._replace(stats=stats), clock := ManualClock())
    numbers = {served.get("/stats")[1].split(b":")[-1] for _ in range(10)} | {served.get("/metrics")[0] for _ in range(10)}
    clock.advance(ms=1_000)
    while len(asked) == 1:
        served.get("/health")
    later = served.get("/stats")[1]
    served.close()
    assert numbers == {b"1}", 200} and later.endswith(b":2}") and len(asked) == 2


def test_a_scrape_right_behind_a_look_at_the_health_shares_it_and_a_later_look_is_new() -> None:
    asked: list[bool] = []

    def health() -> dict[str, Any]:
        asked.append(True)
        return {"ok": len(asked) == 1, "components": {}}

    served = Served(OpsSettings(status_port=0), shown()._replace(health=health), clock := ManualClock())
    first = [served.get("/health")[0], served.get("/metrics")[0], len(asked)]
    clock.advance(ms=100)
    later = [served.get("/health")[0], len(asked)]
    served.close()
    assert (first, later) == ([200, 200, 1], [503, 2])


def test_nothing_is_left_of_it_at_the_end() -> None:
    def left() -> tuple[int, list[str]]:
        return len(os.listdir("/proc/self/fd")), sorted(thread.name for thread in threading.enumerate())

    before = left()
    served = Served(OpsSettings(status_port=0))
    served.get("/stats")
    served.close()
    assert left() == before


@pytest.mark.parametrize("garbage", [
    b"", b"\r\n", b"GET\r\n\r\n", b"GET /stats HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /stats HTTP/1.1\r\nHost:\xff\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    b"POST /stats HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"GET /%00%ff%2e%2e HTTP/1.1\r\n\r\n",
    b"GET http://evil/stats HTTP/1.1\r\nHost: evil\r\n\r\n",
    b"GET /stats HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])
def test_garbage_is_refused_and_the_next_reader_is_served(server: Served, garbage: bytes) -> None:
    said = server.send(garbage)
    assert b" 200 " not in said.split(b"\r\n")[0] and TOKEN.encode() not in said and b"Traceback" not in said
    assert server.get("/health", Authorization=f"Bearer {TOKEN}")[0] == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=80).map(lambda text: f"GET /{text} HTTP/1.1\r\nHost: {text}\r\n\r\n".encode()))
def test_no_bytes_end_the_server_or_make_it_log_an_error(server: Served, caplog: pytest.LogCaptureFixture, garbage: bytes) -> None:
    with caplog.at_level(logging.ERROR):
        server.send(garbage)
    assert server.get("/stats", Authorization=f"Bearer {TOKEN}")[0] == 200 and not caplog.records


def test_requests_that_come_in_one_piece_are_answered_one_by_one(server: Served) -> None:
    one = f"GET /health HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    said = server.send(one * 99 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert said.count(b"HTTP/1.1 200 OK") == 100


def test_a_reader_that_asks_for_more_and_leaves_his_answers_unread_is_disconnected() -> None:
    built: list[str] = []

    def threads_text() -> str:
        built.append("x" * 100_000)
        return built[-1]

    served = Served(OpsSettings(status_port=0), shown()._replace(threads_text=threads_text))
    with socket.create_connection(served.address, timeout=5) as deaf:
        deaf.sendall(b"GET /threads HTTP/1.1\r\n\r\n" * 300)       # 30 MB of answers; the kernel takes a few
        assert [served.get("/health")[0] for _ in range(400)] == [200] * 400
        assert 0 < len(built) < 150
        with contextlib.suppress(ConnectionResetError):              # or an orderly end, but no TimeoutError
            while deaf.recv(1_000_000):
                pass
    served.close()


def test_readers_that_send_nothing_do_not_keep_others_out(server: Served) -> None:
    idle = [socket.create_connection(server.address) for _ in range(40)]
    assert server.get("/stats", Authorization=f"Bearer {TOKEN}")[0] == 200
    for connection in idle:
        connection.close()
