"""The newest snapshot of something: one writer, any number of readers, nobody ever waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from trader.errors import OwnershipError

T = TypeVar("T")


class SnapshotCache(Generic[T]):
    """One reference, swapped whole. The first thread to publish owns the cache for good."""

    __slots__ = ("_name", "_owner", "_snapshot", "_writer_id")

    def __init__(self, name: str) -> None:
        self._name = name
        self._snapshot: T | None = None
        self._owner: dict[str, tuple[int, str]] = {}
        self._writer_id: int | None = None

    def publish(self, snapshot: T) -> None:
        if self._writer_id != threading.get_ident():
            self._adopt_writer()
        self._snapshot = snapshot

    def read(self) -> T | None:
        """The newest snapshot, or None before the first. Keep the reference for a whole cycle: it may change meanwhile."""
        return self._snapshot

    def _adopt_writer(self) -> None:
        me = threading.get_ident(), threading.current_thread().name
        owner = self._owner.setdefault("writer", me)     # one C call: of two threads that publish first, one must lose
        if owner != me:
            raise OwnershipError(
                f"cache {self._name!r} belongs to thread {owner[1]!r} but {me[1]!r} published to it.",
                remedy="Give that role a cache of its own, or send the executor an event instead.",
            )
        self._writer_id = me[0]
