"""The best prices that others quote: the published YES book without our own orders. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trader.model.book import BookTop, Level
from trader.model.order import Side, WorkingOrder
from trader.model.units import PriceBp, complement_bp


class Touch(NamedTuple):
    """None: nobody else quotes that side within the published levels."""

    bid_bp: PriceBp | None
    ask_bp: PriceBp | None


def touch_of_others(yes: BookTop, working: Iterable[WorkingOrder]) -> Touch:
    """Best bid and ask that remain once our remaining sizes are subtracted, level by level.

    The venue shows a bid for NO at 40 ¢ as an ask for YES at 60 ¢, so our orders of both tokens are counted in YES terms.
    """
    ours: dict[tuple[Side, int], int] = {}
    for _, (side, _, _), token_id, _, price_bp, remaining_micro, _ in working:
        key = side, price_bp if token_id == yes.token_id else complement_bp(price_bp)
        ours[key] = ours.get(key, 0) + remaining_micro
    return Touch(_best(yes.bids, Side.BUY, ours), _best(yes.asks, Side.SELL, ours))


def _best(levels: tuple[Level, ...], side: Side, ours: dict[tuple[Side, int], int]) -> PriceBp | None:
    return next((price_bp for price_bp, size_micro in levels if size_micro > ours.get((side, price_bp), 0)), None)
