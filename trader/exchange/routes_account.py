"""/data/* and /balance-allowance: what an account owns, has open and has traded. Runs on REST workers."""

from __future__ import annotations

from typing import Any

from trader.exchange.accounts import Token
from trader.exchange.contracts import CONTRACTS
from trader.exchange.http import Doorman, Routes
from trader.exchange.orders import OrderState, Trade
from trader.exchange.paging import page
from trader.exchange.refusal import INVALID_ASSET, INVALID_PAYLOAD, Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.wire import Json, order_row, trade_row

PAGE_ROWS = 100
_FOR_EVER_S = 2**40
ASSET_TYPES = ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2")


class AccountRoutes:
    def __init__(self, venue: Venue, doorman: Doorman) -> None:
        self._venue, self._doorman = venue, doorman

    def table(self) -> Routes:
        return {
            ("GET", "/data/order/"): self.order,
            ("GET", "/data/orders"): self.orders,
            ("GET", "/data/pre-migration-orders"): self.none,
            ("GET", "/data/trades"): self.trades,
            ("GET", "/order-scoring"): self.scoring,
            ("POST", "/orders-scoring"): self.scorings,
            ("GET", "/balance-allowance"): self.balance,
            ("GET", "/balance-allowance/update"): self.balance,     # nothing is on a chain here, so nothing needs a refresh
        }

    def order(self, request: Request) -> Json:
        """Any order of the account, open or finished."""
        found = self._venue.order(self._doorman.api_key(request).address, request.argument)
        if found is None:
            raise Refusal("order not found", status=404)
        return order_row(found)

    def orders(self, request: Request) -> Json:
        """Open orders; with `id`, that order whatever became of it."""
        account_id, query = self._doorman.api_key(request).address, request.query
        if "id" in query:
            found = self._venue.order(account_id, query["id"])
            rows = [found] if found else []
        else:
            rows = [each for each in self._venue.open_orders(account_id) if _order_fits(each, query)]
        return page(rows, query, order_row, rows_a_page=PAGE_ROWS)

    def none(self, request: Request) -> Json:
        """Orders of the exchange's first generation, which there never was here."""
        self._doorman.api_key(request)
        return page([], request.query, order_row, rows_a_page=PAGE_ROWS)

    def scoring(self, request: Request) -> Json:
        """Nobody pays rewards here, so no order earns any."""
        self._doorman.api_key(request)
        return {"scoring": False}

    def scorings(self, request: Request) -> Json:
        self._doorman.api_key(request)
        order_ids = request.json()
        if not isinstance(order_ids, list):
            raise Refusal(INVALID_PAYLOAD)
        return {str(order_id): False for order_id in order_ids}

    def trades(self, request: Request) -> Json:
        """Newest first, so that a trade which arrives between two pages repeats a row instead of hiding one."""
        api_key = self._doorman.api_key(request)
        after_s, before_s = request.number("after", 0), request.number("before", _FOR_EVER_S)
        found = [each for each in self._venue.trades()
                 if api_key.address in each.account_ids() and _trade_fits(each, request.query, after_s, before_s)]
        return page(found[::-1], request.query, lambda trade: trade_row(trade, api_key.key), rows_a_page=PAGE_ROWS)

    def balance(self, request: Request) -> Json:
        """What is there, whether or not orders reserve it, and what each exchange contract may take of it."""
        account_id, query = self._doorman.api_key(request).address, request.query
        if query.get("asset_type") not in ASSET_TYPES:
            raise Refusal(INVALID_ASSET)
        if "signature_type" in query and not self._venue.wallets.has_money(account_id, request.number("signature_type", 0)):
            return {"balance": "0", "allowances": dict.fromkeys(CONTRACTS, "0")}        # another wallet, and nothing is in it
        is_cash = query["asset_type"] == "COLLATERAL"
        amount_micro = self._venue.balance_micro(account_id, None if is_cash else self._token(query.get("token_id", "")))
        permitted = self._venue.permits(account_id)
        allowed = permitted.cash_micro if is_cash else permitted.tokens_micro
        return {"balance": str(amount_micro), "allowances": {contract: str(micro) for contract, micro in allowed.items()}}

    def _token(self, token_id: str) -> Token:
        spec = self._venue.spec_of_token(token_id)
        return spec.condition_id, spec.outcome_of(token_id)


def _order_fits(order: OrderState, query: Any) -> bool:
    return query.get("market") in (None, order.new.condition_id) and query.get("asset_id") in (None, order.new.token_id)


def _trade_fits(trade: Trade, query: Any, after_s: int, before_s: int) -> bool:
    tokens = {trade.token_id, *(trade.spec.token_ids[leg.outcome] for leg in trade.legs)}
    makers = {trade.taker_address.lower(), *(leg.maker_address.lower() for leg in trade.legs)}
    return (query.get("id") in (None, trade.trade_id) and query.get("market") in (None, trade.spec.condition_id)
            and ("asset_id" not in query or query["asset_id"] in tokens)
            and ("maker_address" not in query or query["maker_address"].lower() in makers)
            and after_s <= trade.matched_ms // 1000 <= before_s)
