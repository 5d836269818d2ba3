"""The fleet's end of the way to one worker. Frames may be refused when it is full; words never are.

Writers: the connections' threads (frames, and what they must say in line with them) and the keeper. Drained further by the thread
`fl-crew`. The lock is held for one send that never waits.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable

from trader.fleet.parcels import Word, pack_word

SEND_BUFFER_BYTES = 4 * 1024 * 1024


class WorkerLink:
    """`wake`: makes `fl-crew` wait for room too. While nobody is attached everything is refused: the next worker is told anew."""

    def __init__(self, number: int, limit_bytes: int, wake: Callable[[], None]) -> None:
        self.number, self._limit_bytes, self._wake = number, limit_bytes, wake
        self._lock = threading.Lock()
        self._end: socket.socket | None = None
        self._unsent: deque[bytes | memoryview] = deque()
        self.unsent_bytes = 0
        self.refused = 0                     # parcels of frames

    def attach(self, end: socket.socket) -> None:
        """A new worker listens. Nothing of what waited for its predecessor is for it."""
        end.setblocking(False)
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        with self._lock:
            self._clear()
            self._end = end

    def detach(self) -> None:
        with self._lock:
            self._clear()
            end, self._end = self._end, None
        if end is not None:
            end.close()

    @property
    def depth(self) -> int:
        """Parcels that wait."""
        return len(self._unsent)

    @property
    def has_room(self) -> bool:
        """For what was refused before: not at once when a single parcel has left."""
        return self._end is not None and self.unsent_bytes <= self._limit_bytes // 2

    def offer(self, parcel: bytes) -> bool:
        """False: the worker is too far behind, or there is none. The caller must fetch anew what it could not hand on."""
        with self._lock:
            if self._end is None or self.unsent_bytes > self._limit_bytes:
                self.refused += 1
                return False
            self._push(parcel)
            return True

    def tell(self, word: Word) -> bool:
        """In line with the frames. False: there is no worker."""
        parcel = pack_word(word)
        with self._lock:
            if self._end is None:
                return False
            self._push(parcel)
            return True

    def flush(self) -> None:
        with self._lock:
            while self._unsent:
                parcel = self._unsent[0]
                sent = self._send(parcel)
                self.unsent_bytes -= sent
                if sent < len(parcel):
                    self._unsent[0] = memoryview(parcel)[sent:]
                    return
                self._unsent.popleft()

    def _push(self, parcel: bytes) -> None:
        sent = 0 if self._unsent else self._send(parcel)
        if sent == len(parcel):
            return
        was_empty = not self._unsent
        self._unsent.append(memoryview(parcel)[sent:] if sent else parcel)
        self.unsent_bytes += len(parcel) - sent
        if was_empty:
            self._wake()

    def _send(self, parcel: bytes | memoryview) -> int:
        assert self._end is not None
        try:
            return self._end.send(parcel)
        except BlockingIOError:
            return 0
        except OSError:                      # its process has died; `fl-crew` finds that out by itself
            return len(parcel)

    def _clear(self) -> None:
        self._unsent.clear()
        self.unsent_bytes = 0
