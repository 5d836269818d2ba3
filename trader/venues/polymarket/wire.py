"""How Polymarket writes numbers and times, where that differs from one channel to the next. Pure; any thread."""

from __future__ import annotations

from functools import lru_cache

import orjson

from trader.errors import WireError
from trader.model.units import BP_PER_DOLLAR, PriceBp, SizeMicro, price_bp_from_wire, scaled_int, size_micro_from_wire

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)     # what walking through foreign JSON may raise
CHANGELOG = "Compare it with docs/venues/polymarket.md and the venue's changelog."
_TO_MICRO = tuple(10**(6 - decimals) for decimals in range(7))     # what a size of so many decimals is multiplied by
_MOST_DIGITS = 24                # of a size, its six decimals included: far more shares than there are dollars
_FIRST_MS = 100_000_000_000      # as seconds the year 5138, as milliseconds 1973: nothing real lies between


def unreadable(what: str, frame: bytes, why: Exception) -> WireError:
    """The error for something that is not what the venue's documentation says. Shows the start of it, never all."""
    return WireError(f"{what} cannot be read ({type(why).__name__}: {why}): {frame[:200]!r}.", remedy=CHANGELOG)


def json_from_wire(what: str, frame: bytes) -> object:
    try:
        return orjson.loads(frame)
    except orjson.JSONDecodeError as why:
        raise unreadable(what, frame, why) from None


def ms_from_wire(value: str | int) -> int:
    """Epoch milliseconds. The venue writes seconds in some places and milliseconds in others: the magnitude decides."""
    number = int(value)
    return number if number >= _FIRST_MS else number * 1000


@lru_cache(maxsize=20_000)       # four of them in every price_change, out of 10,001 values
def top_bp_from_wire(text: str | None) -> PriceBp | None:
    """A best price. The venue writes an empty side as "", "0" or "1"; none of them is a price."""
    price_bp = price_bp_from_wire(text) if text else PriceBp(0)
    return price_bp if 0 < price_bp < BP_PER_DOLLAR else None


@lru_cache(maxsize=20_000)       # of 9,999 values
def level_bp_from_wire(text: str) -> PriceBp:
    """The price of a level or of a tick. 0 and 1 are how the venue says that there is none, so a level at one of them is no level."""
    price_bp = price_bp_from_wire(text)
    if not 0 < price_bp < BP_PER_DOLLAR:
        raise ValueError(f"a level at {text}")
    return price_bp


def size_from_wire(text: str) -> SizeMicro:
    """A size. '' is 0, as in `size_matched` of a killed order. One that is written plainly takes a few C calls: two a `price_change`."""
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a size of {len(text)} digits")
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if len(fraction) < len(_TO_MICRO) and digits.isdigit() and digits.isascii():
        return SizeMicro(int(digits) * _TO_MICRO[len(fraction)])
    return size_micro_from_wire(text) if text else SizeMicro(0)


def nearest_bp_from_wire(text: str) -> PriceBp:
    """The price of a trade as its taker saw it: an average, so it may lie between two ticks."""
    return PriceBp((scaled_int(text, 18, "price") + 5 * 10**13) // 10**14)
