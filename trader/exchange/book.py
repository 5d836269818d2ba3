"""One market's order book in YES terms: price levels, first in first out. Pure; owned by the engine.

Both outcome books of the venue are this one book and its mirror image: a bid for NO at q is an ask for YES at 1 - q.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from trader.exchange.orders import Order, Side


class Level:
    """All orders at one price, oldest first."""

    __slots__ = ("orders", "size_micro")

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}      # insertion order is time priority
        self.size_micro = 0


class Half:
    """The bids or the asks. `prices_bp` is ascending; best is last for bids and first for asks."""

    __slots__ = ("_side", "levels", "prices_bp")

    def __init__(self, side: Side) -> None:
        self._side = side
        self.prices_bp: list[int] = []
        self.levels: dict[int, Level] = {}

    def best_bp(self) -> int | None:
        if not self.prices_bp:
            return None
        return self.prices_bp[-1] if self._side is Side.BUY else self.prices_bp[0]

    def best_first(self) -> Iterator[int]:
        return reversed(self.prices_bp) if self._side is Side.BUY else iter(self.prices_bp)

    def size_micro(self, price_bp: int) -> int:
        level = self.levels.get(price_bp)
        return level.size_micro if level else 0

    def add(self, order: Order, price_bp: int) -> None:
        level = self.levels.get(price_bp)
        if level is None:
            level = self.levels[price_bp] = Level()
            insort(self.prices_bp, price_bp)
        level.orders[order.new.order_id] = order
        level.size_micro += order.open_micro

    def shrink(self, order: Order, price_bp: int, size_micro: int) -> None:
        """Takes `size_micro` off the order's level; called *before* the order's own matched size grows."""
        level = self.levels[price_bp]
        level.size_micro -= size_micro
        if order.open_micro == size_micro:
            del level.orders[order.new.order_id]
        if not level.orders:
            del self.levels[price_bp]
            del self.prices_bp[bisect_left(self.prices_bp, price_bp)]


class Book:
    """Bids and asks for YES."""

    def __init__(self) -> None:
        self.bids, self.asks = Half(Side.BUY), Half(Side.SELL)

    def half(self, side: Side) -> Half:
        return self.bids if side is Side.BUY else self.asks

    def add(self, order: Order) -> None:
        self.half(order.book_side).add(order, order.yes_bp)

    def shrink(self, order: Order, size_micro: int) -> None:
        self.half(order.book_side).shrink(order, order.yes_bp, size_micro)

    def crosses(self, side: Side, limit_bp: int) -> bool:
        """Would an order of this book side and YES limit trade at once?"""
        best_bp = self.half(side.other).best_bp()
        return best_bp is not None and _reaches(side, limit_bp, best_bp)

    def met_by(self, side: Side, limit_bp: int) -> Iterator[Order]:
        """Whom an incoming order could trade with, in price-time order."""
        opposite = self.half(side.other)
        for price_bp in opposite.best_first():
            if not _reaches(side, limit_bp, price_bp):
                break
            yield from opposite.levels[price_bp].orders.values()


def _reaches(side: Side, limit_bp: int, price_bp: int) -> bool:
    return limit_bp >= price_bp if side is Side.BUY else limit_bp <= price_bp
