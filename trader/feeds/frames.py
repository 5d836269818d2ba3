"""RFC 6455 as a client reads it: bytes in, messages out. Pure; owned by the connection of one feed's thread.

Why not the WebSocket library's own reader: it makes three `recv` calls a frame and gives up the interpreter at each, so that
one busy thread beside it slows it down a hundredfold. This one takes whatever a single `recv` returned. Whether a text is UTF-8 is
for its decoder to say, which has to look at every byte anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trader.errors import ConnectionLost

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MAX_MESSAGE_BYTES = 16 * 1024 * 1024     # a full book of ten thousand levels a side is below one megabyte
_MAX_CONTROL_BYTES = 125
_new_tuple = tuple.__new__       # what `Message(…)` ends in, without the detour


class Message(NamedTuple):
    """A complete message; fragments are already joined."""

    opcode: int
    payload: bytes


class FrameReader:
    """Keeps the unread rest between calls. Raises ConnectionLost on a violation: after one, no later byte can be trusted."""

    __slots__ = ("_parts", "_parts_bytes", "_rest", "_started")

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[bytes] = []    # of a fragmented message
        self._parts_bytes = 0
        self._started: int | None = None         # its opcode

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every message that is complete now, in order; read it to its end. What came before a violation is handed out before it is
        raised: it may be a fill. Control frames may come between the fragments of another message."""
        buffer = self._rest + data if self._rest else data
        at, size = 0, len(buffer)
        while size - at >= 2:
            first, length, start = buffer[at], buffer[at + 1], at + 2
            if length >= 126:                    # an extended length; with the top bit set, a mask that no server may use
                width = _length_width(length)
                start += width
                if start > size:
                    break
                length = int.from_bytes(buffer[at + 2:start], "big")
            if length > MAX_MESSAGE_BYTES:
                raise _violation(f"a frame of {length} bytes, limit {MAX_MESSAGE_BYTES}")
            if start + length > size:
                break
            payload = buffer[start:start + length]
            at = start + length
            if first == 0x80 | TEXT and self._started is None:
                yield _new_tuple(Message, (TEXT, payload))       # nearly all frames
            elif (message := self._unusual(first, payload)) is not None:
                yield message
        self._rest = buffer[at:] if at < size else b""

    def _unusual(self, first: int, payload: bytes) -> Message | None:
        opcode, is_last = first & 0x0F, bool(first & 0x80)
        if first & 0x70:
            raise _violation("reserved bits without an extension")
        if opcode in (CLOSE, PING, PONG):
            if not is_last or len(payload) > _MAX_CONTROL_BYTES:
                raise _violation("a control frame that is fragmented or too long")
            return Message(opcode, payload)
        if opcode in (TEXT, BINARY, CONTINUATION):
            return self._fragment(opcode, is_last, payload)
        raise _violation(f"opcode {opcode}")

    def _fragment(self, opcode: int, is_last: bool, payload: bytes) -> Message | None:
        """The whole message, with its last fragment."""
        if (opcode == CONTINUATION) != (self._started is not None):
            raise _violation("fragments out of order")
        self._started = opcode if self._started is None else self._started
        if payload:
            self._parts.append(payload)
        self._parts_bytes += len(payload)
        if self._parts_bytes > MAX_MESSAGE_BYTES:
            raise _violation(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        if not is_last:
            return None
        message = Message(self._started, b"".join(self._parts))
        self._parts, self._parts_bytes, self._started = [], 0, None
        return message


def _length_width(length: int) -> int:
    if length > 127:
        raise _violation("a masked frame from a server")
    return 2 if length == 126 else 8


def _violation(what: str) -> ConnectionLost:
    return ConnectionLost(f"the other side broke the WebSocket protocol: {what}.", remedy="The connection is opened anew.")
