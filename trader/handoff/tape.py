"""The raw frames of one connection on their way to the recording. The feed never waits for the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

TAPE_BYTES = 32 * 1024 * 1024        # about a second of 40,000 frames


class Batch(NamedTuple):
    received_ns: int             # monotonic
    payloads: Sequence[bytes]
    dropped: int                 # frames of this connection that are missing before this batch, since the start


class FrameTape:
    """Writer: one feed. Reader: `record`. When the reader is behind by `limit_bytes`, frames are dropped and counted.

    Implements `model.record.Recorder`. `_kept_bytes` is written by the feed only and `_taken_bytes` by the reader only, so that
    no lock is needed: the feed may see the reader's count late, and then drops a little too early.
    """

    __slots__ = ("_batches", "_kept_bytes", "_limit_bytes", "_taken_bytes", "dropped", "kept")

    def __init__(self, limit_bytes: int = TAPE_BYTES) -> None:
        self._batches: deque[tuple[int, Sequence[bytes], int]] = deque()
        self._kept_bytes = self._taken_bytes = 0
        self._limit_bytes = limit_bytes
        self.kept = self.dropped = 0             # frames

    def keep(self, received_ns: int, payloads: Sequence[bytes]) -> None:     # the feed's thread
        if self._kept_bytes - self._taken_bytes >= self._limit_bytes:
            self.dropped += len(payloads)
            return
        self._kept_bytes += sum(map(len, payloads))
        self.kept += len(payloads)
        self._batches.append((received_ns, payloads, self.dropped))

    def take(self) -> Iterator[Batch]:               # the `record` thread
        """Everything that waits now; what comes meanwhile is left for the next time."""
        for _ in range(len(self._batches)):
            batch = Batch(*self._batches.popleft())
            self._taken_bytes += sum(map(len, batch.payloads))
            yield batch

    def close(self) -> None:                         # the `record` thread
        """Nobody will take any more: from now on everything is dropped, and counted as such."""
        self._limit_bytes = -1
        self._batches.clear()
