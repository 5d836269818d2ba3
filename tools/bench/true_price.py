"""What a share was truly worth at each moment: the embedded exchange's Bitcoin, heard on its own stream, and its own formula.

For judging a desk from outside. `TruePrice` listens on a thread of its own; the rest is pure.
"""

from __future__ import annotations

import json
import math
import threading
import time
from bisect import bisect_right
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import websocket

from trader.exchange.btc_path import SECONDS_PER_YEAR, up_probability
from trader.exchange.child import ExchangeUrls
from trader.exchange.population import load_population

STEP_MS = load_population().price.step_ms


def volatility_of(speed: float) -> float:
    """Of the price, a root second."""
    return load_population().price.annual_volatility * math.sqrt(speed / SECONDS_PER_YEAR)


class Candle(NamedTuple):
    open_ms: int
    close_ms: int
    open_cents: int


class Path:
    """Bitcoin in cents at each step of the exchange. The exchange moves it on whole steps of wall time, so a price that is heard a few
    milliseconds later belongs to the step before."""

    def __init__(self, volatility_per_sqrt_s: float) -> None:
        self._volatility = volatility_per_sqrt_s
        self.times_ms: list[int] = []
        self.cents: list[int] = []
        self.candles: list[Candle] = []

    def hear(self, heard_ms: int, cents: int) -> None:
        self.cents.append(cents)
        self.times_ms.append(heard_ms - heard_ms % STEP_MS)

    def worth_bp(self, at_ms: int) -> float | None:
        """Of YES in the window of that moment; None before the first price."""
        index = bisect_right(self.times_ms, at_ms) - 1
        candle = next((one for one in self.candles if one.open_ms <= at_ms < one.close_ms), None)
        if index < 0 or candle is None:
            return None
        return 10_000 * up_probability(self.cents[index], candle.open_cents, (candle.close_ms - at_ms) / 1000, self._volatility)


class TruePrice:
    """`path` grows while the `with` block lasts, and is complete after it."""

    def __init__(self, exchange: ExchangeUrls, volatility_per_sqrt_s: float) -> None:
        self.path = Path(volatility_per_sqrt_s)
        self._exchange, self._stopping = exchange, threading.Event()
        self._stream = websocket.create_connection(f"{exchange.binance_ws_url}/ws/btcusdt@bookTicker", timeout=5)
        self._thread = threading.Thread(target=self._listen, name="true-price")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._stream.close()
        rows = httpx.get(f"{self._exchange.binance_rest_url}/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1h"}).json()
        self.path.candles = [Candle(row[0], row[6] + 1, round(float(row[1]) * 100)) for row in rows]

    def _listen(self) -> None:
        while not self._stopping.is_set():
            frame = json.loads(self._stream.recv())
            self.path.hear(int(time.time() * 1000), round(float(frame["b"]) * 100))
