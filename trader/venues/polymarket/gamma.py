"""Asking Gamma, the venue's market listing, and reading what is peculiar in its answers. One client each for `discovery` (thread
`markets`) and `catalogue` (thread `fl-lifecycle`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from trader.errors import ConnectionLost, WireError
from trader.venues.polymarket.wire import CHANGELOG, json_from_wire

_HEX_OF_CONDITION = 64


class GammaClient:
    def __init__(self, url: str, deadline_s: float, check: str, client: httpx.Client | None = None) -> None:
        """`check` names what an operator looks at when Gamma refuses a question."""
        self._url, self._check = url.rstrip("/"), check
        self._client = client or httpx.Client(timeout=httpx.Timeout(deadline_s))

    def get(self, path: str, query: dict[str, Any]) -> Any:
        """The decoded answer; None for 404. Raises ConnectionLost; WireError for what is no JSON."""
        try:
            answer = self._client.get(self._url + path, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as why:       # the latter: filters that are longer than an address may be
            raise ConnectionLost(f"Gamma did not answer {path} ({type(why).__name__}: {why}).",
                                 remedy="It is asked again; check polymarket.gamma_url if this goes on.") from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise ConnectionLost(f"Gamma answered {path} with HTTP {answer.status_code}.",
                                 remedy=f"It is asked again; check polymarket.gamma_url and {self._check} if this goes on.")
        return json_from_wire(f"Gamma's answer to {path}", answer.content)

    def named(self, kind: str, slug: str) -> Any:
        """One of `events` or `markets`. A slug is one part of the path, whatever is in it."""
        return self.get(f"/{kind}/slug/{quote(slug, safe='')}", {})

    def close(self) -> None:
        self._client.close()


def gamma_time(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def json_list(value: Any) -> list[Any]:
    """Gamma writes lists as JSON inside a string."""
    found = orjson.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise WireError(f"{value!r} is not a list.", remedy=CHANGELOG)
    return found


def padded_condition_id(text: str) -> str:
    """Gamma may write 31 bytes; the CLOB knows 32, padded on the right."""
    digits = text.removeprefix("0x")
    if not 0 < len(digits) <= _HEX_OF_CONDITION:
        raise WireError(f"condition id {text!r} is not 1-64 hex digits.", remedy=CHANGELOG)
    int(digits, 16)
    return "0x" + digits.ljust(_HEX_OF_CONDITION, "0")
