"""/control: the exchange seen from above, for system tests that judge a desk from outside. Not part of any venue's API."""

from __future__ import annotations

from trader.exchange.accounts import Account
from trader.exchange.addresses import checksummed, is_address
from trader.exchange.audit import Audit
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Routes
from trader.exchange.market_life import Calendars
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.whole_numbers import is_whole_number
from trader.exchange.windows import iso_utc
from trader.exchange.wire import Json, order_row, trade_row


class ControlRoutes:
    def __init__(self, venue: Venue, calendars: Calendars, faults: FaultBoard, audit: Audit) -> None:
        self._venue, self._calendar, self._faults, self._audit = venue, calendars, faults, audit

    def table(self) -> Routes:
        return {
            ("GET", "/control/state"): self.state,
            ("GET", "/control/ledger"): self.ledger,
            ("GET", "/control/audit"): self.audit,
            ("GET", "/control/faults"): lambda _: self._faults.rows(),
            ("POST", "/control/faults"): lambda request: self._faults.add(request.json()),
            ("DELETE", "/control/faults"): lambda _: self._faults.remove(),
            ("DELETE", "/control/faults/"): lambda request: self._faults.remove(_number(request.argument)),
        }

    def audit(self, request: Request) -> Json:
        """What was asked, heard and live when: of one `address` or of all, as far as it was not over before `since_ms`."""
        shown = self._audit.show(request.query.get("address", ""), request.number("since_ms", 0))
        return {**shown, "faults": self._faults.intervals()}

    def state(self, _: Request) -> Json:
        """All accounts in one consistent moment."""
        calendar = self._calendar()
        live = calendar.windows[len(calendar.winners)]
        with self._venue.engine() as (engine, now_ms):
            accounts = {account_id: _summary(account, len(engine.records.open.get(account_id, ())))
                        for account_id, account in engine.ledger.accounts.items()}
            return {
                "now_ms": now_ms, "conserved": engine.conserved(), "fees_micro": engine.ledger.fees_micro, "accounts": accounts,
                "live_window": {"slug": live.slug, "condition_id": live.spec.condition_id, "opens": iso_utc(live.opens_ms),
                                "closes": iso_utc(live.closes_ms)},
                "windows_resolved": len(calendar.winners),
            }

    def ledger(self, request: Request) -> Json:
        """Everything about one account: summary, open orders, positions, trades."""
        address = request.query.get("address", "")
        account_id = checksummed(address) if is_address(address) else address
        with self._venue.engine() as (engine, _):
            account = engine.ledger.accounts.get(account_id)
            if account is None:
                raise Refusal(f"no account {address!r}", status=404)
            open_orders = [order.state() for order in engine.records.open.get(account_id, {}).values()]
            summary, positions = _summary(account, len(open_orders)), _positions(account)
            trades = list(engine.records.trades.values())
        mine = [trade for trade in trades if account_id in trade.account_ids()]
        return {**summary, "positions": positions, "orders": [order_row(order) for order in open_orders],
                "trades": [trade_row(trade, "") for trade in mine]}


def _number(text: str) -> int:
    if not is_whole_number(text):
        raise Refusal(f"fault {text!r}: its id is a number; GET /control/faults lists them.", status=404)
    return int(text)


def _summary(account: Account, open_orders: int) -> Json:
    return {
        "internal": account.internal, "open_orders": open_orders, "placed": account.placed, "cancelled": account.cancelled,
        "fills": account.fills, "deposited_micro": account.deposited_micro, "cash_micro": account.cash_micro,
        "incoming_cash_micro": account.incoming_cash_micro, "reserved_cash_micro": account.reserved_cash_micro,
        "fees_paid_micro": account.fees_paid_micro,
        "tokens_micro": sum(account.tokens_micro.values()) + sum(account.incoming_tokens_micro.values()),
    }


def _positions(account: Account) -> list[Json]:
    tokens = {**account.tokens_micro, **account.incoming_tokens_micro}
    return [{
        "condition_id": condition_id, "outcome": "Down" if outcome else "Up",
        "settled_micro": account.tokens_micro.get((condition_id, outcome), 0),
        "incoming_micro": account.incoming_tokens_micro.get((condition_id, outcome), 0),
        "reserved_micro": account.reserved_tokens_micro.get((condition_id, outcome), 0),
    } for condition_id, outcome in tokens if account.holds_micro((condition_id, outcome))]
