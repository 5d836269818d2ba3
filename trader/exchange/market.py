"""One market inside the engine: its terms, its book and what it last traded at. Touched only under the venue's lock."""

from __future__ import annotations

from typing import NamedTuple

from trader.exchange.book import Book
from trader.exchange.orders import MarketSpec, Outcome, Side
from trader.model.units import BP_PER_DOLLAR

FINE_TICK_BP = 10
COARSE_RANGE_BP = (400, 9_600)      # a price outside makes the tick fine, for good


class BookView(NamedTuple):
    """A copy of both halves in YES terms, safe to render outside the lock: (price_bp, size_micro), prices ascending."""

    spec: MarketSpec
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    last_trade_bp: int | None
    changed_ms: int
    last_trade_side: Side | None = None     # the taker's, in YES terms


class MarketState(NamedTuple):
    """What the lists of markets say of one."""

    spec: MarketSpec
    accepting: bool
    winner: Outcome | None
    listed_ms: int
    mid_bp: int             # of YES
    volume_micro: int = 0   # dollars that changed hands since the exchange was started


class Market:
    def __init__(self, spec: MarketSpec, now_ms: int) -> None:
        self.spec = spec                # replaced when the tick changes
        self.book = Book()
        self.accepting = True
        self.winner: Outcome | None = None
        self.last_trade_bp: int | None = None       # YES terms, as is the side of its taker
        self.last_trade_side: Side | None = None
        self.changed_ms = self.listed_ms = now_ms
        self.volume_micro = 0

    def view(self) -> BookView:
        bids, asks = (tuple((price_bp, half.levels[price_bp].size_micro) for price_bp in half.prices_bp)
                      for half in (self.book.bids, self.book.asks))
        return BookView(self.spec, bids, asks, self.last_trade_bp, self.changed_ms, self.last_trade_side)

    def state(self) -> MarketState:
        return MarketState(self.spec, self.accepting, self.winner, self.listed_ms, self.mid_bp(), self.volume_micro)

    def outgrows_its_tick(self) -> bool:
        lowest_bp, highest_bp = COARSE_RANGE_BP
        return self.accepting and self.spec.tick_bp > FINE_TICK_BP and not lowest_bp <= self.mid_bp() <= highest_bp

    def mid_bp(self) -> int:
        """Middle of the YES book; the last trade, then one half, stand in for a missing side."""
        bid_bp, ask_bp = self.book.half(Side.BUY).best_bp(), self.book.half(Side.SELL).best_bp()
        if bid_bp is not None and ask_bp is not None:
            return (bid_bp + ask_bp) // 2
        return self.last_trade_bp or BP_PER_DOLLAR // 2
