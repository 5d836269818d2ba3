"""Binance's combined market stream: best bid and ask, last trade, hourly candle. Pure; owned by the thread `bn-ticker`.

Facts in docs/venues/binance.md. `bookTicker` carries no time of its own: it is stamped when it leaves the socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from trader.errors import WireError
from trader.model.units import MoneyMicro, scaled_int
from trader.venues.contract import Candle, Goodbye, Ignored, Quoted, ReferenceEvent, Traded

_WIRE_DECIMALS = 8               # of every price; we keep six
_WIRE_PER_MICRO = 100
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)


class BinanceMarketStream:
    """Implements `contract.ReferenceStream`: the three streams of one pair over one connection, named in the address."""

    def __init__(self, ws_url: str, symbol: str) -> None:
        pair = symbol.lower()
        self.symbol = symbol.upper()
        self.url = f"{ws_url.rstrip('/')}/stream?streams={pair}@bookTicker/{pair}@aggTrade/{pair}@kline_1h"

    def decode(self, frame: bytes) -> ReferenceEvent:
        """Raises WireError on what it cannot read, another pair's frame included."""
        try:
            payload = orjson.loads(frame)
            message = payload.get("data", payload)
            read = _READERS.get(message.get("e", "bookTicker"))
            if read is None:
                return Ignored(str(message["e"]))
            event = read(message)
            if message.get("s", self.symbol) != self.symbol:
                raise ValueError(f"pair {message['s']!r} instead of {self.symbol!r}")
            return event
        except (WireError, *_UNREADABLE) as why:
            raise WireError(f"a Binance frame cannot be read ({type(why).__name__}: {why}): {frame[:200]!r}.",
                            remedy="Compare it with docs/venues/binance.md and Binance's changelog.") from None


def price_micro_from_wire(text: str) -> MoneyMicro:
    """'60000.01000000' -> 60_000_010_000. Beyond a micro-dollar it is rounded half up, in integers. Never 0: who divides by it crashes."""
    price_micro = (scaled_int(text, _WIRE_DECIMALS, "price") + _WIRE_PER_MICRO // 2) // _WIRE_PER_MICRO
    if price_micro <= 0:
        raise ValueError(f"{text} is no price")
    return MoneyMicro(price_micro)


def _quoted(message: dict[str, Any]) -> Quoted:
    quoted = Quoted(price_micro_from_wire(message["b"]), price_micro_from_wire(message["a"]))
    if quoted.bid_micro > quoted.ask_micro:
        raise ValueError(f"bid {message['b']} and ask {message['a']} are not a market")
    return quoted


def _traded(message: dict[str, Any]) -> Traded:
    return Traded(price_micro_from_wire(message["p"]), int(message["T"]))


def _candle(message: dict[str, Any]) -> ReferenceEvent:
    candle = message["k"]
    if candle["i"] != "1h":
        return Ignored(f"kline_{candle['i']}")
    return Candle(int(candle["t"]), price_micro_from_wire(candle["o"]), bool(candle["x"]))


def _goodbye(_: dict[str, Any]) -> Goodbye:
    return Goodbye()


_READERS: dict[str, Callable[[dict[str, Any]], ReferenceEvent]] = {
    "bookTicker": _quoted,       # comes without `e`
    "aggTrade": _traded,
    "kline": _candle,            # kline_1h: its open is the strike
    "serverShutdown": _goodbye,
}
