"""Whether what a strategy wants can be orders at all. Pure; called on the strategy thread for every decision.

A user's strategy is code that nobody here has seen: what it returns is looked at before it crosses to the executor, where a
price off the tick or a size of the wrong type would be a crash of the thread that holds all the orders.
"""

from __future__ import annotations

from typing import Any

from trader.model.intent import Mode, Quote
from trader.model.order import Side
from trader.model.units import BP_PER_DOLLAR, MICRO

MAX_QUOTES_A_SIDE = 50
_MAX_SIZE_MICRO = 1_000_000_000 * MICRO


def fault_in(wanted: Any, tick_bp: int) -> str | None:
    """What is wrong with the result of `Strategy.quote`, with what it was and what it must be; None if nothing is."""
    if type(wanted) is not tuple or len(wanted) != 3:
        return f"the answer was {_shown(wanted)}, must be a tuple of mode, quotes and reason"
    mode, quotes, reason = wanted
    if not isinstance(mode, Mode):
        return f"mode was {_shown(mode)}, must be a member of Mode"
    if type(reason) is not str:
        return f"the reason was {_shown(reason)}, must be text"
    if type(quotes) is not tuple:
        return f"quotes were {_shown(quotes)}, must be a tuple of Quote"
    if len(quotes) > 2 * MAX_QUOTES_A_SIDE:          # before each is looked at: a million would take a second
        return f"{len(quotes)} quotes, must be at most {MAX_QUOTES_A_SIDE} a side"
    for number, quote in enumerate(quotes):
        if (fault := _fault_in_quote(quote, tick_bp)) is not None:
            return f"quote {number}: {fault}"
    return _fault_among(quotes)


def _fault_in_quote(quote: Any, tick_bp: int) -> str | None:
    if type(quote) is not Quote:
        return f"was {_shown(quote)}, must be a Quote"
    fields: tuple[Any, ...] = quote
    side, price_bp, size_micro = fields
    if not isinstance(side, Side):
        return f"side was {_shown(side)}, must be Side.BUY or Side.SELL"
    if type(price_bp) is not int or price_bp % tick_bp or not tick_bp <= price_bp <= BP_PER_DOLLAR - tick_bp:
        return f"price_bp was {_shown(price_bp)}, must be a multiple of the tick {tick_bp} within {tick_bp}-{BP_PER_DOLLAR - tick_bp}"
    if type(size_micro) is not int or not 0 < size_micro <= _MAX_SIZE_MICRO:
        return f"size_micro was {_shown(size_micro)}, must be a whole number of millionths of a share within 1-{_MAX_SIZE_MICRO}"
    return None


def _fault_among(quotes: tuple[Quote, ...]) -> str | None:
    bids = [price_bp for side, price_bp, _ in quotes if side is Side.BUY]
    asks = [price_bp for side, price_bp, _ in quotes if side is Side.SELL]
    if bids and asks and max(bids) >= min(asks):
        return f"the bid at {max(bids)} bp crosses the ask at {min(asks)} bp, every bid must be below every ask"
    most = max(len(bids), len(asks))
    return f"{most} quotes on one side, must be at most {MAX_QUOTES_A_SIDE}" if most > MAX_QUOTES_A_SIDE else None


def _shown(value: Any) -> str:
    """Short, with the type where it is the point: 4900.0 is a float, numpy.int64 prints like an integer."""
    return f"{repr(value)[:60]} ({type(value).__name__})"
