"""Desired legs against live orders → which to cancel now and which to place now. Pure.

A place goes out at once beside the cancel of the order that it replaces, unless the two together could break a limit: then
it waits for the cancel to be *confirmed*, and is planned again by whatever answer comes. One wave a slot at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trader.executor.legs import Caps, Holdings, Leg
from trader.executor.orders import Tracked
from trader.model.book import BookTop
from trader.model.order import OrderState, Side, Slot
from trader.model.units import notional_micro


class Plan(NamedTuple):
    cancel: list[Tracked]
    place: list[Leg]
    waiting: list[Slot]      # wanted, but held back: plan again when something changes


def plan(legs: list[Leg], live: Iterable[Tracked], exposed: Iterable[Tracked], have: Holdings, caps: Caps, yes_book: BookTop | None,
         held: frozenset[Slot], grow_step_micro: int) -> Plan:
    """`exposed` are all orders that may still change inventory; `held` are slots that must not place just now."""
    orders = list(live)
    cancel, wanted, waiting = _compare(legs, [order for order in orders if not order.quarantined], grow_step_micro)
    if not wanted:                               # as in most cycles: there is no worst case to look at
        return Plan(cancel, [], waiting)
    worst = _WorstCase(exposed, have, caps)
    place: list[Leg] = []
    for leg in wanted:
        if leg.slot in held or _crosses(leg, orders, place, yes_book) or not worst.allows(leg):
            waiting.append(leg.slot)
        else:
            worst.add(leg)
            place.append(leg)
    return Plan(cancel, place, waiting)


def _compare(legs: list[Leg], live: list[Tracked], grow_step_micro: int) -> tuple[list[Tracked], list[Leg], list[Slot]]:
    """(to cancel, to place, slots that are busy with an earlier wave)."""
    by_slot: dict[Slot, list[Tracked]] = {}
    for order in live:
        by_slot.setdefault(order.slot, []).append(order)
    cancel: list[Tracked] = []
    wanted: list[Leg] = []
    busy: list[Slot] = []
    for leg in sorted(legs, key=lambda leg: leg.side is Side.BUY):       # sells first: they free room
        resting = by_slot.pop(leg.slot, [])
        if not resting:
            wanted.append(leg)
        elif len(resting) > 1 or resting[0].state is not OrderState.WORKING:
            working = [o for o in resting if o.state is OrderState.WORKING]
            keep = next((o for o in working if fits(o, leg, grow_step_micro)), None)     # one at most: two are twice the size
            cancel += [o for o in working if o is not keep]
            busy.append(leg.slot)
        elif not fits(resting[0], leg, grow_step_micro):
            cancel.append(resting[0])
            wanted.append(leg)
    unwanted = [o for orders in by_slot.values() for o in orders if o.state is OrderState.WORKING]
    return cancel + unwanted, wanted, busy


def fits(order: Tracked, leg: Leg, grow_step_micro: int) -> bool:
    """Keep it: same price, not larger than wanted, and not so much smaller that growing is worth its queue position."""
    if (order.spec.token_id, order.spec.side, order.spec.price_bp) != (leg.token_id, leg.side, leg.price_bp):
        return False
    missing = leg.size_micro - order.remaining_micro
    return missing == 0 or 0 < missing < grow_step_micro


def _crosses(leg: Leg, live: list[Tracked], wave: list[Leg], yes_book: BookTop | None) -> bool:
    """Against the market, against an order of ours that is not confirmed dead, or against a leg of the same wave."""
    bid, price = leg.slot.side is Side.BUY, leg.yes_price_bp
    against = [o.yes_price_bp for o in live if o.is_bid is not bid]
    against += [other.yes_price_bp for other in wave if other.slot.side is not leg.slot.side]
    if yes_book is not None:
        touch = yes_book.ask_bp if bid else yes_book.bid_bp
        against += [touch] if touch is not None else []
    return any(price >= other for other in against) if bid else any(price <= other for other in against)


class _WorstCase:
    """Every order that may still fill does, on one side at a time; and every sell and every buy asks for its cover."""

    def __init__(self, exposed: Iterable[Tracked], have: Holdings, caps: Caps) -> None:
        self._caps = caps
        self._long, self._short, self._gross = have.net_micro, -have.net_micro, have.gross_micro
        self._sellable = {Side.BUY: have.no_sellable_micro, Side.SELL: have.yes_sellable_micro}
        self._cash = have.cash_micro
        for order in exposed:
            self._take(order.slot, order.spec.side, order.spec.price_bp, order.exposure_micro)

    def allows(self, leg: Leg) -> bool:
        size = leg.size_micro
        one_side = (self._long if leg.slot.side is Side.BUY else self._short) + size <= self._caps.max_position_micro
        if leg.side is Side.SELL:
            return one_side and size <= self._sellable[leg.slot.side]
        affordable = notional_micro(leg.price_bp, size) <= self._cash
        return one_side and affordable and self._gross + size <= self._caps.gross_cap_micro

    def add(self, leg: Leg) -> None:
        self._take(leg.slot, leg.side, leg.price_bp, leg.size_micro)

    def _take(self, slot: Slot, side: Side, price_bp: int, size_micro: int) -> None:
        if slot.side is Side.BUY:
            self._long += size_micro
        else:
            self._short += size_micro
        if side is Side.SELL:
            self._sellable[slot.side] -= size_micro
        else:
            self._gross += size_micro
            self._cash -= notional_micro(price_bp, size_micro)
