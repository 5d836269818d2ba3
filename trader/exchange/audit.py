"""What each client asked for, what it could hear, and what was live when: so that a test judges a client from outside.

Hears every letter on its way to the publisher, on whichever thread puts it (venue events under the venue's lock), and every REST
request from its worker. `_lock` guards the rows and is a leaf. Bounded: the oldest rows that are over are forgotten and counted.
Read by `GET /control/audit`; `trader.testing.exchange_audit` asks it questions. Times are the exchange's wall clock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from trader.exchange.events import MarketClosed, MarketListed, MarketResolved, OrderChange, OrderChanged
from trader.exchange.orders import Order, OrderStatus
from trader.exchange.stream_binance import BinanceSubscribe, BinanceUnsubscribe
from trader.exchange.stream_market import MarketSubscribe, MarketUnsubscribe
from trader.exchange.stream_user import UserSubscribe, UserUnsubscribe
from trader.exchange.wire import Json
from trader.model.units import price_to_wire, size_to_wire
from trader.runtime.clock import Clock

KEPT = 20_000       # rows of each kind that are over
MOST_OPEN = 500_000     # and that are not: far more than real clients make


class _Rows:
    """Rows of one kind: those that are still open by key, and the last ones that are over."""

    def __init__(self) -> None:
        self.open: dict[Hashable, Json] = {}
        self.over: deque[Json] = deque(maxlen=KEPT)
        self.forgotten = 0

    def begin(self, key: Hashable, row: Json) -> None:
        if len(self.open) < MOST_OPEN:
            self.open.setdefault(key, row)
        else:
            self.forgotten += 1

    def end(self, key: Hashable, **end: Any) -> None:
        row = self.open.pop(key, None)
        if row is not None:
            self.add(row | end)

    def add(self, row: Json) -> None:
        self.forgotten += len(self.over) == KEPT
        self.over.append(row)

    def all(self) -> list[Json]:
        return [*self.over, *self.open.values()]


class Audit:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._orders, self._requests, self._subscriptions, self._markets = (_Rows() for _ in range(4))
        self._began_ms = clock.wall_ms()
        self._handlers: dict[type, Callable[[Any], None]] = {
            OrderChanged: self._order_changed,
            MarketListed: self._market_listed,
            MarketClosed: self._market_closed,
            MarketResolved: self._market_resolved,
            MarketSubscribe: lambda asked: self._subscribe("market", asked.subscriber, "", asked.token_ids),
            MarketUnsubscribe: lambda asked: self._unsubscribe("market", asked.subscriber, asked.token_ids),
            UserSubscribe: lambda asked: self._subscribe("user", asked.subscriber, asked.api_key, asked.condition_ids or ("",)),
            UserUnsubscribe: lambda asked: self._unsubscribe("user", asked.subscriber, asked.condition_ids),
            BinanceSubscribe: lambda asked: self._subscribe("binance", asked.subscriber, "", asked.streams),
            BinanceUnsubscribe: lambda asked: self._unsubscribe("binance", asked.subscriber, None),
        }

    def hear(self, letter: Any) -> None:
        """Any thread; most letters concern nobody here and cost one look."""
        handler = self._handlers.get(type(letter))
        if handler is not None:
            with self._lock:
                handler(letter)

    def resume(self, open_orders: Iterable[Mapping[str, Order]]) -> None:
        """Real orders of a former life, live since they were placed."""
        for orders in open_orders:
            for order in orders.values():
                if order.new.owner:
                    self.hear(OrderChanged(OrderChange.PLACEMENT, order.state(), order.created_ms))

    def request(self, row: Json) -> None:
        with self._lock:
            self._requests.add(row)

    def show(self, address: str = "", since_ms: int = 0) -> Json:
        """Everything, or what concerns one account; only what was not over before `since_ms`."""
        with self._lock:
            orders, requests = self._orders.all(), list(self._requests.over)
            subscriptions, markets = self._subscriptions.all(), self._markets.all()
            forgotten = {"orders": self._orders.forgotten, "requests": self._requests.forgotten,
                         "subscriptions": self._subscriptions.forgotten, "markets": self._markets.forgotten}
        account = address.lower()
        return {
            "now_ms": self._clock.wall_ms(), "began_ms": self._began_ms, "forgotten": forgotten,
            "orders": [row for row in _since(orders, since_ms) if account in ("", row["account"].lower())],
            "requests": [row for row in requests if row["at_ms"] >= since_ms and account in ("", row["address"].lower())],
            "subscriptions": list(_since(subscriptions, since_ms)), "markets": list(_since(markets, since_ms)),
        }

    # handlers, under the lock -----------------------------------------------------------------------------------------

    def _order_changed(self, event: OrderChanged) -> None:
        order, new = event.order, event.order.new
        if event.change is OrderChange.PLACEMENT:
            self._orders.begin(new.order_id, {
                "id": new.order_id, "account": new.account_id, "owner": new.owner, "market": new.condition_id, "asset_id": new.token_id,
                "side": new.side.value, "price": price_to_wire(new.price_bp), "size": size_to_wire(new.size_micro),
                "order_type": new.order_type.value, "post_only": new.post_only, "matched": "0", "end": None,
                "from_ms": event.at_ms, "to_ms": None,
            })
        elif event.change is OrderChange.CANCELLATION or order.status is OrderStatus.MATCHED:
            matched = size_to_wire(order.matched_micro)
            self._orders.end(new.order_id, matched=matched, end=order.status.value, to_ms=event.at_ms)
        elif new.order_id in self._orders.open:
            self._orders.open[new.order_id]["matched"] = size_to_wire(order.matched_micro)

    def _market_listed(self, event: MarketListed) -> None:
        spec = event.spec
        self._markets.begin(spec.condition_id, {"market": spec.condition_id, "slug": event.slug, "asset_ids": list(spec.token_ids),
                                                "from_ms": event.at_ms, "closed_ms": None, "winner": None, "to_ms": None})

    def _market_closed(self, event: MarketClosed) -> None:
        if event.spec.condition_id in self._markets.open:
            self._markets.open[event.spec.condition_id]["closed_ms"] = event.at_ms

    def _market_resolved(self, event: MarketResolved) -> None:
        self._markets.end(event.spec.condition_id, winner=event.spec.outcome_names[event.winner], to_ms=event.at_ms)

    def _subscribe(self, channel: str, subscriber: Any, api_key: str, topics: Iterable[str]) -> None:
        now_ms = self._clock.wall_ms()
        for topic in topics:
            self._subscriptions.begin((channel, subscriber, topic), {
                "channel": channel, "connection": str(subscriber), "api_key": api_key, "topic": topic, "from_ms": now_ms, "to_ms": None})

    def _unsubscribe(self, channel: str, subscriber: Any, topics: Iterable[str] | None) -> None:
        """`topics` None: the connection is gone."""
        if topics is None:
            topics = [row["topic"] for row in self._subscriptions.open.values()
                      if (row["channel"], row["connection"]) == (channel, str(subscriber))]
        for topic in topics:
            self._subscriptions.end((channel, subscriber, topic), to_ms=self._clock.wall_ms())


class AuditedApplication:
    """The WSGI callable of the REST port with every request but /control's written down."""

    def __init__(self, application: Callable[..., Iterable[bytes]], audit: Audit, clock: Clock) -> None:
        self._application, self._audit, self._clock = application, audit, clock

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/control"):
            return self._application(environ, start_response)
        row = {"at_ms": self._clock.wall_ms(), "took_ms": 0, "address": environ.get("HTTP_POLY_ADDRESS", ""),
               "method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"], "status": 0}       # 0: never answered

        def answered(status: str, *rest: Any) -> Any:
            row["status"] = int(status[:3])
            return start_response(status, *rest)
        try:
            return self._application(environ, answered)
        finally:
            row["took_ms"] = self._clock.wall_ms() - row["at_ms"]
            self._audit.request(row)


def _since(rows: Iterable[Json], since_ms: int) -> Iterable[Json]:
    return (row for row in rows if row["to_ms"] is None or row["to_ms"] >= since_ms)
