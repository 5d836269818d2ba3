"""From fills at one price level to a trade, and to what each side pays and gets. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from trader.exchange.fills import Fill
from trader.exchange.orders import Fate, MakerLeg, NewOrder, Side, Trade
from trader.exchange.settlement import Swap


class Stamp(NamedTuple):
    """What a new trade gets from outside: its id, and how its settlement will go. A replay gives the same again."""

    trade_id: str
    fate: Fate = Fate.SETTLES


Stamper = Callable[[NewOrder, list[Fill]], Stamp]      # asked once a trade


def swaps_of(taker: NewOrder, fill: Fill) -> list[Swap]:
    """Both sides of one fill. The taker's fee adds to a cost and comes out of proceeds."""
    maker = fill.maker.new
    money_micro = fill.taker_money_micro + (fill.fee_micro if taker.side is Side.BUY else -fill.fee_micro)
    return [_swap(taker, fill.size_micro, money_micro), _swap(maker, fill.size_micro, fill.maker_money_micro)]


def _swap(new: NewOrder, size_micro: int, money_micro: int) -> Swap:
    token = (new.condition_id, int(new.outcome))
    if new.side is Side.BUY:
        return Swap(new.account_id, None, money_micro, token, size_micro)
    return Swap(new.account_id, token, size_micro, None, money_micro)


def new_trade(stamp: Stamp, taker: NewOrder, price_bp: int, fills: list[Fill], now_ms: int) -> Trade:
    return Trade(
        stamp.trade_id, taker.spec, taker.order_id, taker.owner, taker.account_id, taker.maker_address, taker.outcome, taker.side,
        price_bp, sum(fill.size_micro for fill in fills), sum(fill.fee_micro for fill in fills), tuple(map(_leg, fills)), now_ms, now_ms,
        fate=stamp.fate,
    )


def _leg(fill: Fill) -> MakerLeg:
    new = fill.maker.new
    return MakerLeg(new.order_id, new.owner, new.account_id, new.maker_address, new.outcome, new.side, new.price_bp, fill.size_micro)
