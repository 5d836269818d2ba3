"""Exact integers for prices, sizes and money, and their wire text.

Prices are `_bp`: 1 bp = $0.0001 = 0.01 % probability, 0..10_000. Sizes are `_micro`: 1_000_000 = one share.
Money is `_micro` dollars. Wire text is split at the point and never passes through a float.
"""

from __future__ import annotations

from typing import NewType

from trader.errors import WireError

PriceBp = NewType("PriceBp", int)
SizeMicro = NewType("SizeMicro", int)
MoneyMicro = NewType("MoneyMicro", int)

BP_PER_DOLLAR = 10_000
BP_PER_CENT = 100
MICRO = 1_000_000

_MAX_MEMO = 20_000          # 10_001 prices exist in canonical form; the rest is slack for "0.50"-style spellings
_MAX_TEXT = 100             # a uint256 has 78 digits; int() itself raises ValueError beyond 4_300, which nobody catches
_price_memo: dict[str, PriceBp] = {}


def scaled_int(text: str, digits: int, what: str) -> int:
    """'12.5', 2 -> 1_250. Raises WireError on anything but plain decimal text that fits `digits` exactly."""
    if len(text) > _MAX_TEXT:
        raise WireError(f"{what} {text[:40]!r}… has {len(text)} characters, at most {_MAX_TEXT} can be a number.",
                        remedy="Check the venue's changelog for a new format.")
    whole, _, fraction = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    body = whole[1:] if sign < 0 else whole
    kept, rest = fraction[:digits], fraction[digits:]
    if not (body or kept) or not (body + fraction).isascii() or not (body + fraction).isdigit() or rest.strip("0"):
        raise WireError(f"{what} {text!r} is not a decimal number with at most {digits} decimals.",
                        remedy="Check the venue's changelog for a new format.")
    return sign * int((body or "0") + kept.ljust(digits, "0"))


def price_bp_from_wire(text: str) -> PriceBp:
    """'0.29' -> 2_900, memoised. Exact: through float, 0.29 * 100 would be 28.99…"""
    price_bp = _price_memo.get(text)
    if price_bp is None:
        price_bp = PriceBp(scaled_int(text, 4, "price"))
        if not 0 <= price_bp <= BP_PER_DOLLAR:
            raise WireError(f"price {text!r} is outside 0..1.", remedy="Check the venue's changelog for a new format.")
        if len(_price_memo) < _MAX_MEMO:
            _price_memo[text] = price_bp
    return price_bp


def size_micro_from_wire(text: str) -> SizeMicro:
    """'100.09' shares -> 100_090_000. The venue's base unit has six decimals. Never negative: 0 removes a level."""
    size_micro = SizeMicro(scaled_int(text, 6, "size"))
    if size_micro < 0:
        raise WireError(f"size {text!r} is negative.", remedy="Check the venue's changelog for a new format.")
    return size_micro


def money_micro_from_wire(text: str) -> MoneyMicro:
    """'60000.01' dollars -> 60_000_010_000. Binance pads to eight decimals; the last two are zero there."""
    return MoneyMicro(scaled_int(text, 6, "amount"))


def decimal_text(value: int, digits: int) -> str:
    """1_250, 2 -> '12.5'. The shortest exact text, as the venue writes it."""
    whole, fraction = divmod(abs(value), 10**digits)
    tail = f"{fraction:0{digits}d}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' + tail if tail else ''}"


def price_to_wire(price_bp: int) -> str:
    """2_900 -> '0.29'."""
    return decimal_text(price_bp, 4)


def size_to_wire(size_micro: int) -> str:
    """100_090_000 -> '100.09'."""
    return decimal_text(size_micro, 6)


def notional_micro(price_bp: int, size_micro: int) -> MoneyMicro:
    """Dollars of `size` at `price`. Rounded up to a whole micro-dollar: what must be reserved is never too little."""
    return MoneyMicro(-(-price_bp * size_micro // BP_PER_DOLLAR))


def complement_bp(price_bp: int) -> PriceBp:
    """What the other outcome costs: YES at 51 ¢ is NO at 49 ¢."""
    return PriceBp(BP_PER_DOLLAR - price_bp)


def floor_to_tick(price_bp: int, tick_bp: int) -> PriceBp:
    """Bids round down."""
    return PriceBp(price_bp // tick_bp * tick_bp)


def ceil_to_tick(price_bp: int, tick_bp: int) -> PriceBp:
    """Asks round up."""
    return PriceBp(-(-price_bp // tick_bp) * tick_bp)
