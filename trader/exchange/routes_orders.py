"""Placing and cancelling. Runs on REST workers; signatures are checked before the venue's lock is taken."""

from __future__ import annotations

from typing import Any

from trader.exchange.credentials import ApiKey
from trader.exchange.http import Answer, Doorman, Routes
from trader.exchange.order_intake import read_order
from trader.exchange.orders import OrderStatus, Placed, Side
from trader.exchange.rate_limits import RateLimits
from trader.exchange.refusal import INVALID_PAYLOAD, Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, size_to_wire

MAX_BATCH = 15
MAX_CANCELS = 1_000


class OrderRoutes:
    def __init__(self, venue: Venue, doorman: Doorman, limits: RateLimits) -> None:
        self._venue, self._doorman, self._limits = venue, doorman, limits

    def table(self) -> Routes:
        return {
            ("POST", "/order"): self.place,
            ("POST", "/orders"): self.place_batch,
            ("DELETE", "/order"): self.cancel,
            ("DELETE", "/orders"): self.cancel_batch,
            ("DELETE", "/cancel-all"): self.cancel_all,
            ("DELETE", "/cancel-market-orders"): self.cancel_market,
        }

    def place(self, request: Request) -> Answer:
        api_key = self._doorman.api_key(request)
        headers = self._limits.take(api_key.address, self._limits.tier.orders, 1)
        return Answer(_accepted(self._venue.place(read_order(request.json(), api_key, self._venue))), headers)

    def place_batch(self, request: Request) -> Answer:
        """Each order stands for itself. A refused one is `success: true` with an errorMsg and no id: the live venue's trap."""
        api_key, payloads = self._doorman.api_key(request), _listed(request.json(), MAX_BATCH)
        headers = self._limits.take(api_key.address, self._limits.tier.orders, len(payloads))
        return Answer([self._one_of_batch(payload, api_key) for payload in payloads], headers)

    def _one_of_batch(self, payload: Any, api_key: ApiKey) -> Json:
        try:
            return _accepted(self._venue.place(read_order(payload, api_key, self._venue)))
        except Refusal as refused:
            return _answer(error=str(refused))

    def cancel(self, request: Request) -> Answer:
        api_key, body = self._doorman.api_key(request), request.json()
        if not isinstance(body, dict) or not isinstance(body.get("orderID"), str):
            raise Refusal(INVALID_PAYLOAD)
        return self._cancel(api_key, [body["orderID"]])

    def cancel_batch(self, request: Request) -> Answer:
        api_key, order_ids = self._doorman.api_key(request), _listed(request.json(), MAX_CANCELS)
        if not all(isinstance(each, str) for each in order_ids):
            raise Refusal(INVALID_PAYLOAD)
        return self._cancel(api_key, list(dict.fromkeys(order_ids)))

    def cancel_all(self, request: Request) -> Answer:
        return self._cancel_where(self._doorman.api_key(request))

    def cancel_market(self, request: Request) -> Answer:
        api_key, body = self._doorman.api_key(request), request.json()
        if not isinstance(body, dict):
            raise Refusal(INVALID_PAYLOAD)
        return self._cancel_where(api_key, str(body.get("market") or ""), str(body.get("asset_id") or ""))

    def _cancel(self, api_key: ApiKey, order_ids: list[str]) -> Answer:
        headers = self._limits.take(api_key.address, self._limits.tier.cancels, len(order_ids))
        return Answer(_cancelled(*self._venue.cancel(api_key.address, order_ids)), headers)

    def _cancel_where(self, api_key: ApiKey, market: str = "", token_id: str = "") -> Answer:
        """Costs one token to ask, and one more for each order that it cancelled."""
        headers = self._limits.take(api_key.address, self._limits.tier.cancels, 1)
        cancelled, kept = self._venue.cancel_where(api_key.address, market, token_id)
        if cancelled:
            headers |= self._limits.take(api_key.address, self._limits.tier.cancels, len(cancelled), known=False)
        return Answer(_cancelled(cancelled, kept), headers)


def _listed(body: Any, most: int) -> list[Any]:
    if not isinstance(body, list):
        raise Refusal(INVALID_PAYLOAD)
    if len(body) > most:
        raise Refusal(f"Too many orders in payload: {len(body)}, max allowed: {most}")
    return body


def _accepted(placed: Placed) -> Json:
    new, trades = placed.order.new, placed.trades
    if not trades:
        return _answer(order_id=new.order_id, status="delayed" if placed.order.status is OrderStatus.DELAYED else "live")
    size_micro = sum(trade.size_micro for trade in trades)
    money_micro = sum(trade.size_micro * trade.price_bp for trade in trades) // BP_PER_DOLLAR
    making, taking = (money_micro, size_micro) if new.side is Side.BUY else (size_micro, money_micro)
    return _answer(order_id=new.order_id, status="matched", making=size_to_wire(making), taking=size_to_wire(taking),
                   trade_ids=[trade.trade_id for trade in trades])


def _answer(*, order_id: str = "", status: str = "", making: str = "", taking: str = "", trade_ids: list[str] | None = None,
            error: str = "") -> Json:
    return {"success": True, "errorMsg": error, "orderID": order_id, "status": status, "makingAmount": making, "takingAmount": taking,
            "transactionsHashes": [], "tradeIDs": trade_ids or []}


def _cancelled(cancelled: list[str], kept: dict[str, str]) -> Json:
    return {"canceled": cancelled, "not_canceled": kept}
