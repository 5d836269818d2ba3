"""Binance's REST under /binance: hourly candles and the book ticker; and a snapshot source beside it, as a poller knows them.

Runs on REST workers; reads the calendar's snapshot only.
"""

from __future__ import annotations

from typing import Any

from trader.exchange.candles import Candle
from trader.exchange.fault_kinds import Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Routes
from trader.exchange.market_life import Calendars
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.stream_binance import SYMBOL, ticker_prices, usd
from trader.exchange.whole_numbers import is_whole_number
from trader.exchange.windows import HOUR_MS
from trader.exchange.wire import Json
from trader.runtime.clock import Clock

DEFAULT_ROWS, MAX_ROWS = 500, 1_000
STALE_MS = 1_000


class BinanceRoutes:
    def __init__(self, calendars: Calendars, clock: Clock, faults: FaultBoard) -> None:
        self._calendar, self._clock, self._faults = calendars, clock, faults
        self._seen = calendars()        # what the snapshot source read last: it stays so while Binance's stream is frozen

    def table(self) -> Routes:
        return {
            ("GET", "/binance/api/v3/klines"): self.klines,
            ("GET", "/binance/api/v3/ticker/bookTicker"): self.book_ticker,
            ("GET", "/binance/snapshot"): self.snapshot,
        }

    def klines(self, request: Request) -> list[Any]:
        """Windows as 1 h candles, oldest first, the last `limit` of them or those from startTime on."""
        query = request.query
        _check_symbol(query)
        if query.get("interval") != "1h":
            raise _bad(-1120, "Invalid interval.")
        candles = self._calendar().candles
        limit = min(_number(query, "limit", DEFAULT_ROWS), MAX_ROWS)
        if "startTime" in query:
            start_ms = _number(query, "startTime", 0)
            return [_row(each) for each in candles if each.opens_ms >= start_ms][:limit]
        return [_row(each) for each in candles[-limit:]]

    def book_ticker(self, request: Request) -> Json:
        _check_symbol(request.query)
        prices = ticker_prices(self._calendar().ticker)
        return {"symbol": SYMBOL, "bidPrice": prices["b"], "bidQty": prices["B"], "askPrice": prices["a"], "askQty": prices["A"]}


    def snapshot(self, _: Request) -> Json:
        """What a program that keeps the newest ticker would answer. It ages while its own source, the stream, is frozen."""
        if self._faults.is_on("binance", Kind.FREEZE) is None:
            self._seen = self._calendar()
        ticker, candle, at_ms = self._seen.ticker, self._seen.candles[-1], self._seen.ticker_ms
        age_ms = max(0, self._clock.wall_ms() - at_ms)
        opened = {"open_px": candle.open_cents / 100} if candle.opens_ms % HOUR_MS == 0 else {}     # it must be the hour's
        return {"symbol": SYMBOL, "ts_ms": at_ms, "bid": ticker.bid_cents / 100, "ask": ticker.ask_cents / 100,
                "mid_px": (ticker.bid_cents + ticker.ask_cents) / 200, "age_ms": age_ms, "stale": age_ms > STALE_MS, **opened}


def _row(candle: Candle) -> list[Any]:
    return [candle.opens_ms, usd(candle.open_cents), usd(candle.high_cents), usd(candle.low_cents), usd(candle.close_cents),
            "1000.00000000", candle.closes_ms - 1, "60000000.00000000", candle.trades, "500.00000000", "30000000.00000000", "0"]


def _check_symbol(query: Any) -> None:
    if query.get("symbol") != SYMBOL:
        raise _bad(-1121, "Invalid symbol.")


def _number(query: Any, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not is_whole_number(text):
        raise _bad(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def _bad(code: int, text: str) -> Refusal:
    """Binance writes its errors its own way."""
    refused = Refusal(text)
    refused.body = {"code": code, "msg": text}
    return refused
