"""What the journal remembers for a start: what an earlier run held, owed and had open. Read once, before any thread runs.

The venue has the last word on all of it; the journal only says what to ask about, and what the venue no longer shows.
"""

from __future__ import annotations

from typing import NamedTuple

from trader.model.cycle import Latch
from trader.model.event import Fill
from trader.model.market import Market
from trader.model.order import OrderSpec, OrderState
from trader.model.units import PriceBp, SizeMicro


class RecalledOrder(NamedTuple):
    """An order that may be open, or that ended and of which not everything was heard."""

    order_id: str
    spec: OrderSpec
    state: OrderState            # the last one that was written; the venue may know better
    matched_micro: SizeMicro     # of it, as far as the venue had said
    placed_ms: int               # wall


class RecalledWindow(NamedTuple):
    """A window that was traded and is not resolved yet, or was resolved today."""

    market: Market
    heard_ms: int                # wall time of the last cycle that was written while it was the live market
    mid_bp: PriceBp | None       # of YES: the last two-sided one
    winning_token: str | None


class Recalled(NamedTuple):
    """`legs` have their side, and the newest status that was written. In the order in which they were first heard of."""

    legs: tuple[Fill, ...]               # all legs of the windows below, failed ones included
    orders: tuple[RecalledOrder, ...]
    windows: tuple[RecalledWindow, ...]
    latches: tuple[Latch, ...]           # not cleared
    day_pnl_micro: int                   # of the UTC day so far: legs of today at their outcome, or else at the last mid
    written_ms: int                      # wall time of the last cycle; 0 when there is no journal yet
    forgiven_micro: int = 0              # of the UTC day's loss, by `resume --force`


NOTHING_RECALLED = Recalled((), (), (), (), 0, 0)
