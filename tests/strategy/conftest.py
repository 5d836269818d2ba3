"""Makers of what the strategy reads. Every default is a calm market: fair 50 ¢, half an hour left, nothing held."""

from __future__ import annotations

from typing import Any

import pytest

from trader.model.book import BookTop, Level, MarketBook, ReferencePrice
from trader.model.intent import Inventory, Mode, StrategyView
from trader.model.market import Market
from trader.model.order import Kind, OrderState, Side, Slot, WorkingOrder

HOUR_MS = 3_600_000
OPEN_MS = 1_795_000_000_000


class Make:
    """One method a noun; keyword arguments replace the defaults."""

    def market(self, condition_id: str = "0xaa", open_ms: int = OPEN_MS, **other: Any) -> Market:
        fields: dict[str, Any] = {"slug": f"btc-{condition_id}", "yes_token": "1", "no_token": "2", "tick_bp": 100,
                                  "min_size_micro": 5_000_000, "close_ms": open_ms + HOUR_MS, "protocol": "v2", "neg_risk": False}
        return Market(condition_id=condition_id, open_ms=open_ms, **{**fields, **other})

    def top(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], tick_bp: int = 100, token_id: str = "1") -> BookTop:
        """Levels as (price in bp, shares), best first."""
        sides = (tuple(Level(price_bp, shares * 1_000_000) for price_bp, shares in side) for side in (bids, asks))
        return BookTop(token_id, *sides, tick_bp)

    def book(self, bid_bp: int | None = 4000, ask_bp: int | None = 6000, *, condition_id: str = "0xaa", tick_bp: int = 100,
             received_ns: int = 0) -> MarketBook:
        bids = [] if bid_bp is None else [(bid_bp, 500)]
        asks = [] if ask_bp is None else [(ask_bp, 500)]
        return MarketBook(condition_id, self.top(bids, asks, tick_bp), self.top([], [], tick_bp, "2"), 1, 1, received_ns, 0)

    def reference(self, mid: int = 60_000, *, open: int | None = 60_000, open_ms: int | None = OPEN_MS, received_ns: int = 0,
                  last: int | None = None) -> ReferencePrice:
        """Prices in whole dollars."""
        return ReferencePrice("BTCUSDT", mid * 1_000_000, mid * 1_000_000, last and last * 1_000_000,
                              open and open * 1_000_000, open_ms, received_ns)

    def inventory(self, net: int = 0, mode: Mode = Mode.NORMAL, condition_id: str = "0xaa",
                  working: tuple[WorkingOrder, ...] = (), reasons: tuple[str, ...] = ()) -> Inventory:
        yes, no = max(0, net) * 1_000_000, max(0, -net) * 1_000_000
        return Inventory(condition_id, yes, no, yes, no, 0, mode, reasons, working)

    def order(self, side: Side, price_bp: int, shares: int, token_id: str = "1") -> WorkingOrder:
        """`side` in YES terms, `price_bp` of the token."""
        kind = Kind.OPEN_BUY if side is Side.BUY else Kind.COMPLEMENT_BUY
        return WorkingOrder("0x1", Slot(side, 0, kind), token_id, Side.BUY, price_bp, shares * 1_000_000, OrderState.WORKING)

    def view(self, **other: Any) -> StrategyView:
        fields: dict[str, Any] = {"now_ns": 0, "now_ms": OPEN_MS, "market": self.market(), "book": self.book(),
                                  "reference": self.reference(), "inventory": self.inventory(), "fair_bp": 5000, "fair_reason": "",
                                  "provisional_strike": False, "volatility_bp": 1.0, "time_left_ms": HOUR_MS // 2}
        return StrategyView(**{**fields, **other})


@pytest.fixture
def make() -> Make:
    return Make()
