"""What the newest journal of a wallet remembers for a start. Read once, on the thread that starts a trader, before any role runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trader.journal.codec import decode_by_name
from trader.journal.folder import journal_files
from trader.journal.report import pnl_of
from trader.journal.schema import open_to_read, refusals
from trader.model.cycle import Latch
from trader.model.event import Fill, TradeStatus
from trader.model.market import Market
from trader.model.order import OrderSpec, OrderState, Side
from trader.model.recall import NOTHING_RECALLED, Recalled, RecalledOrder, RecalledWindow
from trader.model.units import MoneyMicro, PriceBp, SizeMicro

_DAY_MS = 86_400_000
_UNRESOLVED_DAYS = 2             # markets stops asking for an outcome then, too

_RECALLED = "coalesce(resolved_ms, close_ms) >= :day_ms OR (winning_token IS NULL AND close_ms >= :unresolved_ms)"
_WINDOWS = f"SELECT * FROM windows WHERE {_RECALLED} ORDER BY open_ms"
_ORDERS = f"""SELECT orders.*, spec FROM orders JOIN open_specs USING (order_id)
    WHERE condition_id IN (SELECT condition_id FROM windows WHERE {_RECALLED}) ORDER BY placed_ms, orders.rowid"""
_FILLS = "SELECT * FROM fills WHERE condition_id = ? AND side IS NOT NULL ORDER BY heard_ms, heard_ns, trade_id, order_id"


def recall(folder: Path, now_ms: int) -> Recalled:
    """NOTHING_RECALLED when there is no journal yet. Raises JournalError when there is one that cannot be read: starting
    without its latches must be somebody's decision."""
    files = journal_files(folder)
    if not files:
        return NOTHING_RECALLED
    with refusals(files[-1]), closing(open_to_read(files[-1])) as db:
        day_ms = now_ms // _DAY_MS * _DAY_MS
        times = {"day_ms": day_ms, "unresolved_ms": day_ms - _UNRESOLVED_DAYS * _DAY_MS}
        windows = db.execute(_WINDOWS, times).fetchall()
        fills = [fill for window in windows for fill in db.execute(_FILLS, (window["condition_id"],))]
        (written_ms,) = db.execute("SELECT coalesce(max(wall_ms), 0) FROM cycles").fetchone()
        return Recalled(
            legs=tuple(map(_leg, fills)),
            orders=tuple(map(_order, db.execute(_ORDERS, times))),
            windows=tuple(map(_window, windows)),
            latches=tuple(Latch(*row) for row in db.execute(
                "SELECT name, reason, since_ms FROM latches WHERE cleared_ms IS NULL ORDER BY since_ms, name")),
            day_pnl_micro=sum(pnl_of(window, [fill for fill in fills if fill["condition_id"] == window["condition_id"]
                                              and fill["traded_ms"] >= day_ms]).total_micro for window in windows),
            written_ms=written_ms,
            forgiven_micro=sum(micro for (micro,) in db.execute("SELECT forgiven_micro FROM days WHERE day = ?", (now_ms // _DAY_MS,))),
        )


def _leg(row: sqlite3.Row) -> Fill:
    return Fill(row["trade_id"], row["order_id"], row["condition_id"], row["token_id"], Side(row["side"]), PriceBp(row["price_bp"]),
                SizeMicro(row["size_micro"]), MoneyMicro(row["fee_micro"]), TradeStatus(row["status"]), row["venue_ms"])


def _order(row: sqlite3.Row) -> RecalledOrder:
    return RecalledOrder(row["order_id"], decode_by_name(OrderSpec, row["spec"]), OrderState(row["state"]),
                         SizeMicro(row["matched_micro"]), row["placed_ms"])


def _window(row: sqlite3.Row) -> RecalledWindow:
    mid_bp = None if row["mid_bp"] is None else PriceBp(row["mid_bp"])
    return RecalledWindow(decode_by_name(Market, row["market"]), row["heard_ms"], mid_bp, row["winning_token"])
