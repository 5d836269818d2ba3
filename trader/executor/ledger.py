"""Our tokens and cash by our own books. Two-phase: effective when MATCHED, settled when MINED. Owner: the executor."""

from __future__ import annotations

from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from trader.model.event import Fill, TradeStatus
from trader.model.order import Side
from trader.model.units import PriceBp, SizeMicro, notional_micro

PHASE = {TradeStatus.MATCHED: 0, TradeStatus.RETRYING: 0, TradeStatus.MINED: 1, TradeStatus.CONFIRMED: 1, TradeStatus.FAILED: 2}


class Effect(Enum):
    NOTHING = "nothing"      # known already
    PHASE = "phase"          # a known leg settled or failed
    LEG = "leg"              # a leg that was not known


class Booked(NamedTuple):
    """One leg as it stands in the books. `phase` 0: effective, 1: settled, 2: failed and undone."""

    condition_id: str
    token_id: str
    side: Side
    price_bp: PriceBp
    size_micro: SizeMicro
    fee_micro: int
    phase: int


class Ledger:
    """What every trade did, once. Statuses of one trade may come in any order and any number of times.

    Cash leaves when a buy is matched and arrives when a sell is mined, so that neither is ever counted on too early.
    """

    def __init__(self) -> None:
        self._booked: dict[tuple[str, str], Booked] = {}
        self._unsettled: dict[tuple[str, str], Booked] = {}      # those of phase 0: few, and asked about all the time
        self._settled: dict[str, int] = {}
        self._effective: dict[str, int] = {}
        self._traded: dict[str, int] = {}        # bought minus sold; unlike `_effective` it knows nothing of what was there before
        self._flow: dict[str, int] = {}          # dollars that these trades brought minus what they cost, fees included
        self.cash_micro = 0
        self.fills = 0
        self.failed = 0
        self.volume_micro = 0            # notional of all fills that did not fail
        self.fees_micro = 0

    def settled(self, token_id: str) -> int:
        return self._settled.get(token_id, 0)

    def effective(self, token_id: str) -> int:
        return self._effective.get(token_id, 0)

    def traded(self, token_id: str) -> int:
        return self._traded.get(token_id, 0)

    def traded_by(self, order_id: str) -> int:
        """Of one order, failed trades included: that part of it is gone."""
        return sum(leg.size_micro for (_, booked_for), leg in self._booked.items() if booked_for == order_id)

    def flow(self, token_id: str) -> int:
        """A trade's dollars count when it is matched, whatever is settled."""
        return self._flow.get(token_id, 0)

    def debits(self, token_id: str) -> int:
        """Sold but not settled: still in `settled`, no longer ours to sell."""
        if not self._unsettled:                  # nearly always, and this is asked several times a cycle
            return 0
        return sum(leg.size_micro for leg in self._unsettled.values() if leg.token_id == token_id and leg.side is Side.SELL)

    def unsettled(self) -> tuple[Booked, ...]:
        """Matched but neither mined nor failed: balances read now would contradict our books."""
        return tuple(self._unsettled.values())

    def side_of(self, fill: Fill) -> Side | None:
        """The side under which this leg is booked; None if it is not."""
        known = self._booked.get((fill.trade_id, fill.order_id))
        return known.side if known else None

    def correct(self, cash_micro: int, tokens_micro: tuple[tuple[str, int], ...]) -> None:
        """The venue's own balances replace ours. Only while nothing is open and nothing unsettled."""
        self.cash_micro = cash_micro
        for token_id, held_micro in tokens_micro:
            self._settled[token_id] = self._effective[token_id] = held_micro

    def apply(self, fill: Fill, side: Side) -> Effect:
        """Books one report of one leg. Later phases of a known one change only what they must."""
        key = (fill.trade_id, fill.order_id)
        phase, known = PHASE[fill.status], self._booked.get(key)
        if known is None:
            known = Booked(fill.condition_id, fill.token_id, side, fill.price_bp, fill.size_micro, fill.fee_micro, phase)
            self._remember(key, known)
            self._enter(known)
            return Effect.LEG
        if phase <= known.phase:
            return Effect.NOTHING
        self._remember(key, known._replace(phase=phase))
        self._advance(known, phase)
        return Effect.PHASE

    def count_from_here(self) -> None:
        """The totals are of this run."""
        self.fills = self.failed = self.volume_micro = self.fees_micro = 0

    def forget(self, keep_tokens: tuple[str, ...], keep_orders: Container[str]) -> None:
        """Drops settled trades of other tokens, except those of orders that may still be talked about: a status that comes
        again after its trade was dropped would be booked again. Bounds memory; called at a market switch."""
        self._booked = {key: leg for key, leg in self._booked.items()
                        if leg.phase == 0 or leg.token_id in keep_tokens or key[1] in keep_orders}

    def drop(self, tokens: tuple[str, ...]) -> None:
        """Of a window that is over for good: what was held and what it cost."""
        for totals in (self._settled, self._effective, self._traded, self._flow):
            for token_id in tokens:
                totals.pop(token_id, None)

    def _remember(self, key: tuple[str, str], leg: Booked) -> None:
        self._booked[key] = leg
        if leg.phase == 0:
            self._unsettled[key] = leg
        else:
            self._unsettled.pop(key, None)

    def _enter(self, leg: Booked) -> None:
        if leg.phase == 2:               # failed before we heard of it: nothing ever happened
            self.failed += 1
            return
        self.fills += 1
        self.volume_micro += notional_micro(leg.price_bp, leg.size_micro)
        self.fees_micro += leg.fee_micro
        self._match(leg, 1)
        if leg.phase == 1:
            self._settle(leg, 1)

    def _advance(self, before: Booked, phase: int) -> None:
        if phase == 1:
            self._settle(before, 1)
            return
        self.failed += 1
        self.volume_micro -= notional_micro(before.price_bp, before.size_micro)
        self.fees_micro -= before.fee_micro
        if before.phase == 1:
            self._settle(before, -1)
        self._match(before, -1)

    def _match(self, leg: Booked, sign: int) -> None:
        """What MATCHED does, or undoes: effective inventory, and the cash of a buy."""
        buys = leg.side is Side.BUY
        tokens_micro = sign * (leg.size_micro if buys else -leg.size_micro)
        dollars_micro = -notional_micro(leg.price_bp, leg.size_micro) if buys else _proceeds_micro(leg)
        self._effective[leg.token_id] = self.effective(leg.token_id) + tokens_micro
        self._traded[leg.token_id] = self.traded(leg.token_id) + tokens_micro
        self._flow[leg.token_id] = self.flow(leg.token_id) + sign * (dollars_micro - leg.fee_micro)
        self.cash_micro += sign * ((dollars_micro if buys else 0) - leg.fee_micro)

    def _settle(self, leg: Booked, sign: int) -> None:
        """What MINED does, or undoes: settled inventory, and the cash of a sell."""
        buys = leg.side is Side.BUY
        self._settled[leg.token_id] = self.settled(leg.token_id) + sign * (leg.size_micro if buys else -leg.size_micro)
        if not buys:
            self.cash_micro += sign * _proceeds_micro(leg)


def _proceeds_micro(sale: Booked) -> int:
    """Rounded down to a whole micro-dollar: what is counted on is never too much."""
    return sale.price_bp * sale.size_micro // 10_000
