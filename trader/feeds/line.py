"""An open WebSocket as a feed uses it, and the two places where a feed's thread may block: the handshake and the wait.

`websocket-client` makes the handshake, TLS, and what we send; the reading is ours (`frames.py`). Only the feed's own thread
touches a line: an SSL object is not safe for two.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import websocket

from trader.errors import ConnectionLost, ConnectionRefused
from trader.runtime.sockets import Receiver, has_arrived, wait_ready

HANDSHAKE_S = 10
SEND_S = 2               # a peer that takes nothing for this long is lost
READ_BYTES = 64 * 1024   # beyond 128 KB malloc maps fresh pages for each read, which takes five times as long as the read

_BROKEN = (OSError, websocket.WebSocketException, ValueError)        # ValueError: an address that is none
_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Line(Protocol):
    """`testing.FakeSocket` is the other implementation. Every method may raise ConnectionLost."""

    def fileno(self) -> int: ...
    def read(self) -> bytes:
        """What has arrived, without waiting; empty when nothing has."""
        ...
    def has_more(self) -> bool:
        """Whether another `read` may find something now."""
        ...
    def send(self, text: str) -> None: ...
    def ping(self) -> None: ...
    def pong(self, payload: bytes) -> None: ...
    def close(self) -> None: ...


Connect = Callable[[str], Line]
Wait = Callable[[Sequence[int], int], None]


class WebSocketLine:
    """Non-blocking for reading, a deadline of `SEND_S` for sending."""

    def __init__(self, ws: Any) -> None:
        self._ws = ws
        self._socket = ws.sock
        self._socket.setblocking(False)
        self._receiver = None if isinstance(self._socket, ssl.SSLSocket) else Receiver(READ_BYTES)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def read(self) -> bytes:
        try:
            data: bytes = self._receiver.read(self.fileno()) if self._receiver else self._socket.recv(READ_BYTES)
        except _NOTHING_YET:
            return b""
        except OSError as why:
            raise lost(_in_words(why)) from None
        if not data:
            raise lost("closed by the other side")
        return data

    def has_more(self) -> bool:
        """A read empties a whole TLS record (16 KB at most), and OpenSSL reads none ahead: what is left is where a look finds it."""
        try:
            return has_arrived(self.fileno())
        except OSError as why:
            raise lost(_in_words(why)) from None

    def send(self, text: str) -> None:
        self._write(self._ws.send, text)

    def ping(self) -> None:
        self._write(self._ws.ping)

    def pong(self, payload: bytes) -> None:
        self._write(self._ws.pong, payload)

    def close(self) -> None:
        """Says goodbye if that takes no time, and does not wait for an answer."""
        try:
            self._ws.send_close()
        except _BROKEN:
            pass                     # broken already: there is nobody to say goodbye to
        finally:
            self._ws.shutdown()

    def _write(self, write: Callable[..., object], *args: object) -> None:
        try:
            self._socket.settimeout(SEND_S)
            write(*args)
            self._socket.setblocking(False)
        except _BROKEN as why:
            raise lost(f"sending failed: {_in_words(why)}") from None


def open_line(url: str) -> Line:
    """Name look-up, TCP, TLS and handshake. May block longer than its timeout says: the resolver knows no deadline."""
    try:
        ws = websocket.create_connection(url, timeout=HANDSHAKE_S, skip_utf8_validation=True, enable_multithread=False)
    except ConnectionRefusedError:
        raise ConnectionRefused("refused", remedy="It is tried again every second.") from None
    except _BROKEN as why:
        raise lost(_in_words(why)) from None
    return WebSocketLine(ws)


def wait_readable(filenos: Sequence[int], timeout_ms: int) -> None:
    """The parking spot of every socket feed."""
    wait_ready(filenos, select.POLLIN, timeout_ms)


def lost(reason: str) -> ConnectionLost:
    return ConnectionLost(reason, remedy="It is opened anew after a pause.")


def _in_words(why: BaseException) -> str:
    if isinstance(why, TimeoutError | websocket.WebSocketTimeoutException):
        return "no answer in time"
    if isinstance(why, websocket.WebSocketBadStatusException):
        return f"HTTP {why.status_code} instead of a WebSocket"
    if isinstance(why, ssl.SSLCertVerificationError):
        return f"certificate refused: {why.verify_message}"
    return str(why) or type(why).__name__
