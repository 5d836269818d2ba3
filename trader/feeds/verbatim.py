"""One token's book as the venue wrote it, text by text: what the venue's hash covers. Pure; owned by the thread `pm-book`.

Beside the ladder, which is what is quoted on, because the ladder keeps integers. It costs one store a change; a copy is made
only when somebody asked for a sample, and only of a state that is complete: just before the next update is applied, or when
the last one is older than a burst can be.
"""

from __future__ import annotations

from trader.model.units import PriceBp
from trader.venues.contract import BookDump, BookSample, LastTrade, LevelChange, LevelText

BURST_NS = 5_000_000         # an atomic trade arrives as several messages; they leave the venue together


class Verbatim:
    """`is_asked`: somebody waits for a sample. `sample` is handed out once."""

    __slots__ = ("_asks", "_bids", "_changed_ns", "_is_kept", "_last_trade", "_last_trade_is_sure", "_newest", "_other_last_trade",
                 "_sample", "_tick_bp", "_token_id", "_trade_ms", "is_asked")

    def __init__(self, token_id: str, tick_bp: PriceBp, *, is_kept: bool = True) -> None:
        """`is_kept`: False where nobody ever asks for a sample and thousands of books must fit into memory."""
        self._token_id, self._tick_bp, self._is_kept = token_id, tick_bp, is_kept
        self.forget()

    def forget(self) -> None:
        """Continuity is lost: nothing can be sampled before the next dump."""
        self._bids: dict[PriceBp, LevelText] = {}
        self._asks: dict[PriceBp, LevelText] = {}
        self._newest: BookDump | LevelChange | None = None       # its hash is the venue's of the state that it led to
        self._changed_ns = 0
        self._last_trade: str | None = None
        self._other_last_trade: str | None = None
        self._last_trade_is_sure, self._trade_ms = False, 0
        self._sample: BookSample | None = None
        self.is_asked = False

    def load(self, dump: BookDump, tick_bp: PriceBp, now_ns: int) -> None:
        if not self._is_kept:
            return
        if self.is_asked:
            self._end_update(dump)
        self._bids = {price_bp: text for (price_bp, _), text in zip(dump.bids, dump.bid_texts, strict=False)}
        self._asks = {price_bp: text for (price_bp, _), text in zip(dump.asks, dump.ask_texts, strict=False)}
        self._tick_bp, self._newest, self._changed_ns = tick_bp, dump, now_ns
        if dump.last_trade is not None:
            self._last_trade, self._other_last_trade, self._last_trade_is_sure = dump.last_trade, None, True
        else:
            self._last_trade_is_sure, self._trade_ms = False, dump.venue_ms      # it follows a trade and does not name its price

    def change(self, change: LevelChange, now_ns: int) -> None:
        if not self._is_kept:
            return
        if self.is_asked:
            self._end_update(change)
        _, is_bid, price_bp, size_micro, _, _, _, _, price_text, size_text = change
        texts = self._bids if is_bid else self._asks
        if size_micro:
            texts[price_bp] = (price_text, size_text)
        else:
            texts.pop(price_bp, None)
        self._newest, self._changed_ns = change, now_ns

    def traded(self, trade: LastTrade) -> None:
        """Of this outcome. One that is older than the newest trade says nothing about that one's price."""
        if trade.venue_ms >= self._trade_ms:
            self._last_trade, self._other_last_trade, self._last_trade_is_sure = trade.price_text, None, True
            self._trade_ms = trade.venue_ms

    def other_traded(self, trade: LastTrade) -> None:
        """Of the other outcome: whether and how the venue writes it into this book is for the hash to find out."""
        if trade.venue_ms >= self._trade_ms:
            self._other_last_trade, self._last_trade_is_sure, self._trade_ms = trade.price_text, False, trade.venue_ms

    def sample(self, now_ns: int) -> BookSample | None:
        """What was asked for, once it can be had."""
        if self.is_asked and now_ns - self._changed_ns >= BURST_NS:
            self._copy()
        sample, self._sample = self._sample, None
        return sample

    def _end_update(self, coming: BookDump | LevelChange) -> None:
        newest = self._newest
        if newest is not None and (coming.hash, coming.venue_ms) != (newest.hash, newest.venue_ms):
            self._copy()

    def _copy(self) -> None:
        newest = self._newest
        if newest is not None and newest.hash:
            self.is_asked = False
            self._sample = BookSample(self._token_id, newest.hash, newest.venue_ms, self._tick_bp, tuple(self._bids.items()),
                                      tuple(self._asks.items()), self._last_trade, self._last_trade_is_sure, self._other_last_trade)
