"""The worker's end of the socket to the fleet. Owned by the worker's one working thread, which parks here."""

from __future__ import annotations

import select
import socket

from trader.fleet.parcels import Word, pack_word

READ_BYTES = 256 * 1024


class Pipe:
    """The worker's end of the socket. What cannot be sent at once waits: reading goes on, so that both ends never wait for each other."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)
        self._unsent = bytearray()
        self._buffer = memoryview(bytearray(READ_BYTES))     # kept: for one of this size malloc would map fresh pages at every read
        self._poll = select.poll()

    def say(self, word: Word) -> None:
        self._unsent += pack_word(word)

    def flush(self) -> None:
        while self._unsent:
            try:
                del self._unsent[:self._end.send(self._unsent)]
            except BlockingIOError:
                return
            except ConnectionError:              # the fleet is gone: the next read says so
                self._unsent.clear()

    def wait(self, timeout_ms: int) -> None:
        self._poll.register(self._end, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        self._poll.poll(timeout_ms)

    def read(self) -> memoryview | None:
        """What has arrived, until the next call; empty: nothing; None: the fleet is gone."""
        try:
            return self._buffer[:self._end.recv_into(self._buffer)] or None
        except BlockingIOError:
            return self._buffer[:0]
        except ConnectionError:
            return None
