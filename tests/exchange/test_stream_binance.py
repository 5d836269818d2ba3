"""Binance's frames, word for word."""

from __future__ import annotations

import json

from trader.exchange.candles import opened
from trader.exchange.stream_binance import AggTrade, BinanceStream, BinanceSubscribe, BinanceUnsubscribe, BookTicker, KlineTick


class Client(list):
    def offer(self, frame):
        self.append(json.loads(frame))

    __hash__ = object.__hash__


def test_a_book_ticker_has_no_time_and_eight_decimals():
    stream, client = BinanceStream(), Client()
    stream.subscribe(BinanceSubscribe(client, ("btcusdt@bookTicker",), wrapped=False))
    stream.tick(BookTicker(7, 6_000_005, 6_000_006))
    assert client == [{"u": 7, "s": "BTCUSDT", "b": "60000.05000000", "B": "1.50000000", "a": "60000.06000000", "A": "1.50000000"}]


def test_the_combined_endpoint_wraps_each_frame_with_its_stream():
    stream, client = BinanceStream(), Client()
    stream.subscribe(BinanceSubscribe(client, ("btcusdt@aggTrade", "btcusdt@kline_1h"), wrapped=True))
    stream.tick(BookTicker(7, 6_000_005, 6_000_006))
    stream.tick(AggTrade(1, 6_000_000, 0.5, True, 99))
    stream.tick(KlineTick(opened(1_000, 51_000, 6_000_000), 2_000))
    assert [frame["stream"] for frame in client] == ["btcusdt@aggTrade", "btcusdt@kline_1h"]
    kline = client[1]["data"]["k"]
    assert (kline["t"], kline["T"], kline["o"], kline["x"], kline["i"]) == (1_000, 50_999, "60000.00000000", False, "1h")


def test_a_client_that_left_hears_nothing():
    stream, client = BinanceStream(), Client()
    stream.subscribe(BinanceSubscribe(client, ("btcusdt@bookTicker",), wrapped=False))
    stream.unsubscribe(BinanceUnsubscribe(client))
    stream.tick(BookTicker(7, 1, 2))
    assert client == []
