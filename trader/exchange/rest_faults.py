"""What a fault does to one REST request: late, refused, or done but not answered. Runs on REST workers, from `http.Application`."""

from __future__ import annotations

from typing import Any

import orjson

from trader.exchange.faults import Fault, FaultBoard, Kind
from trader.exchange.refusal import Refusal

TRADING = ("/order", "/orders", "/cancel-all", "/cancel-market-orders")


def before_answer(faults: FaultBoard, method: str, path: str, body: bytes) -> None:
    """Delays the request or raises the Refusal that stands in for its answer."""
    slow = _strike(faults, method, path, Kind.SLOW)
    if slow:
        faults.wait(slow, slow.with_["delay_ms"])
    kinds = [Kind.RATE_LIMITED, Kind.SERVER_ERROR]
    if path in TRADING:
        kinds.append(Kind.TOO_EARLY)
        if _mode_forbids(faults, method, body):
            kinds.append(Kind.UNAVAILABLE)
    fault = _strike(faults, method, path, *kinds)
    if fault:
        raise _refusal(fault)


def answer_is_lost(faults: FaultBoard, method: str, path: str) -> bool:
    """Asked when the request has been done."""
    return _strike(faults, method, path, Kind.LOST_ANSWER) is not None


def _strike(faults: FaultBoard, method: str, path: str, *kinds: Kind) -> Fault | None:
    return None if path.startswith("/control") else faults.strike("rest", *kinds, method=method, path=path)


def _mode_forbids(faults: FaultBoard, method: str, body: bytes) -> bool:
    """All but what the venue mode still allows: cancels, and in post-only mode orders that are post-only."""
    fault = faults.is_on("rest", Kind.UNAVAILABLE)
    mode = fault.with_["mode"] if fault else "disabled"
    if mode == "disabled":
        return True
    return method == "POST" and not (mode == "post_only" and _all_post_only(body))


def _all_post_only(body: bytes) -> bool:
    try:
        payload: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    orders = payload if isinstance(payload, list) else [payload]
    return all(isinstance(each, dict) and each.get("postOnly") is True for each in orders)


def _refusal(fault: Fault) -> Refusal:
    """The live venue's statuses and words."""
    if fault.kind is Kind.TOO_EARLY:
        return _after(Refusal("Too Early", status=425), fault)
    if fault.kind is Kind.RATE_LIMITED:
        return _after(Refusal("Too Many Requests", status=429), fault)
    if fault.kind is Kind.SERVER_ERROR:
        return Refusal("could not insert order", status=500)
    if fault.with_["mode"] == "post_only":
        return _after(Refusal("post-only mode: only post-only orders and cancels are allowed", status=503, code="post_only_mode",
                              retry_after_seconds=fault.with_["retry_after_s"]), fault)
    if fault.with_["mode"] == "cancel_only":
        return Refusal("Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.", status=503)
    return Refusal("Trading is currently disabled. Check polymarket.com for updates", status=503)


def _after(refused: Refusal, fault: Fault) -> Refusal:
    refused.headers["Retry-After"] = str(fault.with_["retry_after_s"])
    return refused
