"""What one feed should be subscribed to, and small errands for it. Wakes the feed out of its socket wait."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from enum import StrEnum
from typing import NamedTuple

from trader.model.market import Market


class Subscription(NamedTuple):
    """Books of `live` are published; `ahead` is subscribed too, so that a switch finds its book ready."""

    live: Market | None
    ahead: tuple[Market, ...] = ()


class Errand(StrEnum):
    """What may be asked of a feed beside its subscription."""

    SAMPLE = "sample"                # hand out the whole book of a token, verbatim
    RESUBSCRIBE = "resubscribe"      # the book of a token is not believed: fetch it anew
    RECONNECT = "reconnect"          # the connection is not believed


class FeedOrders:
    """One slot, newest wins; errands: one slot a kind and token. Reader: one feed, each cycle.

    Writers: markets (subscription), executor and verify (errands). The socket is never touched from outside. The feed waits
    for its connection and for `fileno()` together, so an order does not wait for the next frame.
    """

    def __init__(self) -> None:
        self._slot: deque[Subscription] = deque(maxlen=1)
        self._errands: dict[tuple[Errand, str], str] = {}
        self._rung: deque[None] = deque(maxlen=1)    # something was put since the last drain: spares the feed a system call a cycle
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def put(self, wanted: Subscription) -> None:     # markets thread
        self._slot.append(wanted)                    # visible first, then wake
        self._wake()

    def ask(self, errand: Errand, token_id: str, reason: str) -> None:       # any thread
        """Asked again before it is done, it is done once, for the newest reason. `token_id` is empty for RECONNECT."""
        self._errands[errand, token_id] = reason     # one C call, like the reader's popitem: several threads may ask at once
        self._wake()

    def take(self) -> Subscription | None:           # the feed's thread
        if not self._rung:
            return None
        self._rung.clear()
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(65_536):       # drain before reading the slot: an order put in between wakes again
                pass
        return self._slot.pop() if self._slot else None

    def take_errand(self) -> tuple[Errand, str, str] | None:         # the feed's thread, after `take`, until None
        """(errand, token, reason)."""
        if not self._errands:
            return None
        (errand, token_id), reason = self._errands.popitem()
        return errand, token_id, reason

    def _wake(self) -> None:
        with contextlib.suppress(OSError):           # full: a wake-up already waits and serves this order too;
            self._wake_in.send(b"\0")                # closed: the feed has ended, and says so itself
        self._rung.append(None)                      # after the byte: the other way round, a feed in between would find nothing to
                                                     # drain, and the byte that comes then would wake it for ever

    def fileno(self) -> int:
        return self._wake_out.fileno()

    def close(self) -> None:
        self._wake_in.close()
        self._wake_out.close()
