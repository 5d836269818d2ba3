"""What the engine says has happened. Immutable; made under the venue's lock, read by the publisher thread, in order."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from trader.exchange.market import BookView
from trader.exchange.orders import MarketSpec, OrderState, Side, Trade


class LevelChange(NamedTuple):
    """The new absolute size of one level, in YES terms; 0 removes it."""

    side: Side
    yes_bp: int
    size_micro: int


class BookChanged(NamedTuple):
    """One atomic step of a book. With a trade, `levels` starts with the taker's rest, as on the live venue."""

    spec: MarketSpec
    levels: tuple[LevelChange, ...]
    trades: tuple[Trade, ...]
    at_ms: int


class TickChanged(NamedTuple):
    """`spec` has the new tick already. Orders that rest keep their prices."""

    spec: MarketSpec
    old_tick_bp: int
    at_ms: int


class BookRestored(NamedTuple):
    """A whole book at once: one of a former life, after a restart."""

    view: BookView


class OrderChange(StrEnum):
    PLACEMENT = "PLACEMENT"
    UPDATE = "UPDATE"
    CANCELLATION = "CANCELLATION"


class OrderChanged(NamedTuple):
    change: OrderChange
    order: OrderState
    at_ms: int


class TradeChanged(NamedTuple):
    """A trade reached its next status; `trade.updated_ms` says when."""

    trade: Trade


class MarketListed(NamedTuple):
    spec: MarketSpec
    slug: str
    question: str
    at_ms: int


class MarketClosed(NamedTuple):
    """Trading stopped, for whatever reason; its orders are cancelled before this is said."""

    spec: MarketSpec
    at_ms: int


class MarketResolved(NamedTuple):
    spec: MarketSpec
    winner: int
    at_ms: int


Event = BookChanged | TickChanged | BookRestored | OrderChanged | TradeChanged | MarketListed | MarketClosed | MarketResolved
