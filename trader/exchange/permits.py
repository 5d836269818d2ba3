"""What an account may do: which contracts its wallet lets move its money and tokens, and whether it may only close. Pure.

A new account has allowed everything, as a wallet that went through the venue's set-up. `POST /control/account` takes it back.
"""

from __future__ import annotations

UNLIMITED_MICRO = 2**256 - 1        # what an approval of "everything" is on chain


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

    def spend(self, contract: str, cash_micro: int) -> None:
        """As a token contract counts: an unlimited allowance stays so. Negative gives back."""
        if contract in self.allowance_micro:
            self.allowance_micro[contract] -= cash_micro

    def row(self) -> list[object]:
        return [self.closed_only, sorted(self.allowance_micro.items()), sorted(self.without_tokens)]

    def restore(self, closed_only: bool, allowance_micro: list[tuple[str, int]], without_tokens: list[str]) -> None:
        self.closed_only, self.allowance_micro, self.without_tokens = closed_only, dict(allowance_micro), set(without_tokens)
