"""One authenticated REST connection: builds and signs the request, reads the answer into a `Reply`. Used by `orders` and `heartbeats`.

Blocking; owner: one thread. Never raises for what the network or the venue may do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import httpx
import orjson

from trader.runtime.clock import Clock
from trader.venues.contract import Allowance
from trader.venues.polymarket.account import Account
from trader.venues.polymarket.answers import LOST, NOT_SENT, Reply, error_text, rate_note, retry_after_ms

UNREACHABLE_RETRY_MS = 1000
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SAME_HEADERS = {"Content-Type": "application/json", "User-Agent": "trader"}     # without a User-Agent the venue's front refuses


class Transport(Protocol):
    """An `httpx.BaseTransport` that can be told to get ready: `gateway.transport.OrderTransport`.

    It is called directly: `httpx.Client` in between costs three times the CPU and adds only what no order needs (redirects,
    cookies, proxies).
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response: ...
    def warm(self, timeout_s: float) -> None: ...
    def close(self) -> None: ...


class PolymarketRest:
    """Tells `allowance` what each answer says about the rate limits."""

    def __init__(self, account: Account, clob_url: str, transport: Transport, connect_ms: int, clock: Clock,
                 allowance: Allowance | None = None) -> None:
        self._account, self._url, self._transport, self._clock = account, clob_url.rstrip("/"), transport, clock
        self._connect_ms, self._allowance = connect_ms, allowance
        self._urls: dict[str, httpx.URL] = {}        # of paths without a query; parsing one takes longer than signing a request

    def warm(self) -> None:
        self._transport.warm(self._connect_ms / 1000)

    def close(self) -> None:
        self._transport.close()

    def ask(self, method: str, path: str, body: bytes = b"", *, deadline_ms: int, query: Mapping[str, str] | None = None) -> Reply:
        headers = {**self._account.headers(self._clock.wall_ms(), method, path, body), **_SAME_HEADERS}
        timeout = {"connect": min(deadline_ms, self._connect_ms) / 1000, "read": deadline_ms / 1000}
        request = httpx.Request(method, self._at(path, query), content=body or None, headers=headers, extensions={"timeout": timeout})
        try:
            answer = self._transport.handle_request(request)
            answer.read()
        except _NEVER_SENT as why:
            return Reply(NOT_SENT, None, f"not sent: {type(why).__name__}: {why}", UNREACHABLE_RETRY_MS)
        except httpx.HTTPError as why:
            return Reply(LOST, None, f"{type(why).__name__}: {why}", 0)
        reply = _reply(answer)
        if self._allowance is not None and method != "GET":      # reads have a limit of their own, which no order comes near
            self._allowance.heard(rate_note(reply, answer.headers, self._clock.wall_ms(), is_cancel=method == "DELETE"))
        return reply

    def _at(self, path: str, query: Mapping[str, str] | None) -> httpx.URL:
        if query:
            return httpx.URL(self._url + path, params=query)
        if path.startswith("/data/"):                # an id is part of it: no end of them
            return httpx.URL(self._url + path)
        return self._urls.get(path) or self._urls.setdefault(path, httpx.URL(self._url + path))


def _reply(answer: httpx.Response) -> Reply:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:       # HTML of a proxy, or nothing
        body = None
    text = error_text(body, "" if answer.status_code == 200 else answer.text)
    return Reply(answer.status_code, body, text, retry_after_ms(answer.headers, body))
