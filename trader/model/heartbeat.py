"""How the venue's dead-man's switch stands, and how far its clock is from ours.

Written by the thread `heartbeat`; read by the executor's guard and by stats."""

from __future__ import annotations

from typing import NamedTuple


class BeatHealth(NamedTuple):
    """`accepted_ns` is when the last accepted beat was *sent*, so the silence that the venue sees is never longer than it shows."""

    accepted_ns: int | None      # monotonic; None: none was accepted yet, and no order may be sent
    lapses: int                  # silences after which the venue may have cancelled everything; one more than last seen: reconcile
    reason: str                  # why the newest beat was not accepted or not even sent; empty: it was
    skew_ms: int | None = None   # our wall clock less the venue's, at least; 0: none can be shown. None: not known yet

    def silent_ms(self, now_ns: int) -> int | None:
        return None if self.accepted_ns is None else (now_ns - self.accepted_ns) // 1_000_000


NO_BEAT = BeatHealth(None, 0, "not sent yet")
