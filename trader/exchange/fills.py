"""The arithmetic of a match: who pays what. Pure.

Fills happen at the maker's limit. Complementary orders meet as well: BUY YES with BUY NO mints a pair from the two
payments, SELL YES with SELL NO merges one and splits the dollar. Odd micro-dollars fall to the taker, so that a maker
never pays more than it reserved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trader.exchange.book import Match
from trader.exchange.orders import NewOrder, Order, Side
from trader.model.units import BP_PER_DOLLAR, notional_micro

FEE_STEP_MICRO = 10         # the venue rounds fees to five decimals of a dollar, and charges at least one step


class Fill(NamedTuple):
    """One match with its money. `price_bp` is in the taker's own token."""

    maker: Order
    size_micro: int
    price_bp: int
    maker_money_micro: int
    taker_money_micro: int
    fee_micro: int


def priced(taker: NewOrder, matches: Sequence[Match]) -> list[Fill]:
    return [_priced(taker, match) for match in matches]


def _priced(taker: NewOrder, match: Match) -> Fill:
    maker = match.maker.new
    same_token = maker.outcome is taker.outcome
    price_bp = maker.price_bp if same_token else BP_PER_DOLLAR - maker.price_bp
    maker_money_micro = match.size_micro * maker.price_bp // BP_PER_DOLLAR
    taker_money_micro = maker_money_micro if same_token else match.size_micro - maker_money_micro
    return Fill(match.maker, match.size_micro, price_bp, maker_money_micro, taker_money_micro, fee_micro(match.size_micro, price_bp))


def fee_micro(size_micro: int, price_bp: int) -> int:
    """Taker only: size x 0.07 x p x (1 - p), five decimals, at least 0.00001 dollars."""
    exact = size_micro * 7 * price_bp * (BP_PER_DOLLAR - price_bp)
    steps = (2 * exact // (100 * BP_PER_DOLLAR**2 * FEE_STEP_MICRO) + 1) // 2        # half up
    return max(1, steps) * FEE_STEP_MICRO


def needed_cash_micro(taker: NewOrder, fills: Sequence[Fill]) -> int:
    """What a BUY must have free: its whole size at its limit, or what it really costs, plus fees."""
    paid_micro = sum(fill.taker_money_micro for fill in fills)
    rest_micro = taker.size_micro - sum(fill.size_micro for fill in fills)
    cost_micro = max(notional_micro(taker.price_bp, taker.size_micro), paid_micro + notional_micro(taker.price_bp, rest_micro))
    return cost_micro + sum(fill.fee_micro for fill in fills)


def collateral_change_micro(taker: Side, maker: Side, size_micro: int) -> int:
    """A mint locks a dollar a pair, a merge frees it, an ordinary trade does neither."""
    if taker is not maker:
        return 0
    return size_micro if taker is Side.BUY else -size_micro
