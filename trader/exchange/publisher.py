"""Thread `publisher`: turns what happened into frames. The only owner of the streams' books and subscriptions.

Fed through one queue by the venue (engine events, put under its lock), `market-life` (reference prices) and the WebSocket
readers (subscriptions), so that everything has one order. Hashes and JSON are made here, outside the venue's lock.
"""

from __future__ import annotations

import queue
import threading

from trader.exchange.events import (
    BookChanged,
    BookRestored,
    Event,
    MarketClosed,
    MarketListed,
    MarketResolved,
    OrderChanged,
    TickChanged,
    TradeChanged,
)
from trader.exchange.stream_binance import AggTrade, BinanceStream, BinanceSubscribe, BinanceUnsubscribe, BookTicker, KlineTick
from trader.exchange.stream_market import MarketStream, MarketSubscribe, MarketUnsubscribe
from trader.exchange.stream_user import UserStream, UserSubscribe, UserUnsubscribe
from trader.runtime.role import name_native_thread

Letter = (
    Event | BookTicker | AggTrade | KlineTick | MarketSubscribe | MarketUnsubscribe | UserSubscribe | UserUnsubscribe
    | BinanceSubscribe | BinanceUnsubscribe
)


class Publisher:
    """`put` may be called from any thread and never waits; `handle` runs on the publisher's own (or a test's)."""

    def __init__(self) -> None:
        market, user, binance = MarketStream(), UserStream(), BinanceStream()
        self._inbox: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._handlers = {
            BookChanged: market.book_changed,
            BookRestored: market.book_restored,
            TickChanged: market.tick_changed,
            MarketListed: market.market_listed,
            MarketClosed: _no_frame,
            MarketResolved: market.market_resolved,
            MarketSubscribe: market.subscribe,
            MarketUnsubscribe: market.unsubscribe,
            OrderChanged: user.order_changed,
            TradeChanged: user.trade_changed,
            UserSubscribe: user.subscribe,
            UserUnsubscribe: user.unsubscribe,
            BookTicker: binance.tick,
            AggTrade: binance.tick,
            KlineTick: binance.tick,
            BinanceSubscribe: binance.subscribe,
            BinanceUnsubscribe: binance.unsubscribe,
        }
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def put(self, letter: Letter) -> None:
        self._inbox.put(letter)

    def handle(self, letter: Letter) -> None:
        self._handlers[type(letter)](letter)    # type: ignore[operator]   # the table pairs each type with its own handler

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._inbox.put(None)
        self._thread.join(timeout=1)

    def _run(self) -> None:
        name_native_thread(self._thread.name)
        while (letter := self._inbox.get()) is not None:
            self.handle(letter)


def _no_frame(_: MarketClosed) -> None:
    """The live venue says nothing when trading stops; whoever wants to know hears of the cancelled orders."""
