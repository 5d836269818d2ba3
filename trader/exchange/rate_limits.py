"""The venue's token buckets: one for orders and one for cancels, for each signer. Runs on REST workers, under a lock of its own.

`warn` is how the live limiter was announced: nothing is refused, and what would be carries a warning. `enforce` refuses with 429.
Every answer to an order or a cancel carries the state of its bucket in `Poly-RateLimit-*` headers, except when limits are `off`.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import NamedTuple

from trader.exchange.refusal import Refusal
from trader.runtime.clock import Clock

_NS = 1_000_000_000
Headers = dict[str, str]


class Mode(StrEnum):
    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


class Allowance(NamedTuple):
    """Tokens a second, and how many a full bucket holds."""

    per_s: int
    burst: int


class Tier(NamedTuple):
    name: str
    orders: Allowance
    cancels: Allowance


TIERS = {tier.name.lower(): tier for tier in (
    Tier("Standard", Allowance(40, 60), Allowance(80, 120)),
    Tier("Copper", Allowance(60, 90), Allowance(120, 180)),
    Tier("Bronze", Allowance(80, 120), Allowance(160, 240)),
    Tier("Silver", Allowance(200, 300), Allowance(400, 600)),
    Tier("Gold", Allowance(400, 600), Allowance(800, 1200)),
    Tier("Platinum", Allowance(450, 675), Allowance(900, 1350)),
    Tier("Elite", Allowance(600, 900), Allowance(1200, 1800)),
)}      # the venue names both buckets of the first three; from Silver on, cancels are taken to be twice the orders, as there


class RateLimits:
    """All signers' buckets. A bucket's balance is in nano-tokens, so that refilling never rounds; it may be negative."""

    def __init__(self, clock: Clock, mode: Mode, tier: Tier) -> None:
        self._clock, self._mode, self.tier = clock, mode, tier
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, Allowance], tuple[int, int]] = {}    # (signer, which) → (nano-tokens, refilled at)

    def take(self, signer: str, allowance: Allowance, tokens: int, *, known: bool = True) -> Headers:
        """Spends tokens and says what is left, as headers. Refusal when there are too few: all or nothing.

        `known` is false for what was done already (a cancel-all's count is known afterwards): that is spent whatever is left.
        """
        if self._mode is Mode.OFF:
            return {}
        with self._lock:
            left_nano = self._refilled(signer, allowance)
            short_nano = tokens * _NS - left_nano if known else 0
            if short_nano <= 0 or self._mode is Mode.WARN:
                left_nano -= tokens * _NS
            self._buckets[signer, allowance] = (left_nano, self._clock.monotonic_ns())
        headers = self._headers(allowance, left_nano, short_nano)
        if short_nano > 0 and self._mode is Mode.ENFORCE:
            raise _too_many(headers, -(-short_nano // (allowance.per_s * _NS)))
        return headers

    def _refilled(self, signer: str, allowance: Allowance) -> int:
        now_ns, full_nano = self._clock.monotonic_ns(), allowance.burst * _NS
        nano, at_ns = self._buckets.get((signer, allowance), (full_nano, now_ns))
        return min(full_nano, nano + (now_ns - at_ns) * allowance.per_s)

    def _headers(self, allowance: Allowance, left_nano: int, short_nano: int) -> Headers:
        wait_s = max(0, short_nano, -left_nano) / (allowance.per_s * _NS)
        warning = {"Poly-RateLimit-Warning": "true"} if short_nano > 0 and self._mode is Mode.WARN else {}
        return {"Poly-RateLimit-Tier": self.tier.name, "Poly-RateLimit-Remaining": str(left_nano // _NS),
                "Poly-RateLimit-Reset": str(int(self._clock.wall_ms() / 1000 + wait_s)), **warning}


def _too_many(headers: Headers, retry_after_s: int) -> Refusal:
    refused = Refusal("Too Many Requests", status=429)
    refused.headers = headers | {"Retry-After": str(retry_after_s)}
    return refused
