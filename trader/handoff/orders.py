"""What one feed should be subscribed to. Wakes the feed out of its socket wait."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import NamedTuple

from trader.model.market import Market


class Subscription(NamedTuple):
    """Books of `live` are published; `ahead` is subscribed too, so that a switch finds its book ready."""

    live: Market | None
    ahead: tuple[Market, ...] = ()


class FeedOrders:
    """One slot, newest wins. Writer: markets. Reader: one feed, each cycle. The socket is never touched from outside.

    The feed waits for its connection and for `fileno()` together, so an order does not wait for the next frame.
    """

    def __init__(self) -> None:
        self._slot: deque[Subscription] = deque(maxlen=1)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def put(self, wanted: Subscription) -> None:     # markets thread
        self._slot.append(wanted)                    # visible first, then wake
        with contextlib.suppress(OSError):           # full: a wake-up already waits and serves this order too;
            self._wake_in.send(b"\0")                # closed: the feed has ended, and says so itself

    def take(self) -> Subscription | None:           # the feed's thread
        with contextlib.suppress(BlockingIOError):
            self._wake_out.recv(4096)                # drain before reading the slot: an order put in between wakes again
        return self._slot.pop() if self._slot else None

    def fileno(self) -> int:
        return self._wake_out.fileno()

    def close(self) -> None:
        self._wake_in.close()
        self._wake_out.close()
