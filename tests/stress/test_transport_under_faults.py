"""The order transport against a real server that misbehaves at random, plain and over TLS with a throw-away authority.

Each request carries a number and each proper answer repeats it. Whatever the server does, a number arrives there at most once, and
no request ever gets the answer to another.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading

import httpx
import pytest
import trustme

from trader.gateway.dialer import Dialer
from trader.gateway.transport import OrderTransport
from trader.runtime.clock import SystemClock

DEADLINE_S = 0.3
REQUESTS = 150


def good(number, *extra):
    body = b"%d" % number
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *extra, b"", body])


def chunked(number):
    chunks = b"".join(b"1\r\n%c\r\n" % digit for digit in b"%d" % number)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


class FaultyServer:
    """One thread a connection. Every request is answered in one of these ways, chosen from a seed."""

    def __init__(self, seed, context=None):
        self._random, self._context = random.Random(seed), context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.seen, self._stop = [], threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            connection.settimeout(5)
            while not self._stop.is_set():
                number = self._read_number(connection)
                if number is None or not self._answer(connection, number):
                    return

    def _read_number(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(4096)
            if not piece:
                return None
            data += piece
        self.seen.append(int(data.split(b"\r\n\r\n")[1]))
        return self.seen[-1]

    def _answer(self, connection, number):
        """False: the connection ends here."""
        match self._random.choice(["good"] * 6 + ["chunked", "bytewise", "close", "close later", "late", "torn", "extra", "silent"]):
            case "good":
                connection.sendall(good(number))
            case "chunked":
                connection.sendall(chunked(number))
            case "bytewise":
                for byte in good(number):
                    connection.sendall(bytes([byte]))
            case "close":
                connection.sendall(good(number, b"Connection: close"))
                return False
            case "close later":
                connection.sendall(good(number))
                return False
            case "late":
                self._stop.wait(DEADLINE_S + 0.1)
                connection.sendall(good(number))
            case "torn":
                connection.sendall(good(number)[:-1])
                return False
            case "extra":
                connection.sendall(good(number) + good(-1))
            case "silent":
                return False
        return True


@pytest.fixture(params=["plain", "tls"])
def setting(request):
    """(server, transport to it)."""
    authority, clock = trustme.CA(), SystemClock()
    server_side = client_side = None
    if request.param == "tls":
        server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").configure_cert(server_side)
        authority.configure_trust(client_side)
    server = FaultyServer(7, server_side)
    scheme = "https" if client_side else "http"
    transport = OrderTransport(Dialer(f"{scheme}://127.0.0.1:{server.port}", clock, client_side), clock)
    yield server, transport
    transport.close()
    server.close()


def ask(transport, number):
    request = httpx.Request("POST", "http://127.0.0.1/", content=b"%d" % number,
                            extensions={"timeout": {"read": DEADLINE_S, "connect": 5.0}})
    return transport.handle_request(request)


def test_every_request_arrives_at_most_once_and_no_answer_is_given_to_another(setting):
    server, transport = setting
    answered = 0
    for number in range(REQUESTS):
        try:
            answer = ask(transport, number)
        except httpx.TransportError:
            continue
        answered += 1
        assert int(answer.content) == number
    assert len(server.seen) == len(set(server.seen))
    assert answered > REQUESTS // 2 and transport.opened > 10


def test_a_certificate_of_an_unknown_authority_is_refused_and_nothing_is_sent():
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server_side)
    server, clock = FaultyServer(1, server_side), SystemClock()
    transport = OrderTransport(Dialer(f"https://127.0.0.1:{server.port}", clock, ssl.create_default_context()), clock)
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        ask(transport, 1)
    assert server.seen == []
    server.close()


def test_a_server_that_never_shakes_hands_is_given_up_at_the_deadline_of_connecting():
    listener, clock = socket.create_server(("127.0.0.1", 0)), SystemClock()
    transport = OrderTransport(Dialer(f"https://127.0.0.1:{listener.getsockname()[1]}", clock, ssl.create_default_context()), clock)
    request = httpx.Request("GET", "https://127.0.0.1/", extensions={"timeout": {"connect": 0.1, "read": 2.0}})
    started_ns = clock.monotonic_ns()
    with pytest.raises(httpx.ConnectTimeout):
        transport.handle_request(request)
    assert clock.monotonic_ns() - started_ns < 1_500_000_000
    listener.close()
