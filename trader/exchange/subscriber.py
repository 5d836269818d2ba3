"""One WebSocket client as the publisher sees it: a bounded queue and a sender thread of its own.

The publisher (and, for PONG, the client's reader thread) offers frames and never waits. The sender thread parks in the
queue and writes. A client that reads too slowly is disconnected, as the live venue does; it never slows anybody else.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import Protocol

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from trader.exchange.fault_kinds import Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.stream_faults import FaultyConnection, FrameFaults
from trader.runtime.role import name_native_thread

QUEUE_LIMIT = 4_096     # frames; about a minute of a busy market
MOST_AT_ONCE = 64       # in one system call


class Subscriber(Protocol):
    """What the streams need of a client; tests bring a list."""

    def offer(self, frame: str) -> None: ...


class SocketSubscriber:
    """Lives as long as its connection; `run_sender` is the body of thread `ws-out-N`."""

    def __init__(self, connection: FaultyConnection, name: str, faults: FaultBoard, channel: str) -> None:
        self._connection, self._faults, self.channel, self._name = connection, faults, channel, name
        self._frames: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()      # with the time of the offer
        self._sender = FrameFaults(connection, faults, channel)
        self._thread = threading.Thread(target=self._run_sender, name=name, daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._name

    def offer(self, frame: str) -> None:
        if self._frames.qsize() < QUEUE_LIMIT:
            self._frames.put((frame, 0 if self._faults.is_quiet else self._faults.now_ms()))
        else:
            self.disconnect()

    def answer_ping(self) -> None:
        """By the reader's own thread: the sender's may be parked in a freeze that still answers. A mute connection does not send."""
        if self._faults.is_on(self.channel, Kind.FREEZE):
            self._connection.send("PONG")
        else:
            self.offer("PONG")

    def reset(self) -> None:
        self._connection.reset()

    def disconnect(self) -> None:
        """Cuts the TCP connection: an orderly close would wait for the very client that does not read."""
        with contextlib.suppress(OSError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Asks the sender to say goodbye and end, after what is already queued. Any thread."""
        self._frames.put(None)

    def _next(self) -> list[tuple[str, int] | None]:
        """Parks for one frame and takes what is queued behind it, up to the goodbye."""
        offers = [self._frames.get()]
        while offers[-1] is not None and len(offers) < MOST_AT_ONCE and not self._frames.empty():
            offers.append(self._frames.get_nowait())
        return offers

    def _run_sender(self) -> None:
        name_native_thread(self._thread.name)
        with contextlib.suppress(ConnectionClosed, OSError):
            while (offers := self._next()) and offers[0] is not None:
                self._sender.send_all([offer for offer in offers if offer is not None])
                if offers[-1] is None:
                    break
        self._connection.close(CloseCode.GOING_AWAY)
