"""Market-channel frames handed on unread: which token a frame is about, and what it says of markets. Pure; one connection's thread.

A frame of one market is passed on as it came. Its token is found by a search over bytes: quotes inside a JSON text are escaped, so
that `"asset_id":"` never stands inside one. An array is cut where its elements begin; what does not look as expected is parsed.
"""

from __future__ import annotations

from typing import Any

import orjson

from trader.venues.contract import MarketBorn, MarketOver
from trader.venues.polymarket.gamma import padded_condition_id
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.wire import UNREADABLE, json_from_wire

_TOKEN, _HEAD, _CUT, _EVENT = b'"asset_id":"', b'[{"market":"', b'},{"market":"', b'"event_type":"'
_ABOUT_BOOKS = frozenset({"book", "price_change", "tick_size_change", "best_bid_ask", "last_trade_price"})


class PolymarketPoolStream(PolymarketMarketStream):
    """Implements `contract.PoolStream`."""

    def split(self, frame: bytes) -> list[tuple[bytes, bytes]]:
        if frame[:1] == b"[":
            return self._cut(frame)
        token = _token(frame)
        if token:
            return [(token, frame)]
        return [] if frame == b"PONG" else _parsed(frame)

    def news(self, frame: bytes) -> list[MarketBorn | MarketOver]:
        try:
            payload = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return []
        found = (_news(row) for row in (payload if isinstance(payload, list) else [payload]))
        return [one for one in found if one is not None]

    def _cut(self, frame: bytes) -> list[tuple[bytes, bytes]]:
        """The first dumps of a connection are megabytes in one frame: parsing them would keep every other thread waiting."""
        pieces = frame[len(_HEAD):-2].split(_CUT)
        if not frame.startswith(_HEAD) or not frame.endswith(b"}]") or any(piece.count(_EVENT) != 1 for piece in pieces):
            return _parsed(frame)
        whole = [b'{"market":"' + piece + b"}" for piece in pieces]
        found = [(_token(piece), piece) for piece in whole]
        return [(token, piece) for token, piece in found if token]


def _token(frame: bytes) -> bytes:
    """Empty when there is none."""
    at = frame.find(_TOKEN)
    if at < 0:
        return b""
    start = at + len(_TOKEN)
    return frame[start:frame.find(b'"', start)]


def _parsed(frame: bytes) -> list[tuple[bytes, bytes]]:
    """The same by way of a full parse."""
    payload = json_from_wire("a market frame", frame)
    found = []
    for row in payload if isinstance(payload, list) else [payload]:
        token = _token_of(row)
        if token:
            found.append((token.encode(), orjson.dumps(row)))
    return found


def _token_of(row: Any) -> str:
    try:
        if row["event_type"] not in _ABOUT_BOOKS:
            return ""
        token = row["price_changes"][0]["asset_id"] if "price_changes" in row else row["asset_id"]
        return token if isinstance(token, str) else ""
    except UNREADABLE:
        return ""


def _news(row: Any) -> MarketBorn | MarketOver | None:
    try:
        if row["event_type"] == "new_market":
            return MarketBorn(str(row["event_message"]["slug"]))
        if row["event_type"] == "market_resolved":
            return MarketOver(padded_condition_id(row["market"]))
    except UNREADABLE:
        return None
    return None
