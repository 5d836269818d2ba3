from __future__ import annotations

from collections.abc import Callable

import httpx
import orjson
import pytest

from trader.errors import ConnectionLost, TraderError, WireError
from trader.venues.polymarket.book_reader import PolymarketBookReader

BOOK = {"market": "0xc0", "asset_id": "11", "timestamp": "1790658661234", "hash": "h", "tick_size": "0.01", "last_trade_price": "0.5",
        "bids": [{"price": "0.29", "size": "2000"}], "asks": [{"price": "0.397", "size": "100.09"}]}


def reader(answer: Callable[[httpx.Request], httpx.Response]) -> PolymarketBookReader:
    return PolymarketBookReader("http://clob.test/", httpx.Client(transport=httpx.MockTransport(answer)))


def answering(status: int, body: bytes) -> PolymarketBookReader:
    return reader(lambda request: httpx.Response(status, content=body))


def test_it_asks_for_one_token_and_reads_what_the_stream_would_have_said() -> None:
    asked: list[str] = []
    rest = reader(lambda request: asked.append(str(request.url)) or httpx.Response(200, content=orjson.dumps(BOOK)))
    dump = rest.read("11")
    assert asked == ["http://clob.test/book?token_id=11"]
    assert (dump.bids, dump.asks, dump.tick_bp) == (((2900, 2_000_000_000),), ((3970, 100_090_000),), 100)


def test_nobody_there_is_a_lost_connection() -> None:
    rest = PolymarketBookReader("http://127.0.0.1:1")
    with pytest.raises(ConnectionLost, match="ConnectError"):
        rest.read("11")
    rest.close()


@pytest.mark.parametrize(("status", "body", "error"), [
    (404, b'{"error":"No orderbook exists for the requested token id"}', ConnectionLost), (500, b"", ConnectionLost),
    (200, b"{", WireError), (200, b"[]", WireError), (200, b'{"asset_id":"11"}', WireError),
    (200, orjson.dumps(BOOK | {"asset_id": "12"}), WireError),
    (200, orjson.dumps(BOOK | {"bids": [{"price": "2", "size": "1"}]}), WireError),
])
def test_everything_else_is_an_error_that_says_what_to_do(status: int, body: bytes, error: type[TraderError]) -> None:
    with pytest.raises(error) as raised:
        answering(status, body).read("11")
    assert raised.value.remedy


def test_a_lost_connection_is_one_whatever_the_library_calls_it() -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too late", request=request)
    with pytest.raises(ConnectionLost, match="ReadTimeout"):
        reader(lose).read("11")
