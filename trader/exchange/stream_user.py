"""The private user channel: each API key hears of its own orders and trades. Owned by the `publisher` thread."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from trader.exchange.events import OrderChanged, TradeChanged
from trader.exchange.subscriber import Subscriber
from trader.exchange.wire import Json, order_event, trade_event

MOST_MARKETS = 1_000        # on one connection; whoever wants more names none and hears of all


class UserSubscribe(NamedTuple):
    """`condition_ids` None means every market. A second request of the same subscriber adds to the first."""

    subscriber: Subscriber
    api_key: str
    condition_ids: tuple[str, ...] | None


class UserUnsubscribe(NamedTuple):
    subscriber: Subscriber
    condition_ids: tuple[str, ...] | None       # None: the connection is gone


class _Listener:
    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.condition_ids: set[str] = set()
        self.everything = False

    def wants(self, condition_id: str) -> bool:
        return self.everything or condition_id in self.condition_ids


class UserStream:
    """Who listens with which key to which markets. Nothing is replayed to a late listener, as on the live venue."""

    def __init__(self) -> None:
        self._listeners: dict[Subscriber, _Listener] = {}

    def subscribe(self, request: UserSubscribe) -> None:
        listener = self._listeners.setdefault(request.subscriber, _Listener(request.api_key))
        listener.everything |= request.condition_ids is None
        room = MOST_MARKETS - len(listener.condition_ids)
        listener.condition_ids.update((request.condition_ids or ())[:room])

    def unsubscribe(self, request: UserUnsubscribe) -> None:
        if request.condition_ids is None:
            self._listeners.pop(request.subscriber, None)
        elif request.subscriber in self._listeners:
            self._listeners[request.subscriber].condition_ids.difference_update(request.condition_ids)

    def order_changed(self, event: OrderChanged) -> None:
        new = event.order.new
        for subscriber in self._wanting(new.owner, new.condition_id):
            subscriber.offer(_text(order_event(event.change, event.order, event.at_ms)))

    def trade_changed(self, event: TradeChanged) -> None:
        trade = event.trade
        for owner in trade.owners():
            for subscriber in self._wanting(owner, trade.spec.condition_id):
                subscriber.offer(_text(trade_event(trade, owner)))

    def _wanting(self, api_key: str, condition_id: str) -> list[Subscriber]:
        return [each for each, listener in self._listeners.items() if listener.api_key == api_key and listener.wants(condition_id)]


def _text(frame: Json) -> str:
    return orjson.dumps(frame).decode()
