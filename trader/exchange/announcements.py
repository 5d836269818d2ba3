"""What the engine has done, as events in the order in which it happened. Pure; owned by the engine, drained by the venue."""

from __future__ import annotations

from collections.abc import Sequence

from trader.exchange.events import BookChanged, Event, LevelChange, MarketClosed, OrderChange, OrderChanged, TickChanged, TradeChanged
from trader.exchange.fills import Fill
from trader.exchange.market import FINE_TICK_BP, Market
from trader.exchange.orders import Order, Trade


class Announcements:
    """Only what somebody outside could see: of the exchange's own population, the book and nothing else."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def order(self, order: Order, change: OrderChange, now_ms: int) -> None:
        if order.new.owner:
            self.events.append(OrderChanged(change, order.state(), now_ms))

    def trade(self, trade: Trade) -> None:
        self.events.append(TradeChanged(trade))

    def level(self, order: Order, market: Market, now_ms: int) -> None:
        """One level is not what it was."""
        level = LevelChange(order.book_side, order.yes_bp, market.book.half(order.book_side).size_micro(order.yes_bp))
        self._book(market, (level,), (), now_ms)

    def match(self, order: Order, market: Market, trades: Sequence[Trade], fills: Sequence[Fill], now_ms: int) -> None:
        """All levels that one order touched at once; its own rest first, as on the live venue."""
        touched = [order] if order.open_micro and order.new.order_type.may_rest else []
        touched += [fill.maker for fill in fills]
        keys = dict.fromkeys((each.book_side, each.yes_bp) for each in touched)
        levels = tuple(LevelChange(side, price_bp, market.book.half(side).size_micro(price_bp)) for side, price_bp in keys)
        if levels:
            self._book(market, levels, tuple(trades), now_ms)

    def closed(self, market: Market, now_ms: int) -> None:
        self.events.append(MarketClosed(market.spec, now_ms))

    def tick(self, market: Market, tick_bp: int, now_ms: int) -> None:
        """Changes it, too: a market's terms are replaced as a whole."""
        old_bp, market.spec, market.changed_ms = market.spec.tick_bp, market.spec._replace(tick_bp=tick_bp), now_ms
        self.events.append(TickChanged(market.spec, old_bp, now_ms))

    def _book(self, market: Market, levels: tuple[LevelChange, ...], trades: tuple[Trade, ...], now_ms: int) -> None:
        market.changed_ms = now_ms
        self.events.append(BookChanged(market.spec, levels, trades, now_ms))
        if market.outgrows_its_tick():
            self.tick(market, FINE_TICK_BP, now_ms)
