"""The fleet's end of the way to one worker. Frames may be refused when it is full; words never are.

Writers: the connections' threads (frames, and what they must say in line with them) and the keeper; whoever finds the socket free sends
for all, so that none waits for another's send. Drained further by the thread `fl-crew`.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections import deque
from collections.abc import Callable

from trader.fleet.parcels import Word, pack_word

SEND_BUFFER_BYTES = 4 * 1024 * 1024
JOINED_BYTES = 256 * 1024                # of one send, when several parcels wait
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)      # of the socket, or of the kernel for a moment: nothing was taken

Parcel = bytes | memoryview


class WorkerLink:
    """`wake`: makes `fl-crew` wait for room too. While nobody is attached everything is refused: the next worker is told anew.

    `_queue` guards the books of what waits and is never held during a system call. `_sender` is: it is only tried, never waited for, but
    by `attach` and `detach`, which must not change the socket under a send.
    """

    def __init__(self, number: int, limit_bytes: int, wake: Callable[[], None]) -> None:
        self.number, self._limit_bytes, self._wake = number, limit_bytes, wake
        self._queue, self._sender = threading.Lock(), threading.Lock()
        self._end: socket.socket | None = None
        self._unsent: deque[Parcel] = deque()
        self._is_full = False                # the socket; then only `flush` tries again
        self.unsent_bytes = 0
        self.refused = 0                     # parcels of frames

    def attach(self, end: socket.socket) -> None:
        """A new worker listens. Nothing of what waited for its predecessor is for it."""
        end.setblocking(False)
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
        with self._queue:
            if self._end is None or self.unsent_bytes > self._limit_bytes:
                self.refused += 1
                return False
            self._put(parcel)
        self._drain()
        return True

    def tell(self, word: Word) -> bool:
        """In line with the frames. False: there is no worker."""
        parcel = pack_word(word)
        with self._queue:
            if self._end is None:
                return False
            self._put(parcel)
        self._drain()
        return True

    def flush(self) -> None:
        """`fl-crew`: there may be room again."""
        self._is_full = False
        self._drain()

    def _put(self, parcel: bytes) -> None:
        self._unsent.append(parcel)
        self.unsent_bytes += len(parcel)

    def _drain(self) -> None:
        """Looks once more after letting go: what another thread put meanwhile, finding the sender busy, is not left behind."""
        while self._unsent and not self._is_full and self._sender.acquire(blocking=False):
            try:
                while (parcel := self._take()) is not None and self._send(parcel):
                    pass
            finally:
                self._sender.release()

    def _take(self) -> Parcel | None:
        """The next parcel, with what waits behind it; it counts as waiting until it is sent."""
        with self._queue:
            if not self._unsent:
                return None
            taken = [self._unsent.popleft()]
            size = len(taken[0])
            while self._unsent and size + len(self._unsent[0]) <= JOINED_BYTES:
                size += len(self._unsent[0])
                taken.append(self._unsent.popleft())
            return taken[0] if len(taken) == 1 else b"".join(taken)

    def _send(self, parcel: Parcel) -> bool:
        """False: the socket is full; the rest is the first to go when there is room."""
        end = self._end
        sent = len(parcel) if end is None else _sent(end, parcel)
        with self._queue:
            self.unsent_bytes -= sent
            if sent == len(parcel):
                return True
            self._unsent.appendleft(memoryview(parcel)[sent:])
            self._is_full = True
        self._wake()
        return False

    def _replace(self, end: socket.socket | None) -> socket.socket | None:
        with self._sender, self._queue:
            self._unsent.clear()
            self.unsent_bytes, self._is_full = 0, False
            old, self._end = self._end, end
            return old


def _sent(end: socket.socket, parcel: Parcel) -> int:
    try:
        return end.send(parcel)
    except OSError as why:                   # any other: its process has died; `fl-crew` finds that out by itself
        return 0 if why.errno in _FULL else len(parcel)
