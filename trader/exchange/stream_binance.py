"""Binance's market-data streams over the simulated price: bookTicker, aggTrade and kline_1h. Owned by `publisher`."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from trader.exchange.candles import Candle
from trader.exchange.subscriber import Subscriber

SYMBOL = "BTCUSDT"
BOOK_TICKER, AGG_TRADE, KLINE = "btcusdt@bookTicker", "btcusdt@aggTrade", "btcusdt@kline_1h"


class BookTicker(NamedTuple):
    """Best bid and ask in cents. Like the real one it carries no time."""

    update_id: int
    bid_cents: int
    ask_cents: int


class AggTrade(NamedTuple):
    trade_id: int
    price_cents: int
    quantity: float
    buyer_is_maker: bool
    at_ms: int


class KlineTick(NamedTuple):
    candle: Candle
    at_ms: int


class BinanceSubscribe(NamedTuple):
    """`wrapped`: frames come as {"stream", "data"}, as the combined endpoint sends them."""

    subscriber: Subscriber
    streams: tuple[str, ...]
    wrapped: bool


class BinanceUnsubscribe(NamedTuple):
    subscriber: Subscriber


class BinanceStream:
    def __init__(self) -> None:
        self._listeners: dict[Subscriber, BinanceSubscribe] = {}

    def subscribe(self, request: BinanceSubscribe) -> None:
        self._listeners[request.subscriber] = request

    def unsubscribe(self, request: BinanceUnsubscribe) -> None:
        self._listeners.pop(request.subscriber, None)

    def tick(self, tick: BookTicker | AggTrade | KlineTick) -> None:
        stream, data = frame_of(tick)
        text = orjson.dumps(data).decode()
        for request in self._listeners.values():
            if stream in request.streams:
                request.subscriber.offer(f'{{"stream":"{stream}","data":{text}}}' if request.wrapped else text)


def frame_of(tick: BookTicker | AggTrade | KlineTick) -> tuple[str, dict[str, Any]]:
    if isinstance(tick, BookTicker):
        return BOOK_TICKER, {"u": tick.update_id, "s": SYMBOL, **ticker_prices(tick)}
    if isinstance(tick, AggTrade):
        return AGG_TRADE, {"e": "aggTrade", "E": tick.at_ms, "s": SYMBOL, "a": tick.trade_id, "p": usd(tick.price_cents),
                           "q": f"{tick.quantity:.8f}", "f": tick.trade_id, "l": tick.trade_id, "T": tick.at_ms,
                           "m": tick.buyer_is_maker, "M": True}
    return KLINE, {"e": "kline", "E": tick.at_ms, "s": SYMBOL, "k": _kline(tick.candle)}


def ticker_prices(tick: BookTicker) -> dict[str, str]:
    return {"b": usd(tick.bid_cents), "B": "1.50000000", "a": usd(tick.ask_cents), "A": "1.50000000"}


def _kline(candle: Candle) -> dict[str, Any]:
    return {"t": candle.opens_ms, "T": candle.closes_ms - 1, "s": SYMBOL, "i": "1h", "f": 0, "L": candle.trades,
            "o": usd(candle.open_cents), "c": usd(candle.close_cents), "h": usd(candle.high_cents), "l": usd(candle.low_cents),
            "v": "1000.00000000", "n": candle.trades, "x": candle.final, "q": "60000000.00000000", "V": "500.00000000",
            "Q": "30000000.00000000", "B": "0"}


def usd(cents: int) -> str:
    """Binance pads prices to eight decimals."""
    return f"{cents // 100}.{cents % 100:02d}000000"
