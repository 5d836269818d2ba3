"""The dead-man's switch: an API key that beat once and then stays silent loses all its orders. Under the venue's lock."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from trader.exchange.refusal import Refusal

SILENCE_LIMIT_MS = 10_000


class Heartbeats:
    """One id chain for each API key. The first beat arms; nothing disarms but the expiry itself."""

    def __init__(self, new_id: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._last: dict[str, tuple[str, int]] = {}     # API key → (id to be shown next, time of the last beat)
        self._new_id = new_id

    def beat(self, api_key: str, heartbeat_id: str, now_ms: int) -> str:
        known = self._last.get(api_key)
        if known is not None and heartbeat_id != known[0]:
            raise _wrong_id(known[0])
        new_id = self._new_id()
        self._last[api_key] = (new_id, now_ms)
        return new_id

    def beats(self) -> list[tuple[str, str, int]]:
        """(API key, id to be shown next, time of the last beat)."""
        return [(api_key, *last) for api_key, last in self._last.items()]

    def restore(self, api_key: str, heartbeat_id: str, beat_ms: int) -> None:
        self._last[api_key] = (heartbeat_id, beat_ms)

    def forget(self, api_key: str) -> None:
        self._last.pop(api_key, None)

    def forgive(self, now_ms: int) -> None:
        """After an outage of the exchange: nobody could beat while it was down, so every silence starts again."""
        self._last = {api_key: (heartbeat_id, now_ms) for api_key, (heartbeat_id, _) in self._last.items()}

    def expired(self, now_ms: int) -> list[str]:
        """API keys whose time is up; each is named once and forgotten."""
        silent = [key for key, (_, beat_ms) in self._last.items() if now_ms - beat_ms >= SILENCE_LIMIT_MS]
        for key in silent:
            del self._last[key]
        return silent


def _wrong_id(expected: str) -> Refusal:
    answer = Refusal("Invalid Heartbeat ID")
    answer.body = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected}
    return answer
