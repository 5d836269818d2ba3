"""What a pre-flight asks the venue about itself and about our account. Blocking, each request with a deadline; changes nothing.

Used by `ops/preflight.py` on the thread of the command line. Every method raises a TraderError that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from trader.errors import AuthError, VenueUnreachable, WireError
from trader.model.market import Market
from trader.runtime.clock import Clock
from trader.venues.polymarket.account import Account
from trader.venues.polymarket.contracts import exchange_of
from trader.venues.polymarket.orders import asset_type_of
from trader.venues.polymarket.wire import CHANGELOG, UNREADABLE, json_from_wire, unreadable

KNOWN_VERSIONS = (2,)                # what GET /version says of an exchange that takes the orders that we sign
_CLOB = "clob."


class Answered(NamedTuple):
    """The venue's clock, and how long the question was under way."""

    venue_s: int
    round_trip_ms: int


class Holding(NamedTuple):
    """A balance in micro units, and what the exchange contract may take of it. None: the answer does not name that contract."""

    balance_micro: int
    allowance_micro: int | None


class PolymarketProbe:
    """Owner: one thread."""

    def __init__(self, clob_url: str, client: httpx.Client, clock: Clock) -> None:
        self._url, self._client, self._clock = clob_url.rstrip("/"), client, clock

    def time(self) -> Answered:
        asked_ns = self._clock.monotonic_ns()
        text = self._get(f"{self._url}/time").text.strip()
        if not text.isdecimal() or len(text) > 15:
            raise WireError(f"{self._url}/time did not answer with the time, but with {text[:40]!r}.", remedy="Check polymarket.clob_url.")
        return Answered(int(text), (self._clock.monotonic_ns() - asked_ns) // 1_000_000)

    def version(self) -> int:
        return int(self._field(self._get(f"{self._url}/version"), "version", int))

    def blocked_country(self) -> str | None:
        """The country from which nothing may be traded here; empty: it may. None: not asked, because only the venue's own site says."""
        host = urlsplit(self._url).hostname or ""
        if not host.startswith(_CLOB) or not host.endswith("polymarket.com"):
            return None
        answer = self._get(f"https://{host.removeprefix(_CLOB)}/api/geoblock")
        return str(self._field(answer, "country", str)) if self._field(answer, "blocked", bool) else ""

    def closed_only(self, account: Account) -> bool:
        """Needs valid credentials, so it is the proof of them too."""
        return bool(self._field(self._own(account, "/auth/ban-status/closed-only", {}), "closed_only", bool))

    def collateral(self, account: Account, market: Market) -> Holding:
        return self._holding(account, market, {"asset_type": "COLLATERAL"})

    def tokens(self, account: Account, market: Market, token_id: str) -> Holding:
        return self._holding(account, market, {"asset_type": asset_type_of(market.protocol), "token_id": token_id})

    def _holding(self, account: Account, market: Market, query: Mapping[str, str]) -> Holding:
        answer = self._own(account, "/balance-allowance", {**query, "signature_type": str(account.signature_type)})
        row = json_from_wire("the answer to /balance-allowance", answer.content)
        try:
            if not isinstance(row, dict):
                raise TypeError("no object")
            allowances = {str(name).lower(): int(amount) for name, amount in (row.get("allowances") or {}).items()}
            return Holding(int(row["balance"]), allowances.get(exchange_of(account.chain_id, market.protocol, market.neg_risk).lower()))
        except UNREADABLE as why:
            raise unreadable("the answer to /balance-allowance", answer.content, why) from None

    def _own(self, account: Account, path: str, query: Mapping[str, str]) -> httpx.Response:
        return self._get(self._url + path, query, account.headers(self._clock.wall_ms(), "GET", path))

    def _get(self, url: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            answer = self._client.get(url, params=query, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            raise VenueUnreachable(f"{url} is not reachable ({why or type(why).__name__}).",
                                   remedy="Check the address in conf.yaml and that this machine reaches it.") from None
        if answer.status_code in (401, 403):
            raise AuthError(f"{url} refused us (HTTP {answer.status_code}).",
                            remedy="Check the API credentials, the machine's clock, and that the venue may be used from here.")
        if not answer.is_success:
            raise VenueUnreachable(f"{url} answered HTTP {answer.status_code}.", remedy="Try again; see status.polymarket.com.")
        return answer

    @staticmethod
    def _field(answer: httpx.Response, name: str, kind: type) -> Any:
        row = json_from_wire(f"the answer of {answer.url.path}", answer.content)
        if not isinstance(row, dict) or not isinstance(row.get(name), kind):
            raise WireError(f"{answer.url.path} answered without a {name}: {answer.text[:80]!r}.", remedy=CHANGELOG)
        return row[name]


def id_problem(market: Market) -> str:
    """Why the ids of this market cannot be of its protocol version; empty when they can.

    A position id of Protocol V2 has zeros in bits 40 to 103, and its last byte is the outcome.
    """
    if market.protocol != "v2":
        return ""
    for token_id, outcome in ((market.yes_token, 0), (market.no_token, 1)):
        number = int(token_id)
        if number >> 40 & (1 << 64) - 1 or number & 0xFF != outcome:
            return f"version v2, but {token_id} is not a position id of outcome {outcome}"
    return ""
