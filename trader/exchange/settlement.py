"""MATCHED → MINED → CONFIRMED: when a trade's proceeds become usable, and how a trade that fails is undone. Pure; owned by the engine."""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import NamedTuple

from trader.exchange.accounts import Ledger, Token
from trader.exchange.orders import Fate, Trade, TradeStatus


class Swap(NamedTuple):
    """One side of a fill: what an account pays at the match and gets when it is mined. `None` is money, in micro-dollars."""

    account_id: str
    pays: Token | None
    pays_micro: int
    gets: Token | None
    gets_micro: int


class Movement(NamedTuple):
    """Everything that one trade moves; a failed trade moves it back, to the micro-dollar."""

    trade: Trade
    swaps: tuple[Swap, ...]
    locked_micro: int       # collateral that a mint locks, or a merge frees (negative)


class Settlement:
    """Every step takes the same time, so one queue a step in order of arrival is enough.

    A trade is mined (or found to need a retry) `delay_ms` after its match; every further step takes as long again.
    """

    def __init__(self, ledger: Ledger, delay_ms: int) -> None:
        self._ledger, self._delay_ms = ledger, delay_ms
        self.matched: deque[Movement] = deque()
        self.retrying: deque[Movement] = deque()
        self.mined: deque[Trade] = deque()          # retried ones among them become due later, and hold up those behind for that long

    def accept(self, movement: Movement) -> None:
        """The match: payments leave at once, proceeds are on their way."""
        trade = movement.trade
        for swap in movement.swaps:
            self._pay(swap, trade.spec.contract, +1)
        self._ledger.locked_micro[trade.spec.condition_id] += movement.locked_micro
        self._ledger.charge_fee(trade.taker_account_id, trade.fee_micro)
        self.resume(movement)

    def _pay(self, swap: Swap, contract: str, sign: int) -> None:
        """What the contract takes (+1) or gives back (-1); a limited allowance shrinks and grows with it."""
        self._ledger.add(swap.account_id, swap.pays, -sign * swap.pays_micro)
        if swap.pays is None:
            self._ledger.accounts[swap.account_id].permits.spend(contract, sign * swap.pays_micro)

    def resume(self, movement: Movement) -> None:
        """Proceeds are on their way; at the match, and again when a trade of a former life is restored."""
        for swap in movement.swaps:
            self._ledger.expect(swap.account_id, swap.gets, swap.gets_micro)
        (self.retrying if movement.trade.status is TradeStatus.RETRYING else self.matched).append(movement)

    def advance(self, now_ms: int) -> list[Trade]:
        """Trades that reached their next status by `now_ms`."""
        moved = []
        while self.mined and self._due(self.mined[0], now_ms, 3 if self.mined[0].fate is Fate.RETRIES else 2):
            moved.append(self.mined.popleft()._replace(status=TradeStatus.CONFIRMED, updated_ms=now_ms))
        while self.retrying and self._due(self.retrying[0].trade, now_ms, 2):
            movement = self.retrying.popleft()
            moved.append(self._mine(movement, now_ms) if movement.trade.fate is Fate.RETRIES else self._fail(movement, now_ms))
        while self.matched and self._due(self.matched[0].trade, now_ms, 1):
            movement = self.matched.popleft()
            moved.append(self._mine(movement, now_ms) if movement.trade.fate is Fate.SETTLES else self._retry(movement, now_ms))
        return moved

    def _due(self, trade: Trade, now_ms: int, steps: int) -> bool:
        return trade.matched_ms + steps * self._delay_ms <= now_ms

    def _retry(self, movement: Movement, now_ms: int) -> Trade:
        trade = movement.trade._replace(status=TradeStatus.RETRYING, updated_ms=now_ms)
        self.retrying.append(movement._replace(trade=trade))
        return trade

    def _mine(self, movement: Movement, now_ms: int) -> Trade:
        for swap in movement.swaps:
            self._ledger.expect(swap.account_id, swap.gets, -swap.gets_micro)
            self._ledger.add(swap.account_id, swap.gets, swap.gets_micro)
        mined = movement.trade._replace(status=TradeStatus.MINED, updated_ms=now_ms, transaction_hash=transaction_hash(movement.trade))
        self.mined.append(mined)
        return mined

    def _fail(self, movement: Movement, now_ms: int) -> Trade:
        """Exactly the reverse of `accept`. The orders stay matched: only their owners can place them again."""
        trade = movement.trade
        for swap in movement.swaps:
            self._ledger.expect(swap.account_id, swap.gets, -swap.gets_micro)
            self._pay(swap, trade.spec.contract, -1)
        self._ledger.locked_micro[trade.spec.condition_id] -= movement.locked_micro
        self._ledger.charge_fee(trade.taker_account_id, -trade.fee_micro)
        return trade._replace(status=TradeStatus.FAILED, updated_ms=now_ms)


def transaction_hash(trade: Trade) -> str:
    return "0x" + sha256(trade.trade_id.encode()).hexdigest()
