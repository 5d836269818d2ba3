"""/auth/*, /time, /version, /v1/heartbeats, /v1/user/*: who you are and whether you are alive. Runs on REST workers."""

from __future__ import annotations

from typing import Any

from trader.exchange.credentials import ApiKey, KeyRing
from trader.exchange.http import Doorman, Routes
from trader.exchange.rate_limits import RateLimits
from trader.exchange.refusal import INVALID_PAYLOAD, Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.runtime.clock import Clock


class AuthRoutes:
    def __init__(self, venue: Venue, keys: KeyRing, doorman: Doorman, clock: Clock, limits: RateLimits) -> None:
        self._venue, self._keys, self._doorman, self._clock, self._limits = venue, keys, doorman, clock, limits

    def table(self) -> Routes:
        return {
            ("GET", "/time"): self.time,
            ("GET", "/version"): self.version,
            ("GET", "/ok"): self.ok,
            ("POST", "/auth/api-key"): self.create,
            ("DELETE", "/auth/api-key"): self.delete,
            ("GET", "/auth/derive-api-key"): self.derive,
            ("GET", "/auth/api-keys"): self.api_keys,
            ("GET", "/auth/ban-status/closed-only"): self.closed_only,
            ("POST", "/v1/heartbeats"): self.heartbeat,
            ("GET", "/v1/user/rate-limit-tier"): self.tier,
            ("GET", "/"): self.ok,
            ("GET", "/relayer/deployed"): lambda _: {"deployed": True},     # every wallet is: nothing is on a chain here
        }

    def time(self, _: Request) -> int:
        return self._clock.wall_ms() // 1000

    def version(self, _: Request) -> Any:
        return {"version": 2}       # also for protocol v2, as on the live venue

    def ok(self, _: Request) -> str:
        return "OK"

    def create(self, request: Request) -> Any:
        """The first sight of a wallet also opens and funds its account; first, so that no key is ever without one."""
        address, nonce = self._doorman.wallet(request)
        self._venue.open_account(address)
        return _credentials(self._keys.create(address, nonce))

    def delete(self, request: Request) -> str:
        self._keys.delete(self._doorman.api_key(request))
        return "OK"

    def derive(self, request: Request) -> Any:
        return _credentials(self._keys.derived(*self._doorman.wallet(request)))

    def api_keys(self, request: Request) -> Any:
        return {"apiKeys": self._keys.of_address(self._doorman.api_key(request).address)}

    def closed_only(self, request: Request) -> Any:
        account_id = self._doorman.api_key(request).address
        return {"closed_only": self._venue.permits(account_id).closed_only}

    def tier(self, request: Request) -> Any:
        self._doorman.api_key(request)
        return {"tier": self._limits.tier.name}

    def heartbeat(self, request: Request) -> Any:
        api_key, body = self._doorman.api_key(request), request.json()
        if not isinstance(body, dict):
            raise Refusal(INVALID_PAYLOAD)
        return {"heartbeat_id": self._venue.beat(api_key.key, str(body.get("heartbeat_id") or ""))}


def _credentials(api_key: ApiKey) -> Any:
    return {"apiKey": api_key.key, "secret": api_key.secret, "passphrase": api_key.passphrase}
