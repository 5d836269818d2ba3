"""Quotes in YES terms → the token orders that make them, within position, gross and cash limits. Pure.

There is no short selling: a bid for YES sells NO that we hold and buys YES with the rest; an ask sells YES and buys NO.
"""

from __future__ import annotations

from typing import NamedTuple

from trader.executor.orders import kind_of
from trader.model.intent import Mode, Quote
from trader.model.market import Market
from trader.model.order import Side, Slot
from trader.model.units import PriceBp, SizeMicro, complement_bp


class Leg(NamedTuple):
    """One order that should be live."""

    slot: Slot
    token_id: str
    side: Side
    price_bp: PriceBp        # of the token
    size_micro: SizeMicro

    @property
    def yes_price_bp(self) -> PriceBp:
        return self.price_bp if self.side is self.slot.side else complement_bp(self.price_bp)


class Holdings(NamedTuple):
    """What the legs may use. `sellable` is settled minus debits: our own resting sells are what is being planned."""

    yes_sellable_micro: int
    no_sellable_micro: int
    net_micro: int           # effective YES − NO
    gross_micro: int         # effective YES + NO
    cash_micro: int


class Caps(NamedTuple):
    max_position_micro: int
    gross_cap_micro: int
    size_step_micro: int


def legs_of(quotes: tuple[Quote, ...], mode: Mode, market: Market, have: Holdings, caps: Caps) -> tuple[list[Leg], int]:
    """The legs of all quotes, best level first, and the residual size that no rule allowed (micro shares).

    If every leg filled, |net| and gross would stay within their caps and cash would not run out.
    """
    budget = _Budget(have, caps, opens=mode < Mode.REDUCE_ONLY)
    legs: list[Leg] = []
    residual = 0
    levels = {Side.BUY: 0, Side.SELL: 0}
    for quote in quotes:
        level = levels[quote.side]
        levels[quote.side] += 1
        if not _side_allowed(quote.side, mode):
            continue
        sell_micro, buy_micro = budget.split(quote, market.min_size_micro)
        residual += quote.size_micro - sell_micro - buy_micro
        legs += _legs_of_quote(quote, level, market, sell_micro, buy_micro)
    return legs, residual


def _side_allowed(side: Side, mode: Mode) -> bool:
    match mode:
        case Mode.STOP:
            return False
        case Mode.ONE_SIDED_BUY:
            return side is Side.BUY
        case Mode.ONE_SIDED_SELL:
            return side is Side.SELL
        case _:
            return True


def _legs_of_quote(quote: Quote, level: int, market: Market, sell_micro: int, buy_micro: int) -> list[Leg]:
    bid = quote.side is Side.BUY
    held, wanted = (market.no_token, market.yes_token) if bid else (market.yes_token, market.no_token)
    held_bp = complement_bp(quote.price_bp) if bid else quote.price_bp
    wanted_bp = quote.price_bp if bid else complement_bp(quote.price_bp)
    legs = []
    if sell_micro:
        slot = Slot(quote.side, level, kind_of(quote.side, sells=True))
        legs.append(Leg(slot, held, Side.SELL, PriceBp(held_bp), SizeMicro(sell_micro)))
    if buy_micro:
        slot = Slot(quote.side, level, kind_of(quote.side, sells=False))
        legs.append(Leg(slot, wanted, Side.BUY, PriceBp(wanted_bp), SizeMicro(buy_micro)))
    return legs


class _Budget:
    """What is left after the quotes so far. The worst case is that all of one side fills and none of the other."""

    def __init__(self, have: Holdings, caps: Caps, *, opens: bool) -> None:
        self._sellable = {Side.BUY: have.no_sellable_micro, Side.SELL: have.yes_sellable_micro}
        self._room = {Side.BUY: caps.max_position_micro - have.net_micro, Side.SELL: caps.max_position_micro + have.net_micro}
        self._gross_room = caps.gross_cap_micro - have.gross_micro if opens else 0
        self._cash = have.cash_micro
        self._step = caps.size_step_micro

    def split(self, quote: Quote, min_micro: int) -> tuple[int, int]:
        """(to sell of what is held, to buy of the other outcome) for one quote; takes both off the budget."""
        bid = quote.side is Side.BUY
        size = self._whole(min(quote.size_micro, self._room[quote.side]))
        sell = self._whole(min(size, self._sellable[quote.side]))
        cost_bp = quote.price_bp if bid else complement_bp(quote.price_bp)
        affordable = self._cash * 10_000 // cost_bp if cost_bp else 0
        most_buy = self._whole(min(self._gross_room, affordable))
        sell, buy = with_minimum(sell, size - sell, most_buy, min_micro)
        self._room[quote.side] -= sell + buy
        self._sellable[quote.side] -= sell
        self._gross_room -= buy
        self._cash -= -(-cost_bp * buy // 10_000)
        return sell, buy

    def _whole(self, size_micro: int) -> int:
        return max(0, size_micro // self._step * self._step)


def with_minimum(sell: int, rest: int, most_buy: int, minimum: int) -> tuple[int, int]:
    """Design §7: no leg below the venue's minimum. A short rest borrows from the sale if the sale stays whole."""
    if 0 < sell < minimum:
        sell, rest = 0, sell + rest
    buy = min(rest, most_buy)
    if 0 < buy < minimum:
        borrowed = minimum - buy
        fits = sell - borrowed >= minimum and most_buy >= minimum
        sell, buy = (sell - borrowed, minimum) if fits else (sell, 0)
    return sell, buy
