"""What an account may do: which contracts its wallet lets move its money and tokens, and whether it may only close. Pure.

A new account has allowed everything, as a wallet that went through the venue's set-up. `POST /control/account` takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trader.exchange.contracts import CONTRACTS

UNLIMITED_MICRO = 2**256 - 1        # what an approval of "everything" is on chain


class Permitted(NamedTuple):
    """A copy, for outside the lock. By contract, in micro-dollars and micro-shares."""

    closed_only: bool
    cash_micro: Mapping[str, int]
    tokens_micro: Mapping[str, int]


class Permits:
    """One account's. Touched under the venue's lock."""

    __slots__ = ("allowance_micro", "closed_only", "without_tokens")

    def __init__(self) -> None:
        self.closed_only = False
        self.allowance_micro: dict[str, int] = {}       # of collateral, by contract; unlimited where none is named
        self.without_tokens: set[str] = set()           # contracts that may not move outcome tokens

    def cash_micro(self, contract: str) -> int:
        return self.allowance_micro.get(contract, UNLIMITED_MICRO)

    def tokens_micro(self, contract: str) -> int:
        """Outcome tokens know only all or nothing."""
        return 0 if contract in self.without_tokens else UNLIMITED_MICRO

    def allow_cash(self, contract: str, micro: int | None) -> None:
        """None: unlimited."""
        self.allowance_micro.pop(contract, None)
        if micro is not None:
            self.allowance_micro[contract] = micro

    def allow_tokens(self, contract: str, *, allowed: bool) -> None:
        (self.without_tokens.discard if allowed else self.without_tokens.add)(contract)

    def spend(self, contract: str, cash_micro: int) -> None:
        """As a token contract counts: an unlimited allowance stays so. Negative gives back."""
        if contract in self.allowance_micro:
            self.allowance_micro[contract] -= cash_micro

    def shown(self) -> Permitted:
        return Permitted(self.closed_only, {each: self.cash_micro(each) for each in CONTRACTS},
                         {each: self.tokens_micro(each) for each in CONTRACTS})

    def row(self) -> list[object]:
        return [self.closed_only, sorted(self.allowance_micro.items()), sorted(self.without_tokens)]

    def restore(self, closed_only: bool, allowance_micro: list[tuple[str, int]], without_tokens: list[str]) -> None:
        self.closed_only, self.allowance_micro, self.without_tokens = closed_only, dict(allowance_micro), set(without_tokens)
