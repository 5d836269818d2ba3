"""/notifications: the fills of an account's orders, and those that failed to settle. Runs on REST workers.

Derived from the trades that the engine keeps; only what was dropped is remembered here, until the exchange ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from zlib import crc32

from trader.exchange.http import Doorman, Routes
from trader.exchange.orders import OrderState, Outcome, Trade, TradeStatus
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.whole_numbers import is_whole_number
from trader.exchange.wire import Json
from trader.model.units import price_to_wire, size_to_wire

ORDER_FILL, ORDER_FILL_FAILED = 2, 8        # the venue's numbers
SHOWN = 100                                 # the newest
MOST_DROPPED = 10_000                       # an account's; above it the oldest drops come back


class NotificationRoutes:
    def __init__(self, venue: Venue, doorman: Doorman) -> None:
        self._venue, self._doorman = venue, doorman
        self._lock = threading.Lock()
        self._dropped: dict[str, dict[int, None]] = {}      # account → ids, oldest first; under `_lock`

    def table(self) -> Routes:
        return {("GET", "/notifications"): self.show, ("DELETE", "/notifications"): self.drop}

    def show(self, request: Request) -> list[Json]:
        api_key = self._doorman.api_key(request)
        with self._lock:
            dropped = set(self._dropped.get(api_key.address, ()))
        rows = []
        for trade in reversed(self._venue.trades()):
            for order_id in _orders_of(trade, api_key.address):
                order = self._venue.order(api_key.address, order_id)
                if order and _id(trade, order_id) not in dropped:
                    rows.append(_row(trade, order))
            if len(rows) >= SHOWN:
                break
        return rows[:SHOWN]

    def drop(self, request: Request) -> str:
        account_id = self._doorman.api_key(request).address
        with self._lock:
            dropped = self._dropped.setdefault(account_id, {})
            dropped |= dict.fromkeys(int(each) for each in request.query.get("ids", "").split(",") if is_whole_number(each))
            for oldest in list(dropped)[:-MOST_DROPPED]:
                del dropped[oldest]
        return "OK"


def _orders_of(trade: Trade, account_id: str) -> Iterator[str]:
    if trade.taker_account_id == account_id:
        yield trade.taker_order_id
    yield from (leg.order_id for leg in trade.legs if leg.account_id == account_id)


def _id(trade: Trade, order_id: str) -> int:
    return crc32(f"{trade.trade_id} {order_id}".encode())


def _row(trade: Trade, order: OrderState) -> Json:
    new, failed = order.new, trade.status is TradeStatus.FAILED
    return {
        "type": ORDER_FILL_FAILED if failed else ORDER_FILL, "id": _id(trade, new.order_id), "owner": new.owner,
        "timestamp": trade.updated_ms // 1000,
        "payload": {
            "asset_id": new.token_id, "market": new.condition_id, "order_id": new.order_id, "side": new.side.value,
            "type": new.order_type.value, "price": price_to_wire(new.price_bp), "original_size": size_to_wire(new.size_micro),
            "matched_size": size_to_wire(order.matched_micro), "remaining_size": size_to_wire(new.size_micro - order.matched_micro),
            "outcome": new.spec.outcome_names[new.outcome], "outcome_index": int(Outcome(new.outcome)), "trade_id": trade.trade_id,
            "transaction_hash": trade.transaction_hash,
        },
    }
