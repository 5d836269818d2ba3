"""What a new trade gets from outside the engine: an id that nobody else has, and a fate that a fault may have ordered."""

from __future__ import annotations

import uuid

from trader.exchange.fault_kinds import Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.fills import Fill
from trader.exchange.orders import Fate, NewOrder
from trader.exchange.trades import Stamp, Stamper

_FATES = {Kind.RETRYING: Fate.RETRIES, Kind.FAILED: Fate.FAILS}


class Stamping:
    """Asked under the venue's lock."""

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults

    def into(self, stamps: list[Stamp]) -> Stamper:
        """One that keeps what it gave in `stamps`, for the record: a replay must give the same again."""
        def stamp(taker: NewOrder, fills: list[Fill]) -> Stamp:
            stamps.append(Stamp(str(uuid.uuid4()), self._fate(taker, fills)))
            return stamps[-1]
        return stamp

    def _fate(self, taker: NewOrder, fills: list[Fill]) -> Fate:
        """Only trades in which a real client takes part may go wrong on order: bots would use a fault up unseen."""
        if not taker.owner and not any(fill.maker.new.owner for fill in fills):
            return Fate.SETTLES
        fault = self._faults.strike("trades")
        return _FATES[fault.kind] if fault else Fate.SETTLES
