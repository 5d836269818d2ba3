"""Orders, fills and P&L as rows for people and programs, from one journal or all of a wallet. Read-only; any thread, any process.

Over several files the newest word on an order, a fill or a window counts: a file begins with what was still open in the one before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from trader.journal.schema import open_to_read, refusals
from trader.model.event import TradeStatus
from trader.model.order import Side
from trader.model.units import MICRO, notional_micro

Row = dict[str, Any]             # plain JSON values; the keys are docs/journal.md


class Wanted(NamedTuple):
    """Which rows. `market`: a part of the slug, or a condition id."""

    since_ms: int = 0
    market: str = ""
    limit: int | None = None     # the newest of them


class Pnl(NamedTuple):
    """What the legs of one window came to, in micro-dollars."""

    bought_micro: int
    sold_micro: int
    fees_micro: int
    yes_micro: int               # left in the end; below zero: sold more than these legs bought
    no_micro: int
    value_micro: int | None      # of what was left: at the outcome, or else at the last mid; None: neither is known

    @property
    def total_micro(self) -> int:
        """Without a known value what is left counts for nothing."""
        return self.sold_micro - self.bought_micro - self.fees_micro + (self.value_micro or 0)


_CHOSEN = """(:market = '' OR instr(slug, :market) OR condition_id = :market)"""
_ORDERS = f"""SELECT orders.*, slug FROM orders LEFT JOIN windows USING (condition_id)
    WHERE placed_ms >= :since_ms AND {_CHOSEN} ORDER BY placed_ms DESC, orders.rowid DESC LIMIT :limit"""
_FILLS = f"""SELECT fills.*, slug, yes_token, no_token FROM fills LEFT JOIN windows USING (condition_id)
    WHERE traded_ms >= :since_ms AND {_CHOSEN} ORDER BY traded_ms DESC, fills.rowid DESC LIMIT :limit"""
_WINDOWS = f"SELECT * FROM windows WHERE {_CHOSEN}"


def orders(files: Sequence[Path], wanted: Wanted) -> list[Row]:
    """Oldest first."""
    rows = _newest(files, _ORDERS, wanted, ("order_id",))
    return [_order(row) for row in _last(sorted(rows, key=itemgetter("placed_ms")), wanted.limit)]


def fills(files: Sequence[Path], wanted: Wanted) -> list[Row]:
    """Oldest first."""
    rows = _newest(files, _FILLS, wanted, ("trade_id", "order_id"))
    return [_fill(row) for row in _last(sorted(rows, key=itemgetter("traded_ms")), wanted.limit)]


def pnl(files: Sequence[Path], wanted: Wanted) -> list[Row]:
    """A row a window in which something was traded, oldest first."""
    return [pnl_row(window, legs) for window, legs in traded_windows(files, wanted)]


def traded_windows(files: Sequence[Path], wanted: Wanted) -> list[tuple[sqlite3.Row, list[sqlite3.Row]]]:
    """Each window with what was traded in it, oldest first."""
    windows = _newest(files, _WINDOWS, wanted, ("condition_id",))
    legs: dict[str, list[sqlite3.Row]] = {}
    for leg in _newest(files, _FILLS, wanted._replace(limit=None), ("trade_id", "order_id")):
        legs.setdefault(leg["condition_id"], []).append(leg)
    traded = sorted((row for row in windows if row["condition_id"] in legs), key=itemgetter("open_ms"))
    return [(row, legs[row["condition_id"]]) for row in _last(traded, wanted.limit)]


def counted(window: sqlite3.Row, legs: Iterable[sqlite3.Row]) -> list[sqlite3.Row]:
    """Legs that failed, and those whose side is not known, count for nothing."""
    tokens = window["yes_token"], window["no_token"]
    return [leg for leg in legs if leg["status"] != TradeStatus.FAILED and leg["side"] is not None and leg["token_id"] in tokens]


def pnl_of(window: sqlite3.Row, legs: Iterable[sqlite3.Row]) -> Pnl:
    bought = sold = fees = 0
    held = {window["yes_token"]: 0, window["no_token"]: 0}
    for leg in counted(window, legs):
        fees += leg["fee_micro"]
        if leg["side"] == Side.BUY:
            bought += notional_micro(leg["price_bp"], leg["size_micro"])
            held[leg["token_id"]] += leg["size_micro"]
        else:
            sold += leg["price_bp"] * leg["size_micro"] // 10_000
            held[leg["token_id"]] -= leg["size_micro"]
    yes, no = held[window["yes_token"]], held[window["no_token"]]
    return Pnl(bought, sold, fees, yes, no, _value(window, yes, no))


def _value(window: sqlite3.Row, yes_micro: int, no_micro: int) -> int | None:
    if window["winning_token"] is not None:
        return yes_micro if window["winning_token"] == window["yes_token"] else no_micro
    if yes_micro == no_micro == 0:
        return 0
    return None if window["mid_bp"] is None else (yes_micro * window["mid_bp"] + no_micro * (10_000 - window["mid_bp"])) // 10_000


def _newest(files: Sequence[Path], sql: str, wanted: Wanted, key: tuple[str, ...]) -> list[sqlite3.Row]:
    """The newest word on each row, in no particular order. Every file is asked: one may begin with a row that is old."""
    values = {"since_ms": wanted.since_ms, "market": wanted.market, "limit": -1 if wanted.limit is None else wanted.limit}
    found: dict[tuple[Any, ...], sqlite3.Row] = {}
    for file in files:                           # oldest first
        with refusals(file), closing(open_to_read(file)) as db:
            for row in reversed(db.execute(sql, values).fetchall()):
                found[tuple(row[name] for name in key)] = row
    return list(found.values())


def _last(rows: list[sqlite3.Row], limit: int | None) -> list[sqlite3.Row]:
    return rows if limit is None else rows[max(0, len(rows) - limit):]


def _order(row: sqlite3.Row) -> Row:
    return {
        "placed": utc_text(row["placed_ms"]), "market": row["slug"], "side": row["side"], "price": row["price_bp"] / 10_000,
        "size": row["size_micro"] / MICRO, "matched": row["matched_micro"] / MICRO, "state": row["state"], "why": row["why"],
        "changed": utc_text(row["changed_ms"]), "order_id": row["order_id"], "condition_id": row["condition_id"],
        "token_id": row["token_id"], "run_id": row["run_id"],
    }


def _fill(row: sqlite3.Row) -> Row:
    outcome = {row["yes_token"]: "YES", row["no_token"]: "NO"}.get(row["token_id"])
    return {
        "traded": utc_text(row["traded_ms"]), "market": row["slug"], "side": row["side"], "outcome": outcome,
        "price": row["price_bp"] / 10_000, "size": row["size_micro"] / MICRO, "fee": row["fee_micro"] / MICRO, "status": row["status"],
        "trade_id": row["trade_id"], "order_id": row["order_id"], "condition_id": row["condition_id"], "token_id": row["token_id"],
        "run_id": row["run_id"],
    }


def pnl_row(window: sqlite3.Row, legs: Sequence[sqlite3.Row]) -> Row:
    result = pnl_of(window, legs)
    ended = {window["yes_token"]: "YES", window["no_token"]: "NO"}.get(window["winning_token"])
    marked_at = ended or (None if window["mid_bp"] is None else window["mid_bp"] / 10_000)
    return {
        "opened": utc_text(window["open_ms"]), "market": window["slug"], "fills": len(legs), "bought": result.bought_micro / MICRO,
        "sold": result.sold_micro / MICRO, "fees": result.fees_micro / MICRO, "yes_left": result.yes_micro / MICRO,
        "no_left": result.no_micro / MICRO, "marked_at": marked_at,
        "value": None if result.value_micro is None else result.value_micro / MICRO,
        "pnl": None if result.value_micro is None else result.total_micro / MICRO, "condition_id": window["condition_id"],
    }


def utc_text(wall_ms: int) -> str:
    """ISO 8601 with milliseconds. A time that no calendar has stays a number."""
    try:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(wall_ms)
