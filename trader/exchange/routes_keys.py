"""/control/keys and /control/account: wallets for people who want to try a client, and what a wallet may do. Runs on REST workers.

Who has no wallet, or does not want to show his to a test, gets one that nobody has used, with money and API credentials. The
private key is made here and forgotten at once; only its address, the account and the API key stay.
"""

from __future__ import annotations

from typing import Any

from coincurve import PrivateKey

from trader.exchange.addresses import checksummed, is_address
from trader.exchange.contracts import CONTRACTS
from trader.exchange.credentials import KeyRing
from trader.exchange.http import Routes
from trader.exchange.permits import Permits
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.signatures import address_of
from trader.exchange.venue import Venue
from trader.exchange.wallets import SIGNATURE_TYPES
from trader.exchange.wire import Json
from trader.model.units import MICRO

MOST_CASH = 1_000_000_000       # dollars; far from where sums of micro-dollars would stop being plausible
_SETTINGS = ("address", "closed_only", "allowance_micro", "tokens_allowed", "contract")


class KeyRoutes:
    def __init__(self, venue: Venue, keys: KeyRing, *, cash: int) -> None:
        self._venue, self._keys, self._cash = venue, keys, cash

    def table(self) -> Routes:
        return {("POST", "/control/keys"): self.make, ("POST", "/control/account"): self.change}

    def make(self, request: Request) -> Json:
        asked = _asked(request, ("cash", "signature_type"))
        cash = _whole(asked, "cash", self._cash, MOST_CASH, "whole dollars")
        wallet_kind = "0 EOA, 1 proxy, 2 safe, 3 deposit wallet"
        signature_type = _whole(asked, "signature_type", 0, SIGNATURE_TYPES[-1], wallet_kind)
        private = PrivateKey()
        address = address_of(private.public_key)
        funder = address_of(PrivateKey().public_key) if signature_type else address
        self._venue.open_account(address, cash_micro=cash * MICRO)
        if "signature_type" in asked:       # otherwise the first order tells in which kind of wallet the money lies
            self._venue.bind_wallet(funder, address, signature_type)
        api_key = self._keys.create(address, nonce=0)
        return {
            "private_key": "0x" + private.secret.hex(), "address": address, "signature_type": signature_type, "funder": funder,
            "cash": cash, "api_key": api_key.key, "api_secret": api_key.secret, "api_passphrase": api_key.passphrase,
        }

    def change(self, request: Request) -> Json:
        """What is not named stays as it is. Open orders that it leaves uncovered are cancelled."""
        asked = _asked(request, _SETTINGS)
        address = asked.get("address")
        if not isinstance(address, str) or not is_address(address):
            raise Refusal(f"address: was {address!r}, must be 0x and 40 hex digits.")
        contracts = CONTRACTS if "contract" not in asked else (_contract(asked["contract"]),)
        closed_only, tokens_allowed = _switch(asked, "closed_only"), _switch(asked, "tokens_allowed")
        allowance_micro = None if asked.get("allowance_micro") is None else _whole(asked, "allowance_micro", 0, MOST_CASH * MICRO,
                                                                                   "micro-dollars, or null for unlimited")

        def change(permits: Permits) -> None:
            permits.closed_only = permits.closed_only if closed_only is None else closed_only
            for contract in contracts:
                if "allowance_micro" in asked:
                    permits.allow_cash(contract, allowance_micro)
                if tokens_allowed is not None:
                    permits.allow_tokens(contract, allowed=tokens_allowed)
        account_id = checksummed(address)
        permitted = self._venue.permit(account_id, change)
        return {"address": account_id, "closed_only": permitted.closed_only,
                "allowances_micro": {each: str(micro) for each, micro in permitted.cash_micro.items()},
                "tokens_allowed": {each: bool(micro) for each, micro in permitted.tokens_micro.items()}}


def _asked(request: Request, known: tuple[str, ...]) -> Json:
    asked: Any = request.json() if request.body else {}
    if not isinstance(asked, dict) or asked.keys() - set(known):
        raise Refusal(f"body: must be a JSON object of {', '.join(known)}.")
    return asked


def _whole(asked: Json, name: str, default: int, most: int, meaning: str) -> int:
    value = asked.get(name, default)
    if type(value) is not int or not 0 <= value <= most:
        raise Refusal(f"{name}: was {value!r}, must be {meaning}, 0-{most}.")
    return value


def _switch(asked: Json, name: str) -> bool | None:
    value = asked.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refusal(f"{name}: was {value!r}, must be true or false.")
    return value


def _contract(value: Any) -> str:
    for contract in CONTRACTS:
        if isinstance(value, str) and value.lower() == contract.lower():
            return contract
    raise Refusal(f"contract: was {value!r}, must be one of {', '.join(CONTRACTS)}.")
