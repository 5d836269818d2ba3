"""The market channel: book frames in, book events out. Pure; owned by the thread `pm-book`.

Facts it relies on are in docs/venues/polymarket.md: frames are one object or an array, levels come in any order, sizes are
absolute, one `price_change` names both outcomes, and every change carries the venue's own best bid and ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import orjson

from trader.errors import WireError
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookDump, BookEvent, Ignored, LastTrade, LevelChange, LevelText, Pong, TickChange, TopOnly
from trader.venues.polymarket.wire import UNREADABLE, level_bp_from_wire, ms_from_wire, size_from_wire, top_bp_from_wire, unreadable

_PONG = [Pong()]
_new_tuple = tuple.__new__       # what `LevelChange(…)` ends in, in two fifths of the time; it is made tens of thousands of times a second


class _Row(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    size: str
    side: Literal["BUY", "SELL"]
    best_bid: str | None
    best_ask: str | None
    hash: str = ""


class _PriceChange(msgspec.Struct, gc=False):
    """Read straight into its fields: half the time of a dictionary, and what is of another kind is refused by the reader."""

    event_type: Literal["price_change"]
    price_changes: list[_Row]
    timestamp: str | int


_read_changes = msgspec.json.Decoder(_PriceChange).decode


class PolymarketMarketStream:
    """Implements `contract.MarketStream`."""

    ping = "PING"

    def __init__(self, ws_url: str) -> None:
        self.url = ws_url.rstrip("/") + "/ws/market"

    def hello(self, tokens: Sequence[str]) -> list[str]:
        """`best_bid_ask` only comes with custom features, so they are asked for."""
        return [_text({"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": True})]

    def change(self, add: Sequence[str], remove: Sequence[str]) -> list[str]:
        """Removal first: a token that is in both is thereby subscribed anew, which is how a fresh dump is had."""
        texts = []
        if remove:
            texts.append(_text({"operation": "unsubscribe", "assets_ids": list(remove)}))
        if add:
            texts.append(_text({"operation": "subscribe", "assets_ids": list(add), "custom_feature_enabled": True}))
        return texts

    def decode(self, frame: bytes) -> list[BookEvent]:
        try:
            return _changes(_read_changes(frame))            # nearly all frames
        except (msgspec.MsgspecError, *UNREADABLE, WireError):
            return _decode_any(frame)


def _decode_any(frame: bytes) -> list[BookEvent]:
    """The general way. It also finds the words for a frame that cannot be read at all."""
    if frame == b"PONG":
        return list(_PONG)
    events: list[BookEvent] = []
    try:
        payload = orjson.loads(frame)
        for message in payload if isinstance(payload, list) else (payload,):
            name = message["event_type"]
            read = _READERS.get(name)
            if read is None:
                events.append(Ignored(str(name)))
            else:
                read(message, events)
    except WireError:
        raise
    except UNREADABLE as why:
        raise unreadable("a market frame", frame, why) from None
    return events


def _changes(message: _PriceChange) -> list[BookEvent]:
    """A change of one outcome comes with that of the other, which has the same size: read once."""
    venue_ms, events = ms_from_wire(message.timestamp), list[BookEvent]()
    known_size, size_micro = None, SizeMicro(0)
    for row in message.price_changes:
        price, size = row.price, row.size
        if size != known_size:
            known_size, size_micro = size, size_from_wire(size)
        events.append(_new_tuple(LevelChange, (
            row.asset_id, row.side == "BUY", level_bp_from_wire(price), size_micro, top_bp_from_wire(row.best_bid),
            top_bp_from_wire(row.best_ask), venue_ms, row.hash, price, size,
        )))
    return events


def _text(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()


def book_dump(message: dict[str, Any]) -> BookDump:
    """A whole book, of the stream or of REST, which writes the same object. Raises WireError or one of wire.UNREADABLE."""
    tick, last_trade = message.get("tick_size"), message.get("last_trade_price")     # absent in the book that follows a trade
    bids, asks = message["bids"], message["asks"]
    return BookDump(
        token_id=str(message["asset_id"]),
        bids=_levels(bids),
        asks=_levels(asks),
        tick_bp=level_bp_from_wire(str(tick)) if tick else None,
        venue_ms=ms_from_wire(message["timestamp"]),
        hash=str(message.get("hash", "")),
        bid_texts=_texts(bids),
        ask_texts=_texts(asks),
        last_trade=None if last_trade is None else str(last_trade),
    )


def _book(message: dict[str, Any], events: list[BookEvent]) -> None:
    events.append(book_dump(message))


def _levels(rows: list[dict[str, str]]) -> tuple[tuple[PriceBp, SizeMicro], ...]:
    return tuple((level_bp_from_wire(row["price"]), size_from_wire(row["size"])) for row in rows)


def _texts(rows: list[dict[str, str]]) -> tuple[LevelText, ...]:
    return tuple((row["price"], row["size"]) for row in rows)


def _price_change(message: dict[str, Any], events: list[BookEvent]) -> None:
    events += _changes(msgspec.convert(message, _PriceChange))


def _tick_size_change(message: dict[str, Any], events: list[BookEvent]) -> None:
    events.append(TickChange(str(message["asset_id"]), level_bp_from_wire(str(message["new_tick_size"]))))


def _best_bid_ask(message: dict[str, Any], events: list[BookEvent]) -> None:
    events.append(TopOnly(str(message["asset_id"]), top_bp_from_wire(message["best_bid"]), top_bp_from_wire(message["best_ask"]),
                          ms_from_wire(message["timestamp"])))


def _last_trade_price(message: dict[str, Any], events: list[BookEvent]) -> None:
    events.append(LastTrade(str(message["asset_id"]), str(message["price"]), ms_from_wire(message["timestamp"])))


_READERS: dict[Any, Callable[[dict[str, Any], list[BookEvent]], None]] = {
    "book": _book,
    "price_change": _price_change,
    "tick_size_change": _tick_size_change,
    "best_bid_ask": _best_bid_ask,
    "last_trade_price": _last_trade_price,
}
