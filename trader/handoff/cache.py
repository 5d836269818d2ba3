"""The newest snapshot of something: one writer, any number of readers, nobody ever waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from trader.errors import OwnershipError

T = TypeVar("T")


class SnapshotCache(Generic[T]):
    """One reference, swapped whole. The first thread to publish owns the cache for good."""

    __slots__ = ("_name", "_snapshot", "_writer_id", "_writer_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._snapshot: T | None = None
        self._writer_id: int | None = None
        self._writer_name = ""

    def publish(self, snapshot: T) -> None:
        if self._writer_id != threading.get_ident():
            self._adopt_writer()
        self._snapshot = snapshot

    def read(self) -> T | None:
        """The newest snapshot, or None before the first. Keep the reference for a whole cycle: it may change meanwhile."""
        return self._snapshot

    def _adopt_writer(self) -> None:
        me = threading.current_thread()
        if self._writer_id is not None:
            raise OwnershipError(
                f"cache {self._name!r} belongs to thread {self._writer_name!r} but {me.name!r} published to it.",
                remedy="Give that role a cache of its own, or send the executor an event instead.",
            )
        self._writer_id, self._writer_name = me.ident, me.name
