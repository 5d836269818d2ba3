"""What the executor asks of the gateway. Each request is answered by exactly one result of `model.event`, even if shed."""

from __future__ import annotations

from typing import NamedTuple

from trader.model.order import OrderSpec


class PlaceOrders(NamedTuple):
    """Send these orders, in one request when there are several. Never repeated by the gateway."""

    seq: int                             # +1 a request; results name it
    epoch: int                           # a cancel-all raises the epoch; an older place is shed, not sent
    orders: tuple[tuple[str, OrderSpec], ...]        # (order id, what to sign)


class CancelOrders(NamedTuple):
    """Cancel by id. Repeated by the gateway while its deadline lasts: cancelling twice is harmless."""

    seq: int
    order_ids: tuple[str, ...]


class CancelMarket(NamedTuple):
    """`DELETE /cancel-market-orders`: everything of ours in one market. Overtakes every other request."""

    seq: int
    condition_id: str


class ReadOrder(NamedTuple):
    """Ask the venue about one order by id."""

    seq: int
    order_id: str


class ReadOpenOrders(NamedTuple):
    """List what is open in one market, all pages."""

    seq: int
    condition_id: str


class ReadFills(NamedTuple):
    """List our trades in one market since a moment, all pages."""

    seq: int
    condition_id: str
    after_s: int             # wall seconds; the venue's own unit


class ReadBalances(NamedTuple):
    """Collateral and the given tokens, as the venue counts them."""

    seq: int
    token_ids: tuple[str, ...]
    protocol: str


Request = PlaceOrders | CancelOrders | CancelMarket | ReadOrder | ReadOpenOrders | ReadFills | ReadBalances


class Flight(NamedTuple):
    """What a gateway thread is sending right now: an answer can be late only after its request left."""

    places: bool
    sent_ns: int             # monotonic
