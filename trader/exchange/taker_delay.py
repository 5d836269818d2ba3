"""Orders that would trade at once, held back for a moment so that makers can step aside first. Pure; owned by the engine.

The live venue does this on short crypto markets (`itode`). A held order cannot be cancelled and keeps its funds reserved; when its
time is over it meets the book as it then is.
"""

from __future__ import annotations

from collections import deque

from trader.exchange.orders import Order


class TakerDelay:
    """First in, first out: every order waits equally long."""

    def __init__(self, delay_ms: int) -> None:
        self.delay_ms = delay_ms
        self._held: deque[Order] = deque()

    def hold(self, order: Order) -> None:
        self._held.append(order)

    def due(self, now_ms: int) -> list[Order]:
        """Orders whose time is over; they are held no longer."""
        released = []
        while self._held and self._held[0].created_ms + self.delay_ms <= now_ms:
            released.append(self._held.popleft())
        return released

    def drop(self, condition_id: str) -> list[Order]:
        """The orders of a market that closes; they are held no longer."""
        dropped = [order for order in self._held if order.new.condition_id == condition_id]
        self._held = deque(order for order in self._held if order.new.condition_id != condition_id)
        return dropped
