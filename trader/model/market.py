"""One tradable window, and what the rest of the program must know of its venue. Published by the `markets` role."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from trader.model.costs import FeeSchedule, RewardBand
from trader.model.order import OrderSpec
from trader.model.units import PriceBp, SizeMicro


class Market(NamedTuple):
    """A binary market: YES (for the up/down series: Up) and NO (Down), which pay one dollar together.

    Source: Gamma `/events/keyset` (facts in docs/venues/polymarket.md). Times are wall-clock epoch milliseconds, UTC.
    """

    slug: str
    condition_id: str        # "0x" + 64 hex digits
    yes_token: str           # decimal text; Protocol V1 clobTokenIds, V2 positionIds
    no_token: str
    tick_bp: PriceBp         # smallest price step; may shrink while the market trades
    min_size_micro: SizeMicro
    open_ms: int             # the window opens: the reference price at this moment is the strike
    close_ms: int            # the window closes: no order may be open after it
    protocol: str            # "v1" signs under domain "2", "v2" under domain "3"
    neg_risk: bool
    fees: FeeSchedule | None = None      # None: the venue did not say, or in a way that we do not know; see `may_take`
    rewards: RewardBand | None = None    # None: none are paid
    settles_on: str = ""     # symbol of the reference that decides it, as in `ReferencePrice`; another source as the venue names it

    @property
    def may_take(self) -> bool:
        """Whether the price of taking liquidity is known. Without it nothing may cross the book on purpose."""
        return self.fees is not None

    @property
    def tokens(self) -> tuple[str, str]:
        return self.yes_token, self.no_token

    @property
    def window_ms(self) -> int:
        return self.close_ms - self.open_ms


class LiveMarket(NamedTuple):
    """What the desk trades now and what comes next. Written by `markets`, read by everyone."""

    now: Market | None
    next: Market | None


class VenueRules(Protocol):
    """All that strategy and executor may know of a venue. Pure: callable from any thread."""

    @property
    def max_batch(self) -> int:
        """Most orders in one request."""
        ...

    @property
    def size_step_micro(self) -> int:
        """Sizes are whole multiples of this."""
        ...

    def order_id(self, order: OrderSpec) -> str:
        """The id under which the venue will know this order, computed before anything is sent."""
        ...
