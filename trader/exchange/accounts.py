"""Money and tokens of every account, exact to a micro-dollar. Pure; owned by the engine.

Paid cash and sold tokens leave at once; received ones are `incoming` until their trade is mined. Open orders reserve:
a BUY its cost at the limit price, a SELL its tokens.

Conservation, checked by `conserved`: every deposited dollar is in somebody's cash, on its way to somebody, locked
behind a pair of tokens, or in the fee box.
"""

from __future__ import annotations

from collections import defaultdict

from trader.exchange.orders import Order, Side
from trader.exchange.permits import Permits
from trader.model.units import notional_micro

Token = tuple[str, int]         # (condition id, outcome)


class Account:
    """One owner's funds. An EOA and the proxy, safe and deposit wallets that it signs for are one account."""

    def __init__(self, account_id: str, *, internal: bool) -> None:
        self.account_id, self.internal = account_id, internal
        self.deposited_micro = self.cash_micro = self.incoming_cash_micro = self.reserved_cash_micro = 0
        self.tokens_micro: defaultdict[Token, int] = defaultdict(int)
        self.incoming_tokens_micro: defaultdict[Token, int] = defaultdict(int)
        self.reserved_tokens_micro: defaultdict[Token, int] = defaultdict(int)
        self.fees_paid_micro = self.placed = self.cancelled = self.fills = 0
        self.permits = Permits()

    def free_cash_micro(self) -> int:
        return self.cash_micro - self.reserved_cash_micro

    def free_tokens_micro(self, token: Token) -> int:
        return self.tokens_micro.get(token, 0) - self.reserved_tokens_micro.get(token, 0)

    def holds_micro(self, token: Token) -> int:
        return self.tokens_micro.get(token, 0) + self.incoming_tokens_micro.get(token, 0)


class Ledger:
    """All accounts, the collateral behind each market, and the fee box."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.locked_micro: defaultdict[str, int] = defaultdict(int)     # by condition id
        self.fees_micro = 0

    def open(self, account_id: str, *, internal: bool = False) -> Account:
        if account_id not in self.accounts:
            self.accounts[account_id] = Account(account_id, internal=internal)
        return self.accounts[account_id]

    def deposit(self, account_id: str, cash_micro: int) -> None:
        account = self.accounts[account_id]
        account.deposited_micro += cash_micro
        account.cash_micro += cash_micro

    def reserve(self, order: Order, sign: int) -> None:
        """Reserves (+1) or frees (-1) what the open part of `order` may cost. Always called in pairs around a change of size."""
        account, new = self.accounts[order.new.account_id], order.new
        if new.side is Side.BUY:
            account.reserved_cash_micro += sign * (new.spend_micro or notional_micro(new.price_bp, order.open_micro))
        else:
            account.reserved_tokens_micro[new.condition_id, new.outcome] += sign * order.open_micro

    def charge_fee(self, account_id: str, fee_micro: int) -> None:
        """Only the fee box's half; the money itself leaves with the payment that it belongs to. Negative gives it back."""
        self.accounts[account_id].fees_paid_micro += fee_micro
        self.fees_micro += fee_micro

    def add(self, account_id: str, token: Token | None, amount_micro: int) -> None:
        """Money (`token` None) or tokens that are there to be used; negative takes them."""
        account = self.accounts[account_id]
        if token is None:
            account.cash_micro += amount_micro
        else:
            account.tokens_micro[token] += amount_micro

    def expect(self, account_id: str, token: Token | None, amount_micro: int) -> None:
        """What is on its way."""
        account = self.accounts[account_id]
        if token is None:
            account.incoming_cash_micro += amount_micro
        else:
            account.incoming_tokens_micro[token] += amount_micro

    def redeem(self, condition_id: str, winner: int) -> None:
        """Pays 1.00 for each settled winning token and nothing for the others. Repeatable: late tokens pay when they arrive."""
        for account in self.accounts.values():
            for outcome in (0, 1):
                size_micro = account.tokens_micro.pop((condition_id, outcome), 0)
                account.reserved_tokens_micro.pop((condition_id, outcome), None)    # zero by now: all orders are cancelled
                if outcome == winner:
                    account.cash_micro += size_micro
                    self.locked_micro[condition_id] -= size_micro

    def cash_conserved(self) -> bool:
        accounts = self.accounts.values()
        held = sum(each.cash_micro + each.incoming_cash_micro for each in accounts)
        return held + sum(self.locked_micro.values()) + self.fees_micro == sum(each.deposited_micro for each in accounts)

    def backed(self, condition_id: str) -> bool:
        """Before its resolution a market has as many YES as NO tokens, each pair backed by a dollar."""
        yes_micro, no_micro = (sum(each.holds_micro((condition_id, outcome)) for each in self.accounts.values()) for outcome in (0, 1))
        return yes_micro == no_micro == self.locked_micro[condition_id]
