"""Who signs for which wallet, and in which kind of wallet an account's money lies.

Written under the venue's lock; `has_money` is one look-up, and may be asked without it.

A proxy, safe or deposit wallet belongs to the first API key that signs for it. An account has its money in wallets of one kind, that
of its first order: asked for under another signature type there is none, which is how a live account looks to a client that was
configured with the wrong one.
"""

from __future__ import annotations

SIGNATURE_TYPES = range(4)      # EOA, proxy, safe, deposit wallet


class Wallets:
    def __init__(self) -> None:
        self.owners: dict[str, tuple[str, int]] = {}        # wallet → (account id, signature type), in order of their binding
        self._kinds: dict[str, int] = {}

    def bind(self, wallet: str, account_id: str, signature_type: int) -> None:
        """At first sight. What is bound already stays as it is."""
        self.owners.setdefault(wallet, (account_id, signature_type))
        if self.owners[wallet][0] == account_id:
            self._kinds.setdefault(account_id, signature_type)

    def may_trade(self, wallet: str, account_id: str, signature_type: int) -> bool:
        return self.owners.get(wallet) == (account_id, signature_type)

    def has_money(self, account_id: str, signature_type: int) -> bool:
        """Before the first order nobody knows, so then it has."""
        return self._kinds.get(account_id, signature_type) == signature_type
