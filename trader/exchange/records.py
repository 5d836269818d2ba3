"""What became of the orders and trades of real clients. Bounded; owned by the engine, touched under the venue's lock.

Open orders are always here. Finished ones and trades are kept up to a limit, then the oldest are forgotten: a desk that asks
for an order that old is told "not found", as by the live venue.
"""

from __future__ import annotations

from collections import deque

from trader.exchange.orders import Order, Trade

FINISHED_KEPT = 50_000
TRADES_KEPT = 50_000


class Records:
    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}      # by order id
        self.trades: dict[str, Trade] = {}      # by trade id, oldest first
        self._finished: deque[str] = deque()

    def finished(self, order: Order, *, keep: bool) -> None:
        """`keep` is false for the exchange's own population: bots make thousands, and nobody asks for them again."""
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
