"""Placing and cancelling. Runs on REST workers; signatures are checked before the venue's lock is taken."""

from __future__ import annotations

from trader.exchange.http import Doorman, Request, Routes
from trader.exchange.order_intake import read_order
from trader.exchange.orders import Placed, Side
from trader.exchange.refusal import INVALID_PAYLOAD, Refusal
from trader.exchange.venue import Venue
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, size_to_wire

MAX_BATCH = 15
MAX_CANCELS = 1_000


class OrderRoutes:
    def __init__(self, venue: Venue, doorman: Doorman) -> None:
        self._venue, self._doorman = venue, doorman

    def table(self) -> Routes:
        return {
            ("POST", "/order"): self.place,
            ("POST", "/orders"): self.place_batch,
            ("DELETE", "/order"): self.cancel,
            ("DELETE", "/orders"): self.cancel_batch,
            ("DELETE", "/cancel-all"): self.cancel_all,
            ("DELETE", "/cancel-market-orders"): self.cancel_market,
        }

    def place(self, request: Request) -> Json:
        api_key = self._doorman.api_key(request)
        return _accepted(self._venue.place(read_order(request.json(), api_key, self._venue)))

    def place_batch(self, request: Request) -> list[Json]:
        """Each order stands for itself. A refused one is `success: true` with an errorMsg and no id: the live venue's trap."""
        api_key, payloads = self._doorman.api_key(request), request.json()
        if not isinstance(payloads, list):
            raise Refusal(INVALID_PAYLOAD)
        if len(payloads) > MAX_BATCH:
            raise Refusal(f"Too many orders in payload: {len(payloads)}, max allowed: {MAX_BATCH}")
        answers = []
        for payload in payloads:
            try:
                answers.append(_accepted(self._venue.place(read_order(payload, api_key, self._venue))))
            except Refusal as refused:
                answers.append(_answer(error=str(refused)))
        return answers

    def cancel(self, request: Request) -> Json:
        account_id, body = self._doorman.api_key(request).address, request.json()
        if not isinstance(body, dict) or not isinstance(body.get("orderID"), str):
            raise Refusal(INVALID_PAYLOAD)
        return _cancelled(*self._venue.cancel(account_id, [body["orderID"]]))

    def cancel_batch(self, request: Request) -> Json:
        account_id, order_ids = self._doorman.api_key(request).address, request.json()
        if not isinstance(order_ids, list) or not all(isinstance(each, str) for each in order_ids):
            raise Refusal(INVALID_PAYLOAD)
        if len(order_ids) > MAX_CANCELS:
            raise Refusal(f"Too many orders in payload: {len(order_ids)}, max allowed: {MAX_CANCELS}")
        return _cancelled(*self._venue.cancel(account_id, dict.fromkeys(order_ids)))

    def cancel_all(self, request: Request) -> Json:
        return _cancelled(*self._venue.cancel_where(self._doorman.api_key(request).address))

    def cancel_market(self, request: Request) -> Json:
        account_id, body = self._doorman.api_key(request).address, request.json()
        if not isinstance(body, dict):
            raise Refusal(INVALID_PAYLOAD)
        market, token_id = str(body.get("market") or ""), str(body.get("asset_id") or "")
        return _cancelled(*self._venue.cancel_where(account_id, market, token_id))


def _accepted(placed: Placed) -> Json:
    new, trades = placed.order.new, placed.trades
    if not trades:
        return _answer(order_id=new.order_id, status="live")
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
