"""The order path's HTTP/1.1: one warm connection, one request at a time. An `httpx.BaseTransport`; owner: one gateway thread.

It differs from httpx's own transport in what it promises: a deadline covers the whole request, a connection that the server
closed meanwhile is found before anything is sent, nothing is ever sent twice, and a request costs a fifth of the CPU. From the call to
the bytes on the wire the thread never gives the interpreter up. Proxies are not used here: orders go to the venue directly.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress

import httpx

from trader.gateway.dialer import Connection, Dialer
from trader.gateway.http1 import Answer, AnswerReader, BadAnswer, request_head
from trader.runtime.clock import Clock
from trader.runtime.sockets import has_arrived, wait_ready

RECEIVE_BYTES = 64 * 1024
REOPEN_AFTER_NS = 1_000_000_000      # between two attempts to open a connection that no request waits for
_DEFAULT_S = 5.0
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
Wait = Callable[[Sequence[int], int, int], bool]


class OrderTransport(httpx.BaseTransport):
    """Reads httpx's timeout as two deadlines: `connect` for opening, `read` for the whole request from the call on.

    Raises what httpx raises: ConnectError and ConnectTimeout when nothing can have been sent, any other when it may have been.
    """

    def __init__(self, dialer: Dialer, clock: Clock, wait: Wait = wait_ready) -> None:
        self._dialer, self._clock, self._wait = dialer, clock, wait
        self._connection: Connection | None = None
        self._received = memoryview(bytearray(RECEIVE_BYTES))
        self._tried_ns = clock.monotonic_ns() - REOPEN_AFTER_NS
        self.opened = 0              # connections so far: 1 in a quiet life

    def warm(self, timeout_s: float) -> None:
        """Sees to it that a connection is open before the next request needs it. A failure is not an error yet.

        Cheap when one is: the gateway thread calls it whenever it has nothing to do.
        """
        now_ns = self._clock.monotonic_ns()
        if self._usable() is not None or now_ns - self._tried_ns < REOPEN_AFTER_NS:
            return
        self._tried_ns = now_ns
        with suppress(OSError):      # the next request says why
            self._dialer.refresh()
            self._open(timeout_s)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions.get("timeout", {})
        total_s, connect_s = timeout.get("read") or _DEFAULT_S, timeout.get("connect") or _DEFAULT_S
        end_ns = self._clock.monotonic_ns() + int(total_s * 1e9)
        content = request.read()
        head = request_head(request.method.encode(), request.url.raw_path, request.headers.raw)
        connection = self._usable() or self._open_for(request, min(connect_s, total_s))
        self._send(connection, request, head + content if content else head, end_ns)     # one packet, one TLS record
        answer = self._receive(connection, request, end_ns)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _usable(self) -> Connection | None:
        """Between two requests a server has nothing to say: bytes, an end or an error mean that it is no longer ours.

        Over TLS there may be session tickets, which are no data to us.
        """
        connection = self._connection
        if connection is None:
            return None
        try:
            if not has_arrived(connection.fileno()):
                return connection
            connection.recv(1)
        except _NOT_YET:
            return connection
        except OSError:
            pass
        self.close()
        return None

    def _open(self, timeout_s: float) -> Connection:
        self._connection = self._dialer.open(timeout_s)
        self._connection.setblocking(False)      # for good: even to change that gives the interpreter up
        self.opened += 1
        return self._connection

    def _open_for(self, request: httpx.Request, timeout_s: float) -> Connection:
        try:
            return self._open(timeout_s)
        except TimeoutError as why:
            raise httpx.ConnectTimeout(str(why), request=request) from why
        except OSError as why:
            raise httpx.ConnectError(str(why), request=request) from why

    def _send(self, connection: Connection, request: httpx.Request, message: bytes, end_ns: int) -> None:
        try:
            self._left_ms(end_ns)
            rest = memoryview(message)
            while rest:
                try:
                    rest = rest[connection.send(rest):]
                except _NOT_YET as why:
                    self._await(connection, _wanted(why, select.POLLOUT), end_ns)
        except TimeoutError as why:
            raise self._gone(httpx.WriteTimeout(str(why), request=request)) from why
        except OSError as why:
            raise self._gone(httpx.WriteError(str(why), request=request)) from why

    def _receive(self, connection: Connection, request: httpx.Request, end_ns: int) -> Answer:
        try:
            answer = self._read_answer(connection, AnswerReader(request.method.encode()), end_ns)
        except TimeoutError as why:
            raise self._gone(httpx.ReadTimeout(str(why), request=request)) from why
        except BadAnswer as why:
            raise self._gone(httpx.RemoteProtocolError(str(why), request=request)) from why
        except OSError as why:
            raise self._gone(httpx.ReadError(str(why), request=request)) from why
        if not answer.keeps_open:
            self.close()
        return answer

    def _read_answer(self, connection: Connection, reader: AnswerReader, end_ns: int) -> Answer:
        """Waits before it reads: nothing is ever left inside TLS, since a read takes a whole record (16 KB at most)."""
        wanted = select.POLLIN
        while True:
            self._await(connection, wanted, end_ns)
            try:
                count = connection.recv_into(self._received)
            except _NOT_YET as why:
                wanted = _wanted(why, select.POLLIN)
                continue
            if count == 0:
                return reader.closed()
            answer = reader.read(self._received[:count])
            if answer is not None:
                return answer
            wanted = select.POLLIN

    def _await(self, connection: Connection, events: int, end_ns: int) -> None:
        self._wait((connection.fileno(),), events, self._left_ms(end_ns))

    def _left_ms(self, end_ns: int) -> int:
        """Rounded up. Raises TimeoutError when nothing is left."""
        left_ms = -((self._clock.monotonic_ns() - end_ns) // 1_000_000)
        if left_ms <= 0:
            raise TimeoutError("the deadline of the request is over")
        return left_ms

    def _gone(self, error: httpx.TransportError) -> httpx.TransportError:
        """What comes late must not be taken for the answer to the next request."""
        self.close()
        return error


def _wanted(why: OSError, by_itself: int) -> int:
    """TLS may have to read before it can write, and the other way round."""
    if isinstance(why, ssl.SSLWantReadError):
        return select.POLLIN
    return select.POLLOUT if isinstance(why, ssl.SSLWantWriteError) else by_itself
