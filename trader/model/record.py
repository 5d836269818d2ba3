"""What a connection hands its raw frames to. Called by a feed's thread for every receive batch, so it must never wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Recorder(Protocol):
    """Of one connection. What was received only: what we send holds secrets."""

    def keep(self, received_ns: int, payloads: Sequence[bytes]) -> None:
        """One receive batch and the monotonic time at which it left the socket. Nobody changes `payloads` afterwards."""
        ...


class NotRecorded:
    """The recorder of a run without a recording."""

    def keep(self, received_ns: int, payloads: Sequence[bytes]) -> None:
        pass


NOT_RECORDED = NotRecorded()
