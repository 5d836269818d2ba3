"""Orders: what is sent, where it stands in our plan, and the one table of its life."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from trader.model.units import PriceBp, SizeMicro


class Side(StrEnum):
    """BUY or SELL of a token; of a quote: bid or ask for YES."""

    BUY = "BUY"
    SELL = "SELL"


class Kind(StrEnum):
    """Why an order exists. Decides what it reserves and what it does to gross."""

    REDUCE_SELL = "REDUCE_SELL"              # sells what we hold
    OPEN_BUY = "OPEN_BUY"                    # bid: buys YES
    COMPLEMENT_BUY = "COMPLEMENT_BUY"        # ask: buys NO at one minus the price


class OrderSpec(NamedTuple):
    """One order as it will be signed. Immutable from birth, so its id is known before it is sent."""

    condition_id: str
    token_id: str
    side: Side               # of the token, not in YES terms
    price_bp: PriceBp        # of the token
    size_micro: SizeMicro
    salt: int                # below 2**53: it travels as a JSON number
    created_ms: int          # wall
    protocol: str
    neg_risk: bool
    takes: bool = False      # immediate or cancel (the venue's FAK); otherwise it rests, post-only


class Slot(NamedTuple):
    """Where an order stands in the plan: YES-terms side, level from the touch outwards, and kind."""

    side: Side
    level: int
    kind: Kind


class OrderState(StrEnum):
    PENDING_NEW = "PENDING_NEW"              # handed to the gateway; not yet answered
    WORKING = "WORKING"                      # the venue has it
    PENDING_CANCEL = "PENDING_CANCEL"        # a cancel is on its way
    UNKNOWN = "UNKNOWN"                      # an answer was lost: it may live; the venue is being asked by id
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


_DONE = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})

NEXT: dict[OrderState, frozenset[OrderState]] = {
    # a fill or a cancellation may outrun the ack; WORKING may be skipped when cancel-all overtakes the answer
    OrderState.PENDING_NEW: _DONE | {OrderState.WORKING, OrderState.UNKNOWN},
    OrderState.WORKING: _DONE | {OrderState.PENDING_CANCEL, OrderState.UNKNOWN},
    # WORKING again after a refused cancel
    OrderState.PENDING_CANCEL: _DONE | {OrderState.WORKING, OrderState.UNKNOWN},
    OrderState.UNKNOWN: _DONE | {OrderState.WORKING, OrderState.PENDING_CANCEL},
}
DONE = frozenset(OrderState) - NEXT.keys()


class OwnFill(NamedTuple):
    """One fill of one of our orders, when it was booked, for stats and charts. In YES terms, as the quote that it filled."""

    number: int              # +1 a fill of this run
    at_ms: int               # wall
    side: Side               # BUY: our bid was hit; SELL: our ask was lifted
    kind: Kind
    price_bp: PriceBp
    size_micro: SizeMicro


class WorkingOrder(NamedTuple):
    """One of our orders that may be live, for the strategy, stats and dumps."""

    order_id: str
    slot: Slot
    token_id: str
    side: Side
    price_bp: PriceBp
    remaining_micro: SizeMicro
    state: OrderState
