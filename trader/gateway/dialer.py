"""Opens connections to one server: addresses, TCP, TLS, each within what is left of a deadline. On the gateway threads.

Addresses are looked up before they are needed and kept while they work: the system's resolver knows no deadline, and an order
must not wait for it.
"""

from __future__ import annotations

import socket
import ssl
from typing import Protocol

import httpx

from trader.runtime.clock import Clock

_IDLE_S, _INTERVAL_S, _PROBES = 10, 5, 3         # TCP keep-alive: a path that died without a word is noticed within 25 s
_HTTP, _HTTPS = 80, 443


class Connection(Protocol):
    """What the transport needs of a socket."""

    def fileno(self) -> int: ...
    def setblocking(self, flag: bool, /) -> None: ...
    def send(self, data: memoryview, /) -> int: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...
    def recv(self, count: int, /) -> bytes: ...
    def close(self) -> None: ...


class Dialer:
    """Of one origin (`https://host`, `http://127.0.0.1:4711`). Owner: one transport."""

    def __init__(self, origin: str, clock: Clock, tls: ssl.SSLContext | None) -> None:
        """`tls`: what `tls_context` made of the same origin, shared by all dialers."""
        url = httpx.URL(origin)
        self._host, self._port = url.host, url.port or (_HTTP if tls is None else _HTTPS)
        self._tls, self._clock = tls, clock
        self._addresses: list[tuple[int, tuple[str, int]]] = []
        self._doubted = True                     # the addresses: none yet, or the last attempt reached none of them

    def refresh(self) -> None:
        """Asks the resolver if there is a reason to. May take as long as the resolver likes. Raises OSError."""
        if self._doubted:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self._addresses = [(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found]
            self._doubted = False

    def open(self, timeout_s: float) -> Connection:
        """Raises OSError (TimeoutError and ssl.SSLError are such). Every address gets a fair share of the time."""
        if not self._addresses:
            self.refresh()
        end_ns = self._clock.monotonic_ns() + int(timeout_s * 1e9)
        last: OSError = TimeoutError("no time left to connect")
        for index, (family, address) in enumerate(self._addresses):
            share_s = (end_ns - self._clock.monotonic_ns()) / 1e9 / (len(self._addresses) - index)
            if share_s <= 0:
                break
            try:
                return self._connect(family, address, share_s)
            except OSError as why:
                last = why
        self._doubted = True                     # they may have moved; `refresh` will see
        raise last

    def _connect(self, family: int, address: tuple[str, int], timeout_s: float) -> Connection:
        end_ns = self._clock.monotonic_ns() + int(timeout_s * 1e9)
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(timeout_s)
            plain.connect(address)
            _tune(plain)
            if self._tls is None:
                return plain
            plain.settimeout(max(0.001, (end_ns - self._clock.monotonic_ns()) / 1e9))
            return self._tls.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise


def tls_context(origin: str) -> ssl.SSLContext | None:
    """The authorities that httpx trusts, SSL_CERT_FILE included; loading them takes 20 ms. HTTP/1.1 only. None: plain HTTP."""
    if httpx.URL(origin).scheme != "https":
        return None
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _tune(plain: socket.socket) -> None:
    """A request leaves at once, and a dead path is noticed while nothing is sent."""
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", _IDLE_S), ("TCP_KEEPINTVL", _INTERVAL_S), ("TCP_KEEPCNT", _PROBES)):
        if hasattr(socket, name):                # Linux has them all, other systems some
            plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
