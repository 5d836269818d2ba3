"""What a fault does to one REST request: late, refused, done but not answered, or answered with something untrue.

Runs on REST workers, from `http.Application`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from trader.exchange import refusal
from trader.exchange.fault_kinds import Fault, Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.runtime.clock import Clock

TRADING = ("/order", "/orders", "/cancel-all", "/cancel-market-orders")
LISTINGS = ("/data/orders", "/data/trades")
ACCOUNT_READS = (*LISTINGS, "/balance-allowance")
OLD_ANSWERS = 1_000
_HTML = b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry, you have been blocked</body></html>"


class RestFaults:
    """All of the REST port. `_old` belongs to the lagging reads; a dict write is atomic, and a lost race only shows a younger answer."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._old: dict[tuple[Any, ...], Any] = {}

    def answer(self, request: Request, handler: Callable[[Request], Any]) -> Any:
        """The handler's answer, late or changed, or a Refusal that stands in for it."""
        self._delay(request)
        refused = self._refused(request)
        if refused and not refused.with_.get("done"):
            raise _refusal(refused, request.path)
        if request.method == "DELETE" and (fault := self._strike(request, Kind.CANCEL_REFUSED)):
            return {"canceled": [], "not_canceled": dict.fromkeys(_named_orders(request.body), fault.with_["reason"])}
        answer = handler(request)
        if refused:
            raise _refusal(refused, request.path)
        return self._untrue(request, answer) if request.path in ACCOUNT_READS else answer

    def loses_answer(self, request: Request) -> Fault | None:
        """Asked before the request is done: `done` says whether it will be."""
        return self._strike(request, Kind.LOST_ANSWER)

    def _strike(self, request: Request, *kinds: Kind) -> Fault | None:
        if self._board.is_quiet or request.path.startswith("/control"):
            return None
        return self._board.strike("rest", *kinds, method=request.method, path=request.path)

    def _delay(self, request: Request) -> None:
        slow = self._strike(request, Kind.SLOW)
        if slow:
            self._board.wait(slow, slow.with_["delay_ms"])

    def _refused(self, request: Request) -> Fault | None:
        kinds = [Kind.RATE_LIMITED, Kind.SERVER_ERROR, Kind.UNAUTHORIZED, Kind.FORBIDDEN]
        if request.path in TRADING:
            kinds.append(Kind.TOO_EARLY)
            if self._mode_forbids(request):
                kinds.append(Kind.UNAVAILABLE)
        return self._strike(request, *kinds)

    def _mode_forbids(self, request: Request) -> bool:
        """All but what the venue mode still allows: cancels, and in post-only mode orders that are post-only."""
        fault = self._board.is_on("rest", Kind.UNAVAILABLE)
        mode = fault.with_["mode"] if fault else "disabled"
        if mode == "disabled":
            return True
        return request.method == "POST" and not (mode == "post_only" and _all_post_only(request.body))

    def _untrue(self, request: Request, answer: Any) -> Any:
        if request.path in LISTINGS and self._strike(request, Kind.EMPTY_READS):
            return {**answer, "data": [], "count": 0}
        if not (fault := self._board.is_on("rest", Kind.LAGGING_READS)):
            return answer
        asked = {name: value for name, value in request.query.items() if name not in ("after", "before")}
        key = (fault.number, request.headers.get("POLY_API_KEY"), request.path, *sorted(asked.items()))
        if key not in self._old:
            if len(self._old) >= OLD_ANSWERS:
                self._old.clear()
            self._old[key] = answer
        elif self._strike(request, Kind.LAGGING_READS):
            return self._old[key]
        return answer


class SkewedClock:
    """The clock of `/time` and of the check of timestamps in headers. Nothing else is ever skewed."""

    def __init__(self, clock: Clock, board: FaultBoard) -> None:
        self._clock, self._board = clock, board

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()

    def wall_ms(self) -> int:
        fault = self._board.strike("rest", Kind.CLOCK_SKEW)
        return self._clock.wall_ms() + (fault.with_["skew_s"] * 1000 if fault else 0)


def _all_post_only(body: bytes) -> bool:
    try:
        payload: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    orders = payload if isinstance(payload, list) else [payload]
    return all(isinstance(each, dict) and each.get("postOnly") is True for each in orders)


def _named_orders(body: bytes) -> list[str]:
    """The ids that a cancel names; the calls that cancel by market or all name none."""
    try:
        payload: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    named = payload if isinstance(payload, list) else [payload.get("orderID")] if isinstance(payload, dict) else []
    return [each for each in named if isinstance(each, str)]


def _refusal(fault: Fault, path: str) -> Refusal:
    """The live venue's statuses and words."""
    if fault.kind is Kind.TOO_EARLY:
        return _after(Refusal("Too Early", status=425), fault)
    if fault.kind is Kind.RATE_LIMITED:
        return _after(Refusal("Too Many Requests", status=429), fault)
    if fault.kind is Kind.UNAUTHORIZED:
        return Refusal(refusal.BAD_API_KEY, status=401)
    if fault.kind is Kind.FORBIDDEN:
        return _page(_HTML)
    if fault.kind is Kind.SERVER_ERROR:
        return Refusal("could not insert order" if path in TRADING else "internal server error", status=500)
    if fault.with_["mode"] == "post_only":
        return _after(Refusal("post-only mode: only post-only orders and cancels are allowed", status=503, code="post_only_mode",
                              retry_after_seconds=fault.with_["retry_after_s"]), fault)
    if fault.with_["mode"] == "cancel_only":
        return Refusal("Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.", status=503)
    return Refusal("Trading is currently disabled. Check polymarket.com for updates", status=503)


def _page(html: bytes) -> Refusal:
    """As Cloudflare blocks an address: not the venue speaks, so it is no JSON."""
    refused = Refusal("blocked", status=403)
    refused.body = html
    refused.headers["Content-Type"] = "text/html; charset=UTF-8"
    return refused


def _after(refused: Refusal, fault: Fault) -> Refusal:
    refused.headers["Retry-After"] = str(fault.with_["retry_after_s"])
    return refused
