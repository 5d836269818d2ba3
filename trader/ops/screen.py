"""The one calm table that `trader run` shows in a terminal. Pure: plain values of `Trader.stats()` in, a rich renderable out.

Drawn on the main thread a few times a second; with a pipe or a file instead of a terminal there are log lines only.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Stats = dict[str, Any]
_SAFE, _CAREFUL, _STOPPED = "green", "yellow", "red"
_MODE_STYLE = {"NORMAL": _SAFE, "STOP": _STOPPED}
LEVELS_SHOWN = 6


def screen(now: Stats, before: Stats | None) -> RenderableType:
    """`before` is an earlier look, for the frames a second; None at the first."""
    return Group(_head(now), _books(now), _quotes(now), _foot(now, before))


def _head(now: Stats) -> Table:
    table = _grid(6)
    window, mode = now.get("window") or {}, now.get("trading_mode", "starting")
    guards = ", ".join(now.get("guards", ())) or "none"
    table.add_row("window", window.get("slug", "none is open"), "left", _clock(window.get("time_left_s")),
                  "fair", _cents(now.get("fair")))
    table.add_row("mode", Text(mode, style=_MODE_STYLE.get(mode, _CAREFUL)), "guards", guards,
                  "reference", _dollars(now.get("reference")))
    return table


def _books(now: Stats) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in ("book", "bid size", "bid", "ask", "ask size"):
        table.add_column(title, justify="left" if title == "book" else "right", min_width=9)
    for side, top in (now.get("books") or {}).items():
        table.add_row(side.upper(), _shares(top["bid_size"]), _cents(top["bid"]), _cents(top["ask"]), _shares(top["ask_size"]))
    return table


def _quotes(now: Stats) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in ("our order", "price", "left", "state"):
        table.add_column(title, justify="right" if title in ("price", "left") else "left", min_width=9)
    orders = now.get("quotes", [])
    for order in orders[:LEVELS_SHOWN]:
        table.add_row(f"{order['token_side'].lower()} {order['kind'].lower()}", _cents(order["price"]), _shares(order["remaining"]),
                      order["state"].lower())
    if len(orders) > LEVELS_SHOWN:
        table.add_row(f"and {len(orders) - LEVELS_SHOWN} more")
    if not orders:
        table.add_row(Text("none", style="dim"))
    return table


def _foot(now: Stats, before: Stats | None) -> Table:
    table = _grid(6)
    held, pnl = now.get("inventory", {}), now.get("pnl_marked_usd")
    gain = Text("-") if pnl is None else Text(f"{pnl:+,.2f} $", style=_SAFE if pnl >= 0 else _STOPPED)
    table.add_row("inventory", f"{held.get('yes', 0):g} YES  {held.get('no', 0):g} NO", "result", gain,
                  "fills", f"{now.get('fills', 0):,}")
    table.add_row("orders", f"{now.get('orders_placed', 0):,} placed  {now.get('orders_rejected', 0):,} rejected",
                  "cash", _dollars(now.get("cash_usd")), "frames/s", _rates(now, before))
    return table


def _rates(now: Stats, before: Stats | None) -> str:
    """Of the three feeds, in the order book, user, reference."""
    if before is None:
        return "-"
    seconds = max(now["seconds"] - before["seconds"], 1e-3)
    feeds, earlier = now.get("feeds", {}), before.get("feeds", {})
    rates = ((feed["frames"] - earlier.get(name, feed)["frames"]) / seconds for name, feed in feeds.items())
    return "  ".join(f"{rate:.0f}" for rate in rates) or "-"


def _grid(columns: int) -> Table:
    """Pairs of a dim label and a value."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    for column in range(columns):
        table.add_column(style="dim" if column % 2 == 0 else "", no_wrap=True, overflow="ellipsis")
    return table


def _cents(price: float | None) -> str:
    return "-" if price is None else f"{100 * price:.4g} ¢"


def _shares(size: float | None) -> str:
    return "-" if size is None else f"{size:,.6g}"


def _dollars(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:,.2f} $"


def _clock(seconds: float | None) -> str:
    return "-" if seconds is None else f"{int(max(0, seconds)) // 60}:{int(max(0, seconds)) % 60:02d}"
