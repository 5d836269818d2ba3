"""The account interface over REST: place, cancel, read. Implements `contract.OrderClient`; one a gateway thread.

Blocking, each request with a deadline. Whatever the network or the venue does comes back as an Outcome; what it means is
decided in `answers`. A place is sent once. A cancel is repeated while its deadline lasts, because cancelling twice is harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import orjson

from trader.errors import WireError
from trader.model.event import Answer, Fill, OrderUpdate, Outcome
from trader.model.order import OrderSpec
from trader.model.units import MoneyMicro
from trader.runtime.clock import Clock
from trader.runtime.pause import pause
from trader.venues.contract import SignedOrder
from trader.venues.polymarket.account import Account
from trader.venues.polymarket.answers import (
    NOT_SENT,
    Reply,
    cancel_all_outcome,
    cancel_answers,
    cancelled_ids,
    pause_ms,
    place_answers,
)
from trader.venues.polymarket.records import order_update, own_fills
from trader.venues.polymarket.rest import PolymarketRest
from trader.venues.polymarket.signing import OrderSigner
from trader.venues.polymarket.wire import UNREADABLE

log = logging.getLogger(__name__)

FIRST_PAGE, NO_MORE_PAGES = "MA==", "LTE="
MAX_PAGES = 100                      # ten thousand rows of one market: beyond that something is wrong
MAX_CANCELS = 1000                   # ids in one request
REPEAT_LOST_MS = 50                  # pause before a cancel is repeated on a new connection
_ASSET_TYPE = {"v1": "CONDITIONAL", "v2": "CONDITIONAL-V2"}      # protocol → how the venue calls its tokens
_REPEATED = frozenset({Outcome.RATE_LIMITED, Outcome.UNKNOWN, Outcome.VENUE_MODE})
T = TypeVar("T")


class Deadlines(Protocol):
    """`gateway:` of conf.yaml fills it in."""

    @property
    def place_ms(self) -> int: ...
    @property
    def cancel_ms(self) -> int: ...
    @property
    def read_ms(self) -> int: ...


class PolymarketOrders:
    """Owner: one gateway thread. Holds one HTTP/1.1 connection: HTTP/2 loses requests in flight when a server says GOAWAY."""

    def __init__(self, account: Account, rest: PolymarketRest, signer: OrderSigner, deadlines: Deadlines, clock: Clock,
                 pause: Callable[[float], None] = pause) -> None:
        self._account, self._rest, self._signer, self._deadlines = account, rest, signer, deadlines
        self._clock, self._pause = clock, pause

    def warm(self) -> None:
        self._rest.warm()

    def close(self) -> None:
        self._rest.close()

    def sign(self, order_id: str, order: OrderSpec) -> SignedOrder:
        return self._signer.sign(order_id, order)

    def place(self, orders: Sequence[SignedOrder]) -> tuple[Answer, ...]:
        path, body = ("/order", orders[0].body) if len(orders) == 1 else ("/orders", b"[" + b",".join(o.body for o in orders) + b"]")
        reply = self._rest.ask("POST", path, body, deadline_ms=self._deadlines.place_ms)
        return place_answers([o.order_id for o in orders], reply)

    def cancel(self, order_ids: Sequence[str]) -> tuple[Answer, ...]:
        answers: list[Answer] = []
        for start in range(0, len(order_ids), MAX_CANCELS):
            some = order_ids[start:start + MAX_CANCELS]
            path, body = ("/order", orjson.dumps({"orderID": some[0]})) if len(some) == 1 else ("/orders", orjson.dumps(list(some)))
            answers += cancel_answers(some, self._insist(path, body))
        return tuple(answers)

    def cancel_market(self, condition_id: str) -> tuple[Outcome, tuple[str, ...], int]:
        reply = self._insist("/cancel-market-orders", orjson.dumps({"market": condition_id}))
        outcome = Outcome.UNKNOWN if reply.status == NOT_SENT else cancel_all_outcome(reply)
        return outcome, cancelled_ids(reply), pause_ms(outcome, reply.retry_after_ms)

    def read_order(self, order_id: str) -> tuple[Outcome, OrderUpdate | None]:
        reply = self._read(f"/data/order/{order_id}", {})
        if reply.outcome is not Outcome.OK:
            return _said(reply), None
        if not reply.body:                       # `null`: the venue's other way to say that it does not know it
            return Outcome.NOT_FOUND, None
        return _parsed(lambda: order_update(reply.body), None)

    def read_open_orders(self, condition_id: str) -> tuple[Outcome, tuple[OrderUpdate, ...]]:
        outcome, rows = self._pages("/data/orders", {"market": condition_id})
        if outcome is not Outcome.OK:
            return outcome, ()
        return _parsed(lambda: tuple(order_update(row) for row in rows), ())

    def read_fills(self, condition_id: str, after_s: int) -> tuple[Outcome, tuple[Fill, ...]]:
        outcome, rows = self._pages("/data/trades", {"market": condition_id, "after": str(after_s)})
        if outcome is not Outcome.OK:
            return outcome, ()
        return _parsed(lambda: tuple(fill for row in rows for fill in own_fills(row, self._account.credentials.key)), ())

    def read_balances(self, token_ids: Iterable[str], protocol: str) -> tuple[Outcome, MoneyMicro, tuple[tuple[str, int], ...]]:
        outcome, cash_micro = self._balance({"asset_type": "COLLATERAL"})
        tokens: list[tuple[str, int]] = []
        for token_id in token_ids:
            if outcome is Outcome.OK:
                outcome, size_micro = self._balance({"asset_type": asset_type_of(protocol), "token_id": token_id})
                tokens.append((token_id, size_micro))
        return (outcome, MoneyMicro(cash_micro), tuple(tokens)) if outcome is Outcome.OK else (outcome, MoneyMicro(0), ())

    def _balance(self, query: Mapping[str, str]) -> tuple[Outcome, int]:
        """In the venue's base unit, which is our micro."""
        reply = self._read("/balance-allowance", {**query, "signature_type": str(self._account.signature_type)})
        return _parsed(lambda: int(reply.body["balance"]), 0) if reply.outcome is Outcome.OK else (_said(reply), 0)

    def _pages(self, path: str, query: Mapping[str, str]) -> tuple[Outcome, list[dict[str, Any]]]:
        """All rows or none: half a list would be taken for the whole."""
        rows: list[dict[str, Any]] = []
        cursor = FIRST_PAGE
        for _ in range(MAX_PAGES):
            reply = self._read(path, {**query, "next_cursor": cursor})
            if reply.outcome is not Outcome.OK:
                return _said(reply), []
            try:
                rows += reply.body["data"]
                cursor = reply.body["next_cursor"]
            except UNREADABLE:
                return Outcome.UNKNOWN, []
            if cursor in (NO_MORE_PAGES, "", None):
                return Outcome.OK, rows
        return Outcome.UNKNOWN, []

    def _read(self, path: str, query: Mapping[str, str]) -> Reply:
        return self._rest.ask("GET", path, query=query, deadline_ms=self._deadlines.read_ms)

    def _insist(self, path: str, body: bytes) -> Reply:
        """A cancel, repeated as long as its deadline allows: after `Retry-After`, and at once on a new connection."""
        end_ns = self._clock.monotonic_ns() + self._deadlines.cancel_ms * 1_000_000
        while True:
            left_ms = (end_ns - self._clock.monotonic_ns()) // 1_000_000
            reply = self._rest.ask("DELETE", path, body, deadline_ms=max(1, left_ms))
            wait_ms = REPEAT_LOST_MS if reply.outcome is Outcome.UNKNOWN or reply.status == NOT_SENT else reply.retry_after_ms
            now_ns = self._clock.monotonic_ns()
            if reply.outcome not in _REPEATED or now_ns + wait_ms * 1_000_000 >= end_ns:
                return reply
            self._pause(wait_ms / 1000)


def asset_type_of(protocol: str) -> str:
    return _ASSET_TYPE[protocol]


def _said(reply: Reply) -> Outcome:
    """For reads and cancel-all. That nothing was sent is for them the same as no answer."""
    return Outcome.UNKNOWN if reply.status == NOT_SENT else reply.outcome


def _parsed(read: Callable[[], T], nothing: T) -> tuple[Outcome, T]:
    """A read that cannot be understood did not happen: an empty answer would be believed."""
    try:
        return Outcome.OK, read()
    except (WireError, *UNREADABLE) as why:
        log.warning("gateway: an account read cannot be understood (%s: %s)", type(why).__name__, why)
        return Outcome.UNKNOWN, nothing
