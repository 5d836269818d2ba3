"""`GET /time`: the venue's clock, in whole seconds. Owner: the `heartbeat` thread, whose connection it shares."""

from __future__ import annotations

from trader.venues.polymarket.rest import PolymarketRest

DEADLINE_MS = 1_000          # what takes longer says little about the clock


class PolymarketTime:
    """Implements `contract.VenueTime`."""

    deadline_ms = DEADLINE_MS

    def __init__(self, rest: PolymarketRest) -> None:
        self._rest = rest

    def read_s(self) -> int | None:
        reply = self._rest.ask("GET", "/time", deadline_ms=DEADLINE_MS)
        said = reply.body
        return said if reply.status == 200 and isinstance(said, int) and not isinstance(said, bool) else None
