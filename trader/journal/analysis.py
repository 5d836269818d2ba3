"""What a window's profit is made of: what each fill earned against the mid, what the mid did next, what holding came to.

Pure but for `analysed`, which reads journals as `report` does; any thread, any process. Derivation: docs/analysis.md.
All money is whole micro-dollars, and the parts add up to the profit exactly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from trader.journal.analysis_mids import OLDEST_MID_MS, Mids, Span, mids_in
from trader.journal.report import Row, Wanted, counted, pnl_of, pnl_row, traded_windows
from trader.model.order import Side
from trader.model.units import BP_PER_DOLLAR, MICRO

PARTS = ("spread", "adverse", "inventory")
HORIZONS_S = (1, 5, 30)
MARKOUTS = tuple(f"markout_{after_s}s" for after_s in HORIZONS_S)

Number = TypeVar("Number", int, float)


class Parts(NamedTuple):
    """Of one window. `inventory` is the rest: profit + fees − spread − adverse."""

    spread_micro: int
    adverse_micro: int
    inventory_micro: int
    markouts_micro: tuple[int, ...]      # what the mid's move since the fills brought, after each of HORIZONS_S
    unmarked: int                        # fills without a mid: all that they came to is inventory


class _Marked(NamedTuple):
    """One fill in YES terms: buying NO at 40 ¢ is selling YES at 60 ¢."""

    signed_micro: int
    price_bp: int
    mid_bp: int                      # at the fill
    later_bp: tuple[int, ...]        # after each of HORIZONS_S


def fill_parts(signed: Number, price: Number, at_fill: Number, later: Number, end: Number) -> tuple[Number, Number, Number]:
    """(spread, adverse, inventory) of one fill that bought `signed` (below zero: sold) at `price`. The one definition: what the
    marks are, mids here and true probabilities in a simulation, is the caller's business. They add up to signed × (end − price)."""
    return signed * (at_fill - price), signed * (later - at_fill), signed * (end - later)


def parts_of(window: sqlite3.Row, legs: Iterable[sqlite3.Row], mids: Mids, horizon_s: int) -> Parts | None:
    """None while nobody knows what is left is worth. `horizon_s`, one of HORIZONS_S: how long a move after a fill is adverse selection."""
    mine = counted(window, legs)
    result = pnl_of(window, mine)
    if result.value_micro is None:
        return None
    marked = [one for leg in mine if (one := _marked(window, leg, mids)) is not None]
    spread, moves = 0, [0] * len(HORIZONS_S)
    for one in marked:
        for number, later_bp in enumerate(one.later_bp):
            earned, moved, _ = fill_parts(one.signed_micro, one.price_bp, one.mid_bp, later_bp, 0)
            moves[number] += moved
        spread += earned
    spread_micro, *markouts_micro = (total // BP_PER_DOLLAR for total in (spread, *moves))
    adverse_micro = markouts_micro[HORIZONS_S.index(horizon_s)]
    rest_micro = result.total_micro + result.fees_micro - spread_micro - adverse_micro
    return Parts(spread_micro, adverse_micro, rest_micro, tuple(markouts_micro), len(mine) - len(marked))


def _marked(window: sqlite3.Row, leg: sqlite3.Row, mids: Mids) -> _Marked | None:
    mid_bp, at_ms = mids.before(leg["traded_ms"]), leg["traded_ms"]
    if mid_bp is None:
        return None
    is_yes, bought = leg["token_id"] == window["yes_token"], leg["side"] == Side.BUY
    signed_micro = leg["size_micro"] if is_yes == bought else -leg["size_micro"]
    price_bp = leg["price_bp"] if is_yes else BP_PER_DOLLAR - leg["price_bp"]
    return _Marked(signed_micro, price_bp, mid_bp, tuple(_later(window, mids, at_ms + 1000 * after_s, mid_bp) for after_s in HORIZONS_S))


def _later(window: sqlite3.Row, mids: Mids, at_ms: int, mid_bp: int) -> int:
    """After the close the outcome is the price."""
    if at_ms >= window["close_ms"] and window["winning_token"] is not None:
        return BP_PER_DOLLAR if window["winning_token"] == window["yes_token"] else 0
    later_bp = mids.at(at_ms)
    return mid_bp if later_bp is None else later_bp


def analysed(files: Sequence[Path], wanted: Wanted, horizon_s: int) -> list[Row]:
    """The rows of `report.pnl` with their parts, in dollars."""
    traded = traded_windows(files, wanted)
    mids = mids_in(files, [_span(window, legs) for window, legs in traded])
    return [_row(window, legs, parts_of(window, legs, mids[window["condition_id"]], horizon_s)) for window, legs in traded]


def _span(window: sqlite3.Row, legs: Sequence[sqlite3.Row]) -> Span:
    times_ms = [leg["traded_ms"] for leg in legs]
    return Span(window["condition_id"], min(times_ms) - OLDEST_MID_MS, max(times_ms) + 1000 * max(HORIZONS_S))


def _row(window: sqlite3.Row, legs: Sequence[sqlite3.Row], parts: Parts | None) -> Row:
    names = (*PARTS, *MARKOUTS)
    if parts is None:
        return pnl_row(window, legs) | dict.fromkeys(names) | {"unmarked": len(counted(window, legs))}
    values = (parts.spread_micro, parts.adverse_micro, parts.inventory_micro, *parts.markouts_micro)
    return pnl_row(window, legs) | {name: value / MICRO for name, value in zip(names, values, strict=True)} | {"unmarked": parts.unmarked}
