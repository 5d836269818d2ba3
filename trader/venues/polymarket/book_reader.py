"""Whole books by REST (`GET /book`). Used by the thread `verify`; each request has a deadline. Needs no credentials."""

from __future__ import annotations

import httpx
import orjson

from trader.errors import ConnectionLost, WireError
from trader.venues.contract import BookDump
from trader.venues.polymarket.market_stream import book_dump
from trader.venues.polymarket.wire import UNREADABLE, unreadable


class PolymarketBookReader:
    """Implements `contract.BookReader`."""

    deadline_ms = 2000

    def __init__(self, clob_url: str, client: httpx.Client | None = None) -> None:
        self._url = clob_url.rstrip("/") + "/book"
        self._client = client or httpx.Client(timeout=httpx.Timeout(self.deadline_ms / 1000))

    def read(self, token_id: str) -> BookDump:
        try:
            answer = self._client.get(self._url, params={"token_id": token_id})
        except httpx.HTTPError as why:
            raise ConnectionLost(f"/book did not answer ({type(why).__name__}: {why}).", remedy="It is asked again later.") from None
        if answer.status_code != 200:
            raise ConnectionLost(f"/book answered HTTP {answer.status_code}.", remedy="It is asked again later.")
        dump = _dump(answer.content)
        if dump.token_id != token_id:
            raise WireError(f"/book answered token {dump.token_id} when asked for {token_id}.", remedy="Check polymarket.clob_url.")
        return dump

    def close(self) -> None:
        self._client.close()


def _dump(body: bytes) -> BookDump:
    try:
        return book_dump(orjson.loads(body))
    except UNREADABLE as why:
        raise unreadable("the answer to /book", body, why) from None
