"""The fleet's end of the way to one worker. Frames may be refused when it is full; words never are.

Writers: the connections' threads (frames, and what they must say in line with them) and the keeper; each sends its own parcel, unless
others wait already. Those are sent by the thread `fl-crew`, when there is room.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections import deque
from collections.abc import Callable

from trader.fleet.parcels import Word, pack_word
from trader.runtime.sockets import send_at_once

SEND_BUFFER_BYTES = 4 * 1024 * 1024
JOINED_BYTES = 256 * 1024                # of one send, when several parcels wait
MOST_SENDS = 32                          # of one flush: others go on adding, and their thread has more to do
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)      # of the socket, or of the kernel for a moment: nothing was taken

Send = Callable[[int, bytes], int]


class WorkerLink:
    """`wake`: makes `fl-crew` wait for room too. While nobody is attached everything is refused: the next worker is told anew.

    `_lock` guards all that changes, and is held during a send: that neither waits nor gives the interpreter up, so that hardly ever
    another thread runs while it is held.
    """

    def __init__(self, number: int, limit_bytes: int, wake: Callable[[], None], send: Send = send_at_once) -> None:
        self.number, self._limit_bytes, self._wake, self._send = number, limit_bytes, wake, send
        self._lock = threading.Lock()
        self._end: socket.socket | None = None
        self._unsent: deque[bytes] = deque()         # not empty: the socket was full
        self.unsent_bytes = 0
        self.refused = 0                             # parcels of frames

    def attach(self, end: socket.socket) -> None:
        """A new worker listens. Nothing of what waited for its predecessor is for it."""
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._replace(end)

    def detach(self) -> None:
        end = self._replace(None)
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
            self._put(self._end, parcel)
        return True

    def tell(self, word: Word) -> bool:
        """In line with the frames. False: there is no worker."""
        parcel = pack_word(word)
        with self._lock:
            if self._end is None:
                return False
            self._put(self._end, parcel)
        return True

    def flush(self) -> None:
        """`fl-crew`: there may be room again. What still waits behind a flush is the next one's."""
        for _ in range(MOST_SENDS):
            if not self._flush_some():
                return

    def _put(self, end: socket.socket, parcel: bytes) -> None:
        rest = parcel[self._sent(end, parcel):] if not self._unsent else parcel
        if rest:
            self._unsent.append(rest)
            self.unsent_bytes += len(rest)
            if len(self._unsent) == 1:
                self._wake()

    def _flush_some(self) -> bool:
        """False: none waits, or the socket is full again. The lock is let go after each: the connections must not wait for all."""
        with self._lock:
            if self._end is None or not self._unsent:
                return False
            joined = self._joined()
            sent = self._sent(self._end, joined)
            self.unsent_bytes -= sent
            if sent < len(joined):
                self._unsent.appendleft(joined[sent:])
            return sent == len(joined)

    def _joined(self) -> bytes:
        """Those that have waited longest, in one: a send costs more than a small parcel. They no longer stand in the queue."""
        parcels = [self._unsent.popleft()]
        size = len(parcels[0])
        while self._unsent and size + len(self._unsent[0]) <= JOINED_BYTES:
            parcels.append(self._unsent.popleft())
            size += len(parcels[-1])
        return b"".join(parcels)

    def _sent(self, end: socket.socket, parcel: bytes) -> int:
        try:
            return self._send(end.fileno(), parcel)
        except OSError as why:               # any other: its process has died; `fl-crew` finds that out by itself
            return 0 if why.errno in _FULL else len(parcel)

    def _replace(self, end: socket.socket | None) -> socket.socket | None:
        with self._lock:
            self._unsent.clear()
            self.unsent_bytes = 0
            old, self._end = self._end, end
            return old
