"""MATCHED → MINED → CONFIRMED: when a trade's proceeds become usable. Pure; owned by the engine."""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import NamedTuple

from trader.exchange.accounts import Ledger, Token
from trader.exchange.orders import Trade, TradeStatus


class Credit(NamedTuple):
    """Money (`token` None) or tokens on their way to an account."""

    account_id: str
    token: Token | None
    amount_micro: int


class Settlement:
    """Every trade takes the same time, so two queues in order of arrival are enough.

    A trade is mined `delay_ms` after its match and confirmed after twice that.
    """

    def __init__(self, ledger: Ledger, delay_ms: int) -> None:
        self._ledger, self._delay_ms = ledger, delay_ms
        self._matched: deque[tuple[Trade, tuple[Credit, ...]]] = deque()
        self._mined: deque[Trade] = deque()

    def accept(self, trade: Trade, credits: tuple[Credit, ...]) -> None:
        for credit in credits:
            account = self._ledger.accounts[credit.account_id]
            if credit.token is None:
                account.incoming_cash_micro += credit.amount_micro
            else:
                account.incoming_tokens_micro[credit.token] += credit.amount_micro
        self._matched.append((trade, credits))

    def advance(self, now_ms: int) -> list[Trade]:
        """Trades that reached their next status by `now_ms`."""
        moved = []
        while self._mined and self._mined[0].matched_ms + 2 * self._delay_ms <= now_ms:
            moved.append(self._mined.popleft()._replace(status=TradeStatus.CONFIRMED, updated_ms=now_ms))
        while self._matched and self._matched[0][0].matched_ms + self._delay_ms <= now_ms:
            trade, credits = self._matched.popleft()
            self._deliver(credits)
            mined = trade._replace(status=TradeStatus.MINED, updated_ms=now_ms, transaction_hash=transaction_hash(trade))
            self._mined.append(mined)
            moved.append(mined)
        return moved

    def _deliver(self, credits: tuple[Credit, ...]) -> None:
        for credit in credits:
            account = self._ledger.accounts[credit.account_id]
            if credit.token is None:
                account.incoming_cash_micro -= credit.amount_micro
                account.cash_micro += credit.amount_micro
            else:
                account.incoming_tokens_micro[credit.token] -= credit.amount_micro
                account.tokens_micro[credit.token] += credit.amount_micro


def transaction_hash(trade: Trade) -> str:
    return "0x" + sha256(trade.trade_id.encode()).hexdigest()
