"""The arithmetic of a match: who pays what. Pure.

Fills happen at the maker's limit. Complementary orders meet as well: BUY YES with BUY NO mints a pair from the two
payments, SELL YES with SELL NO merges one and splits the dollar. Odd micro-dollars fall to the taker, so that a maker
never pays more than it reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trader.exchange.orders import NewOrder, Order, Side
from trader.model.units import BP_PER_DOLLAR, notional_micro

UNSPENT_MICRO = 1           # rounding may leave this much of a market BUY's dollars; it is spent all the same
FEE_STEP_MICRO = 10         # the venue rounds fees to five decimals of a dollar, and charges at least one step


class Fill(NamedTuple):
    """One match with its money. `price_bp` is in the taker's own token."""

    maker: Order
    size_micro: int
    price_bp: int
    maker_money_micro: int
    taker_money_micro: int
    fee_micro: int


def fills_of(taker: NewOrder, makers: Iterable[Order]) -> list[Fill]:
    """What `taker` would trade with resting orders that it meets in this order. Changes nothing.

    It wants its shares, or as many as its dollars buy at each price; rounded down, so that it never overspends.
    """
    fills: list[Fill] = []
    wanted_micro, spend_micro = taker.size_micro, taker.spend_micro
    for maker in makers:
        if taker.spend_micro:
            wanted_micro = spend_micro * BP_PER_DOLLAR // _price_bp(taker, maker.new)
        if not wanted_micro:
            break
        fill = _fill(taker, maker, min(wanted_micro, maker.open_micro))
        fills.append(fill)
        if fill.size_micro == wanted_micro:
            break               # also when a micro-dollar is left that this price would not take
        wanted_micro -= fill.size_micro
        spend_micro -= fill.taker_money_micro
    return fills


def sized(taker: NewOrder, fills: Sequence[Fill]) -> NewOrder:
    """A market BUY with its size in shares: what it gets here, and what the dollars left over would buy at its limit."""
    if not taker.spend_micro:
        return taker
    left_micro = taker.spend_micro - sum(fill.taker_money_micro for fill in fills)
    rest_micro = left_micro * BP_PER_DOLLAR // taker.price_bp if left_micro > UNSPENT_MICRO else 0
    return taker._replace(size_micro=sum(fill.size_micro for fill in fills) + rest_micro)


def _price_bp(taker: NewOrder, maker: NewOrder) -> int:
    """The maker's limit, in the taker's own token."""
    return maker.price_bp if maker.outcome is taker.outcome else BP_PER_DOLLAR - maker.price_bp


def _fill(taker: NewOrder, maker: Order, size_micro: int) -> Fill:
    price_bp = _price_bp(taker, maker.new)
    maker_money_micro = size_micro * maker.new.price_bp // BP_PER_DOLLAR
    taker_money_micro = maker_money_micro if maker.new.outcome is taker.outcome else size_micro - maker_money_micro
    return Fill(maker, size_micro, price_bp, maker_money_micro, taker_money_micro, fee_micro(size_micro, price_bp))


def fee_micro(size_micro: int, price_bp: int) -> int:
    """Taker only: size x 0.07 x p x (1 - p), five decimals, at least 0.00001 dollars."""
    exact = size_micro * 7 * price_bp * (BP_PER_DOLLAR - price_bp)
    steps = (2 * exact // (100 * BP_PER_DOLLAR**2 * FEE_STEP_MICRO) + 1) // 2        # half up
    return max(1, steps) * FEE_STEP_MICRO


def needed_cash_micro(taker: NewOrder, fills: Sequence[Fill]) -> int:
    """What a BUY must have free: its dollars, or its whole size at its limit, or what it really costs; plus fees."""
    paid_micro = sum(fill.taker_money_micro for fill in fills)
    rest_micro = taker.size_micro - sum(fill.size_micro for fill in fills)
    at_limit_micro = notional_micro(taker.price_bp, taker.size_micro)
    cost_micro = taker.spend_micro or max(at_limit_micro, paid_micro + notional_micro(taker.price_bp, rest_micro))
    return cost_micro + sum(fill.fee_micro for fill in fills)


def collateral_change_micro(taker: Side, maker: Side, size_micro: int) -> int:
    """A mint locks a dollar a pair, a merge frees it, an ordinary trade does neither."""
    if taker is not maker:
        return 0
    return size_micro if taker is Side.BUY else -size_micro
