"""The JSON text of a book and its SHA-1, as the venue computes it. Pure.

The hash covers a compact JSON object with fixed keys in fixed order: bids ascending, asks descending, `hash` empty,
`version` only for protocol v2. Levels are cached as text, so that one change costs two joins and one SHA-1 an outcome.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple

from trader.exchange.market import BookView
from trader.exchange.orders import MarketSpec, Outcome, Side
from trader.model.units import BP_PER_DOLLAR, price_to_wire, size_to_wire

PRICE_TEXT = tuple(price_to_wire(price_bp) for price_bp in range(BP_PER_DOLLAR + 1))       # by price_bp
size_text = lru_cache(maxsize=16_384)(size_to_wire)


class BookText(NamedTuple):
    """One outcome's book at one moment, ready for any frame."""

    spec: MarketSpec
    outcome: Outcome
    bids: str               # comma-separated level objects, ascending
    asks: str               # …, descending
    last_trade_price: str
    timestamp_ms: int

    def _json(self, hash_text: str) -> str:
        version = ',"version":"v2"' if self.spec.version == "v2" else ""
        return (f'{{"market":"{self.spec.condition_id}","asset_id":"{self.spec.token_ids[self.outcome]}",'
                f'"timestamp":"{self.timestamp_ms}","hash":"{hash_text}","bids":[{self.bids}],"asks":[{self.asks}],'
                f'"min_order_size":"{size_text(self.spec.min_size_micro)}","tick_size":"{PRICE_TEXT[self.spec.tick_bp]}",'
                f'"neg_risk":{"true" if self.spec.neg_risk else "false"},"last_trade_price":"{self.last_trade_price}"{version}}}')

    def sha1(self) -> str:
        return sha1(self._json("").encode(), usedforsecurity=False).hexdigest()

    def rest_json(self) -> str:
        """Answer of `GET /book`."""
        return self._json(self.sha1())

    def frame_json(self, hash_text: str, *, after_trade: bool) -> str:
        """A `book` frame. The one after a trade lacks tick_size and last_trade_price, as on the live venue."""
        terms = "" if after_trade else f'"tick_size":"{PRICE_TEXT[self.spec.tick_bp]}",'
        last = "" if after_trade else f',"last_trade_price":"{self.last_trade_price}"'
        version = ',"version":"v2"' if self.spec.version == "v2" else ""
        return (f'{{"market":"{self.spec.condition_id}","asset_id":"{self.spec.token_ids[self.outcome]}",'
                f'"timestamp":"{self.timestamp_ms}","hash":"{hash_text}","bids":[{self.bids}],"asks":[{self.asks}],'
                f'{terms}"event_type":"book"{last}{version}}}')


class _HalfText:
    """One half of the YES book as text, twice: as it is, and as the other half of the NO book.

    `_keys` are sorted in wire order: ascending prices for bids, descending for asks. The mirror image of an ascending bid
    at p is a descending ask at 1 - p, so both texts keep the same order.
    """

    __slots__ = ("_keys", "_sign", "mirrored", "own")

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.BUY else -1
        self._keys: list[int] = []
        self.own: list[str] = []
        self.mirrored: list[str] = []

    def set(self, yes_bp: int, size_micro: int) -> None:
        key = self._sign * yes_bp
        at = bisect_left(self._keys, key)
        known = at < len(self._keys) and self._keys[at] == key
        if known and not size_micro:
            del self._keys[at], self.own[at], self.mirrored[at]
        elif size_micro:
            texts = _level(yes_bp, size_micro), _level(BP_PER_DOLLAR - yes_bp, size_micro)
            if known:
                self.own[at], self.mirrored[at] = texts
            else:
                self._keys.insert(at, key)
                self.own.insert(at, texts[0])
                self.mirrored.insert(at, texts[1])

    def best_bp(self) -> int | None:
        return self._sign * self._keys[-1] if self._keys else None


def _level(price_bp: int, size_micro: int) -> str:
    return f'{{"price":"{PRICE_TEXT[price_bp]}","size":"{size_text(size_micro)}"}}'


class BookMirror:
    """Both outcome books of one market as text, kept up by level changes in YES terms. Owned by one thread."""

    def __init__(self, spec: MarketSpec, at_ms: int) -> None:
        self.spec, self.changed_ms = spec, at_ms
        self.last_trade_bp: int | None = None       # YES terms
        self._bids, self._asks = _HalfText(Side.BUY), _HalfText(Side.SELL)

    def set(self, side: Side, yes_bp: int, size_micro: int) -> None:
        (self._bids if side is Side.BUY else self._asks).set(yes_bp, size_micro)

    def text(self, outcome: Outcome) -> BookText:
        bids, asks = self._bids, self._asks
        texts = (bids.own, asks.own) if outcome is Outcome.YES else (asks.mirrored, bids.mirrored)
        return BookText(self.spec, outcome, ",".join(texts[0]), ",".join(texts[1]), self.last_trade_text(outcome), self.changed_ms)

    def best_bp(self, outcome: Outcome) -> tuple[int | None, int | None]:
        """Best bid and ask of one outcome."""
        bid_bp, ask_bp = self._bids.best_bp(), self._asks.best_bp()
        if outcome is Outcome.YES:
            return bid_bp, ask_bp
        return (None if ask_bp is None else BP_PER_DOLLAR - ask_bp), (None if bid_bp is None else BP_PER_DOLLAR - bid_bp)

    def last_trade_text(self, outcome: Outcome) -> str:
        if self.last_trade_bp is None:
            return ""
        return last_trade_price(self.last_trade_bp if outcome is Outcome.YES else BP_PER_DOLLAR - self.last_trade_bp)


def last_trade_price(price_bp: int) -> str:
    """The venue writes three decimals here ("0.920"), and only here; a fourth where a finer tick needs it."""
    text = f"0.{price_bp:04d}" if price_bp < BP_PER_DOLLAR else "1.0000"
    return text.removesuffix("0") if text.endswith("0") else text


def mirror_of(view: BookView) -> BookMirror:
    """A mirror built from the engine's own copy; equal to one that was kept up by events."""
    mirror = BookMirror(view.spec, view.changed_ms)
    mirror.last_trade_bp = view.last_trade_bp
    for side, levels in ((Side.BUY, view.bids), (Side.SELL, view.asks)):
        for price_bp, size_micro in levels:
            mirror.set(side, price_bp, size_micro)
    return mirror
