"""Which price a strategy of poly-market-maker's kind quotes around: ours, or the middle of the book. Pure."""

from __future__ import annotations

from trader.model.intent import StrategyView
from trader.model.units import PriceBp

SOURCES = ("fair", "clob")


def aim(view: StrategyView, source: str) -> StrategyView:
    """The view with the target in place of the fair price, on the tick (halves go up); as it is while there is none."""
    target_bp, tick_bp = view.fair_bp, view.book.yes.tick_bp
    if source == "clob":
        bid_bp, ask_bp = view.book.yes.bid_bp, view.book.yes.ask_bp
        if bid_bp is None or ask_bp is None:
            return view
        target_bp = PriceBp((bid_bp + ask_bp) // 2)
        view = view._replace(provisional_strike=False)       # no strike is in such a target
    if target_bp is None:
        return view
    return view._replace(fair_bp=PriceBp((2 * target_bp + tick_bp) // (2 * tick_bp) * tick_bp))
