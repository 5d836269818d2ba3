"""POST /control/keys: a wallet that nobody has used, with money and API credentials. Runs on REST workers.

For people who want to try a client here and have no wallet, or do not want to show theirs to a test. The private key is made
here and forgotten at once; only its address, the account and the API key stay.
"""

from __future__ import annotations

from coincurve import PrivateKey

from trader.exchange.credentials import KeyRing
from trader.exchange.http import Request, Routes
from trader.exchange.refusal import Refusal
from trader.exchange.signatures import address_of
from trader.exchange.venue import Venue
from trader.exchange.wire import Json
from trader.model.units import MICRO

MOST_CASH = 1_000_000_000       # dollars; far from where sums of micro-dollars would stop being plausible


class KeyRoutes:
    def __init__(self, venue: Venue, keys: KeyRing, *, cash: int) -> None:
        self._venue, self._keys, self._cash = venue, keys, cash

    def table(self) -> Routes:
        return {("POST", "/control/keys"): self.make}

    def make(self, request: Request) -> Json:
        cash = self._asked_cash(request)
        private = PrivateKey()
        address = address_of(private.public_key)
        self._venue.open_account(address, cash_micro=cash * MICRO)
        api_key = self._keys.create(address, nonce=0)
        return {
            "private_key": "0x" + private.secret.hex(), "address": address, "cash": cash,
            "api_key": api_key.key, "api_secret": api_key.secret, "api_passphrase": api_key.passphrase,
        }

    def _asked_cash(self, request: Request) -> int:
        asked = request.json() if request.body else {}
        cash = asked.get("cash", self._cash) if isinstance(asked, dict) else None
        if type(cash) is not int or not 0 <= cash <= MOST_CASH:
            raise Refusal(f"cash: was {cash!r}, must be whole dollars, 0-{MOST_CASH}. Send {{\"cash\": 5000}} or nothing.")
        return cash
