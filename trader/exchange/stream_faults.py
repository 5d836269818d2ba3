"""What a fault does to a WebSocket connection: cut it, hold back what it would send, or send something else."""

from __future__ import annotations

import contextlib
import ctypes
import re
import socket
from typing import Any

from websockets.sync.server import ServerConnection

from trader.exchange.fault_kinds import Fault, Kind
from trader.exchange.faults import FaultBoard

_UNSPECIFIED = bytes(16)        # a struct sockaddr of family AF_UNSPEC
FRAME_KINDS = (Kind.DROP, Kind.DUPLICATE, Kind.REORDER, Kind.CORRUPT, Kind.WRONG_HASH, Kind.HALF_FRAME)
_HASH = re.compile(r'("hash":")([0-9a-f]{40})')
_libc = ctypes.CDLL(None, use_errno=True)


class FaultyConnection(ServerConnection):
    """Sends nothing at all while its channel is frozen without PONG, not even the answers that the library gives by itself."""

    faults: FaultBoard | None = None        # both are set when the path is known, before the first frame
    channel = ""

    def send_data(self) -> None:
        """Held-back bytes stay in the protocol's own buffer and leave with the first send after the freeze."""
        if self.faults is None or not is_mute(self.faults, self.channel):
            if len(self.protocol.writes) > 1 and all(self.protocol.writes):         # an empty one means the end of the stream
                self.protocol.writes = [b"".join(self.protocol.writes)]
            super().send_data()

    def send_many(self, texts: list[str]) -> None:
        """One system call for all of them; most of what a frame costs is that call."""
        with self.send_context():
            for text in texts:
                self.protocol.send_text(text.encode())

    def reset(self) -> None:
        """A TCP reset, at once and whichever threads use the socket: connecting to "nowhere" is how Linux tears a connection down."""
        with contextlib.suppress(OSError):
            _libc.connect(self.socket.fileno(), _UNSPECIFIED, len(_UNSPECIFIED))

    def send_half(self, text: str) -> None:
        """The head of a frame and the first half of what it announces, then the end. A client that is gone already is no news."""
        with self.send_context():
            self.protocol.send_text(text.encode())
            frame = b"".join(self.protocol.data_to_send())
            with contextlib.suppress(OSError):      # inside: the library would report one that leaves its context as a bug of its own
                self.socket.sendall(frame[:len(frame) // 2])
                self.socket.shutdown(socket.SHUT_RDWR)


class FrameFaults:
    """Between the queue of one client and its socket. Runs on that client's sender thread."""

    def __init__(self, connection: FaultyConnection, faults: FaultBoard, channel: str) -> None:
        self._connection, self._faults, self._channel = connection, faults, channel
        self._overtaken = ""        # a frame that waits for the one behind it

    def send_all(self, offers: list[tuple[str, int]]) -> None:
        """Frames with the time of their offer, in order."""
        if self._faults.is_quiet:
            self._connection.send_many([frame for frame, _ in offers])
        else:
            for frame, offered_ms in offers:
                self._send(frame, offered_ms)

    def _send(self, frame: str, offered_ms: int) -> None:
        """What faults make of the frame. PONG is nobody's data and always passes."""
        if frame == "PONG":
            self._connection.send(frame)
            return
        self._faults.wait_while_on(self._channel, Kind.FREEZE)
        self._delay(frame, offered_ms)
        overtaken, self._overtaken = self._overtaken, ""
        kinds = FRAME_KINDS if not overtaken else tuple(kind for kind in FRAME_KINDS if kind is not Kind.REORDER)
        fault = self._faults.strike(self._channel, *kinds, frame=frame)
        self._send_struck(frame, fault)
        if overtaken:
            self._connection.send(overtaken)

    def _delay(self, frame: str, offered_ms: int) -> None:
        if fault := self._faults.strike(self._channel, Kind.DELAY, frame=frame):
            self._faults.wait(fault, offered_ms + fault.with_["delay_ms"] - self._faults.now_ms())

    def _send_struck(self, frame: str, fault: Fault | None) -> None:
        match fault.kind if fault else None:
            case Kind.DROP:
                pass
            case Kind.REORDER:
                self._overtaken = frame
            case Kind.HALF_FRAME:
                self._connection.send_half(frame)
            case Kind.DUPLICATE:
                self._connection.send(frame)
                self._connection.send(frame)
            case Kind.CORRUPT:
                self._connection.send(frame.replace(":", ";", 1))
            case Kind.WRONG_HASH:
                self._connection.send(_HASH.sub(lambda found: found[1] + found[2][::-1], frame))
            case _:
                self._connection.send(frame)


def is_mute(faults: FaultBoard, channel: str) -> bool:
    fault = faults.is_on(channel, Kind.FREEZE)
    return fault is not None and not fault.with_["pong"]


def cut(faults: FaultBoard, channel: str, subscribers: list[Any]) -> None:
    """Ends the channel's connections if a fault says so now. Counted only when there is one to cut."""
    if not subscribers:
        return
    fault = faults.strike(channel, Kind.DISCONNECT, Kind.RESET)
    for subscriber in subscribers if fault else ():
        (subscriber.reset if fault and fault.kind is Kind.RESET else subscriber.finish)()
