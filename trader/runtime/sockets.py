"""System calls on a socket: those that cannot wait are made with the interpreter in hand; the one that waits gives it up.

Python gives the interpreter up around every system call, because it might block, `setblocking` included. Where a dozen threads want it,
getting it back takes many times as long as a call that returns at once. Bytes are read and sent like this on plain sockets only:
what lies beneath TLS is ciphertext.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
from collections.abc import Sequence

_libc = ctypes.PyDLL(None, use_errno=True)       # unlike CDLL it keeps the interpreter during a call
_recv, _send = _libc.recv, _libc.send
_recv.argtypes = _send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_recv.restype = _send.restype = ctypes.c_ssize_t
_AT_ONCE, _LOOK = socket.MSG_DONTWAIT, socket.MSG_DONTWAIT | socket.MSG_PEEK
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # where there is none Python's own rule holds: it ignores SIGPIPE
_looked_at = ctypes.create_string_buffer(1)      # what it holds is of no interest, so that all threads share it


class Receiver:
    """Reads of one plain socket by one thread, through memory that is kept: the allocator would map fresh pages for each."""

    def __init__(self, size: int) -> None:
        memory = (ctypes.c_char * size)()
        self._size, self._address, self._view = size, ctypes.addressof(memory), memoryview(memory).cast("B")

    def read(self, fileno: int) -> bytes:
        """What has arrived; empty: the other side has ended. Raises OSError; BlockingIOError when nothing has arrived."""
        return self._view[:_counted(_recv(fileno, self._address, self._size, _AT_ONCE))].tobytes()


def send_at_once(fileno: int, data: bytes) -> int:
    """How many bytes a plain socket took. Raises OSError; BlockingIOError when it is full."""
    return _counted(_send(fileno, data, len(data), _AT_ONCE | _NO_SIGNAL))


def has_arrived(fileno: int) -> bool:
    """Whether a read would find something: bytes, which need not be data over TLS, or an end. Raises OSError: an error is told once, so
    that the read behind the look would not hear of it."""
    try:
        return _counted(_recv(fileno, _looked_at, 1, _LOOK)) >= 0
    except BlockingIOError:
        return False


def wait_ready(filenos: Sequence[int], events: int, timeout_ms: int) -> bool:
    """Until one of them is, for `select.POLLIN` or `select.POLLOUT`; False: none was in time. Raises OSError for one that is closed."""
    poll = select.poll()         # `select` refuses descriptors above 1023; not kept: two threads may wait for the same, as for nothing
    for fileno in filenos:
        if fileno < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        poll.register(fileno, events)
    return bool(poll.poll(timeout_ms))


def _counted(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))   # becomes BlockingIOError, BrokenPipeError and so on by its number
    return result
