"""Puts quotes in the order that lets resting orders stay. Pure; strategy thread.

The executor knows an order by its side and level, and a level is a place in the tuple of quotes. When the target moves by a tick, most
prices of a ladder are wanted still, one level further on: each takes the place that it rests at, or all would be replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trader.model.intent import Quote
from trader.model.order import OrderState, Side, WorkingOrder
from trader.model.units import PriceBp, complement_bp


class Resting(NamedTuple):
    """What is open at one level of one side, at one price. A quote may rest as two orders, one for each token."""

    side: Side
    level: int
    price_bp: PriceBp        # in YES terms
    size_micro: int


def resting(working: Iterable[WorkingOrder], yes_token: str) -> list[Resting]:
    """What is being cancelled is gone."""
    found: dict[tuple[Side, int, PriceBp], int] = {}
    for _, (side, level, _), token_id, _, price_bp, remaining_micro, state in working:
        if state is not OrderState.PENDING_CANCEL:
            key = side, level, price_bp if token_id == yes_token else complement_bp(price_bp)
            found[key] = found.get(key, 0) + remaining_micro
    return [Resting(*key, size_micro) for key, size_micro in found.items()]


def in_place(quotes: Sequence[Quote], side: Side, open_orders: Iterable[Resting]) -> list[Quote]:
    """The quotes of one side, each at the level at which its price rests; the others fill the gaps in the order given."""
    levels: dict[PriceBp, list[int]] = {}
    for rests_side, rests_level, price_bp, _ in open_orders:
        if rests_side is side:
            levels.setdefault(price_bp, []).append(rests_level)
    placed: dict[int, Quote] = {}
    new: list[Quote] = []
    for quote in quotes:
        at = levels.get(quote.price_bp)
        level = None if at is None else at[0] if len(at) == 1 else min((each for each in at if each not in placed), default=None)
        if level is None or level in placed:
            new.append(quote)
        else:
            placed[level] = quote
    arranged: list[Quote] = []
    for level in range(max(placed, default=-1) + 1):
        if level in placed:
            arranged.append(placed[level])
        elif new:
            arranged.append(new.pop(0))
    return arranged + new
