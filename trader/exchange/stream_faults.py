"""What a fault does to a WebSocket connection: cut it, or hold back what it would send."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any

from websockets.sync.server import ServerConnection

from trader.exchange.faults import FaultBoard, Kind

_UNSPECIFIED = bytes(16)        # a struct sockaddr of family AF_UNSPEC
_libc = ctypes.CDLL(None, use_errno=True)


class FaultyConnection(ServerConnection):
    """Sends nothing at all while its channel is frozen without PONG, not even the answers that the library gives by itself."""

    faults: FaultBoard | None = None        # both are set when the path is known, before the first frame
    channel = ""

    def send_data(self) -> None:
        """Held-back bytes stay in the protocol's own buffer and leave with the first send after the freeze."""
        if self.faults is None or not is_mute(self.faults, self.channel):
            super().send_data()

    def reset(self) -> None:
        """A TCP reset, at once and whichever threads use the socket: connecting to "nowhere" is how Linux tears a connection down."""
        with contextlib.suppress(OSError):
            _libc.connect(self.socket.fileno(), _UNSPECIFIED, len(_UNSPECIFIED))


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
