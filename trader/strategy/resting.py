"""Prices that rest: on the tick, inside the dollar, behind the touch of others, never nearer to fair than was wanted. Pure."""

from __future__ import annotations

from trader.model.units import BP_PER_DOLLAR, PriceBp, ceil_to_tick, floor_to_tick
from trader.strategy.touch import Touch


def bid_price(wanted_bp: int, touch: Touch, tick_bp: int) -> PriceBp | None:
    """The highest price on the tick that is not above `wanted_bp`, rests, and is below one dollar. None: there is none."""
    limit_bp = BP_PER_DOLLAR - tick_bp if touch.ask_bp is None else touch.ask_bp - tick_bp
    price_bp = floor_to_tick(min(wanted_bp, limit_bp), tick_bp)
    return price_bp if price_bp >= tick_bp else None         # raising it to one tick would give part of the spread away


def ask_price(wanted_bp: int, touch: Touch, tick_bp: int) -> PriceBp | None:
    """The lowest price on the tick that is not below `wanted_bp`, rests, and is above zero. None: there is none."""
    limit_bp = tick_bp if touch.bid_bp is None else touch.bid_bp + tick_bp
    price_bp = ceil_to_tick(max(wanted_bp, limit_bp), tick_bp)
    return price_bp if price_bp <= BP_PER_DOLLAR - tick_bp else None
