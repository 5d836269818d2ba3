"""A WebSocket that a test scripts: frames in, what was sent recorded, ends on order. No socket, no thread, no waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from trader.errors import ConnectionLost
from trader.testing.manual_clock import ManualClock

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


def server_frame(payload: bytes, opcode: int = _TEXT, *, is_last: bool = True) -> bytes:
    """One RFC 6455 frame as a server writes it: unmasked."""
    size = len(payload)
    head = bytes([(0x80 if is_last else 0) | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + b"\x7f" + size.to_bytes(8, "big") + payload


class FakeSocket:
    """Implements `feeds.line.Line`. `push…` is the other side; `sent`, `pings`, `pongs` are what the feed did."""

    def __init__(self) -> None:
        self._arrived: deque[bytes | str] = deque()      # a str is the reason of an end
        self.sent: list[str] = []
        self.pings = 0
        self.pongs: list[bytes] = []
        self.closed = False
        self.refuses_to_send = False

    def push(self, *texts: str | bytes) -> None:
        """Each as a frame of its own; all of them are there at the next read."""
        self.push_bytes(b"".join(server_frame(t.encode() if isinstance(t, str) else t) for t in texts))

    def push_bytes(self, data: bytes) -> None:
        self._arrived.append(data)

    def push_ping(self, payload: bytes = b"") -> None:
        self.push_bytes(server_frame(payload, _PING))

    def push_pong(self) -> None:
        self.push_bytes(server_frame(b"", _PONG))

    def push_close(self, code: int = 1000, reason: str = "") -> None:
        self.push_bytes(server_frame(code.to_bytes(2, "big") + reason.encode(), _CLOSE))

    def push_end(self, reason: str = "closed by the other side") -> None:
        """The TCP connection ends, without a close frame."""
        self._arrived.append(reason)

    @property
    def is_readable(self) -> bool:
        return bool(self._arrived)

    def fileno(self) -> int:
        return id(self) % 2**31

    def read(self) -> bytes:
        if not self._arrived:
            return b""
        arrived = self._arrived.popleft()
        if isinstance(arrived, str):
            raise ConnectionLost(arrived, remedy="It is scripted.")
        return arrived

    def has_more(self) -> bool:
        return self.is_readable

    def send(self, text: str) -> None:
        if self.refuses_to_send:
            raise ConnectionLost("sending failed", remedy="It is scripted.")
        self.sent.append(text)

    def ping(self) -> None:
        self.pings += 1

    def pong(self, payload: bytes) -> None:
        self.pongs.append(payload)

    def close(self) -> None:
        self.closed = True


class FakeNetwork:
    """Hands out sockets in order, and refuses when there is none. Its wait moves the clock instead of waiting."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._ready: deque[FakeSocket] = deque()
        self.sockets: list[FakeSocket] = []
        self.dialled: list[str] = []

    def accept(self) -> FakeSocket:
        """The next attempt to connect succeeds, with this socket."""
        self._ready.append(FakeSocket())
        return self._ready[-1]

    def connect(self, url: str) -> FakeSocket:
        self.dialled.append(url)
        if not self._ready:
            raise ConnectionLost("refused", remedy="It is scripted.")
        self.sockets.append(self._ready.popleft())
        return self.sockets[-1]

    def wait(self, filenos: Sequence[int], timeout_ms: int) -> None:
        if not any(s.is_readable and s.fileno() in filenos for s in self.sockets):
            self._clock.advance(ms=timeout_ms)
