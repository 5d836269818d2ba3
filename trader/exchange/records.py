"""The orders that are open, and what became of the others and of the trades of real clients. Owned by the engine.

Bounded: finished orders and trades are kept up to a limit, then the oldest are forgotten. A desk that asks for an order that old
is told "not found", as by the live venue.
"""

from __future__ import annotations

from collections import defaultdict, deque

from trader.exchange import refusal
from trader.exchange.orders import Order, OrderStatus, Trade

FINISHED_KEPT = 50_000
TRADES_KEPT = 50_000


class Records:
    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}      # by order id
        self.trades: dict[str, Trade] = {}      # by trade id, oldest first
        self.open: defaultdict[str, dict[str, Order]] = defaultdict(dict)       # by account, then by order id
        self._finished: deque[str] = deque()

    def rests(self, order: Order) -> None:
        self.open[order.new.account_id][order.new.order_id] = order

    def finished(self, order: Order, *, keep: bool) -> None:
        """`keep` is false for the exchange's own population: bots make thousands, and nobody asks for them again."""
        self.open[order.new.account_id].pop(order.new.order_id, None)
        if not keep:
            self.orders.pop(order.new.order_id, None)
            return
        self._finished.append(order.new.order_id)
        if len(self._finished) > FINISHED_KEPT:
            del self.orders[self._finished.popleft()]

    def record(self, trade: Trade) -> None:
        """A new trade, or a later status of a known one, which keeps its place."""
        self.trades[trade.trade_id] = trade
        if len(self.trades) > TRADES_KEPT:
            del self.trades[next(iter(self.trades))]

    def open_in(self, condition_id: str) -> list[Order]:
        return [order for orders in self.open.values() for order in orders.values() if order.new.condition_id == condition_id]

    def why_not_cancelled(self, account_id: str, order_id: str) -> str:
        order = self.orders.get(order_id)
        if order is None or order.new.account_id != account_id:
            return refusal.NOT_CANCELLABLE
        return {OrderStatus.MATCHED: refusal.ALREADY_MATCHED, OrderStatus.DELAYED: refusal.HELD_BACK}.get(
            order.status, refusal.NOT_CANCELLABLE)
