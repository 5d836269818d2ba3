"""`POST /v1/heartbeats`: ten seconds after the last one the venue cancels every order of the API key. Owner: the `heartbeat` thread.

Beats form a chain: each shows the id that the one before was given, the first shows none. An answer may be lost although the beat
was accepted; then the venue refuses the next one and says which id it waits for, and that one is sent at once.
"""

from __future__ import annotations

import orjson

from trader.venues.polymarket.answers import Reply
from trader.venues.polymarket.rest import PolymarketRest

_PATH = "/v1/heartbeats"


class PolymarketHeartbeats:
    """Implements `contract.Heartbeats`."""

    def __init__(self, rest: PolymarketRest, request_ms: int) -> None:
        self._rest, self._request_ms = rest, request_ms
        self._id = ""

    @property
    def deadline_ms(self) -> int:
        """Of two requests: the chain may have to be mended."""
        return 2 * self._request_ms

    def beat(self) -> str:
        self._rest.warm()                        # five seconds of silence are enough for a server to hang up
        reply = self._send()
        expected = _id_of(reply)
        if reply.status == 400 and expected is not None:
            self._id = expected
            reply = self._send()
        if reply.status != 200:
            return f"HTTP {reply.status}: {reply.text}" if reply.status > 0 else reply.text
        self._id = _id_of(reply) or ""           # without an id: the next one is refused and tells it
        return ""

    def close(self) -> None:
        self._rest.close()

    def _send(self) -> Reply:
        return self._rest.ask("POST", _PATH, orjson.dumps({"heartbeat_id": self._id}), deadline_ms=self._request_ms)


def _id_of(reply: Reply) -> str | None:
    said = reply.body.get("heartbeat_id") if isinstance(reply.body, dict) else None
    return said if isinstance(said, str) else None
