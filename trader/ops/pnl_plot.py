"""`trader pnl --plot FILE`: the split as a picture, one column a window. Runs on the command line's thread; rows from `journal.analysis`.

matplotlib is an extra and is loaded here only when somebody wants a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

from trader.errors import ConfigError
from trader.journal.analysis import HORIZONS_S, MARKOUTS, PARTS
from trader.journal.report import Row

_FORMATS = (".png", ".svg", ".pdf")
_COLOURS = {"spread": "#2a7f4f", "adverse": "#c0392b", "inventory": "#7f8c9b", "fees": "#d9a441"}
_MOST_LABELS = 12


def check_plot(file: Path) -> None:
    """Before any work is done for it."""
    if file.suffix.lower() not in _FORMATS:
        raise ConfigError(f"--plot was {str(file)!r}, must end in {', '.join(_FORMATS)}.", remedy="Write it as in --plot pnl.png.")
    if find_spec("matplotlib") is None:
        raise ConfigError("--plot needs matplotlib, which is not installed.",
                          remedy="Install it with pip install 'trader[plots]' (in a checkout: .venv/bin/pip install -e '.[plots]').")


def plot(rows: Sequence[Row], file: Path) -> None:
    """Windows whose profit is not known yet are left out."""
    from matplotlib.figure import Figure  # noqa: PLC0415    # an extra, and half a second to load
    known = [row for row in rows if row["pnl"] is not None]
    figure = Figure(figsize=(11, 8), layout="constrained")
    by_window, after_fill = figure.subplots(2, 1, height_ratios=(2, 1))
    _draw_windows(by_window, known)
    _draw_markouts(after_fill, known)
    try:
        figure.savefig(file, dpi=120)
    except OSError as why:
        raise ConfigError(f"--plot {file}: cannot be written: {why.strerror}.", remedy="Name a file in a folder of your own.") from why


def _draw_windows(axes: Any, rows: Sequence[Row]) -> None:
    """Parts stacked up from zero and down from zero; the line is all of it, added up."""
    above, below = [0.0] * len(rows), [0.0] * len(rows)
    for part in (*PARTS, "fees"):
        values = [-row[part] if part == "fees" else row[part] for row in rows]
        bottoms = [above[i] if value > 0 else below[i] for i, value in enumerate(values)]
        axes.bar(range(len(rows)), values, bottom=bottoms, color=_COLOURS[part], label=part, width=0.8)
        above = [base + max(value, 0) for base, value in zip(above, values, strict=True)]
        below = [base + min(value, 0) for base, value in zip(below, values, strict=True)]
    axes.plot(range(len(rows)), list(accumulate(row["pnl"] for row in rows)), "o-", color="black", markersize=3, label="P&L so far")
    axes.axhline(0, color="black", linewidth=0.6)
    step = -(-len(rows) // _MOST_LABELS) or 1
    axes.set_xticks(range(0, len(rows), step), [_label(row) for row in rows[::step]], rotation=30, ha="right")
    axes.use_sticky_edges = False
    axes.margins(y=0.08)
    axes.set(ylabel="dollars", title=f"P&L of {len(rows)} windows by what made it: {sum(row['pnl'] for row in rows):+.2f} $")
    axes.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)


def _draw_markouts(axes: Any, rows: Sequence[Row]) -> None:
    """What all fills together were worth against the mid: at the fill, and after each horizon."""
    spread = sum(row["spread"] for row in rows)
    values = [spread, *(spread + sum(row[name] for row in rows) for name in MARKOUTS)]
    axes.bar(range(len(values)), values, color=[_COLOURS["spread" if value > 0 else "adverse"] for value in values], width=0.5)
    for place, value in enumerate(values):
        axes.annotate(f"{value:+.2f} $", (place, value), ha="center", va="bottom" if value > 0 else "top")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.margins(y=0.2)
    axes.set_xticks(range(len(values)), ["at the fill", *(f"{after_s} s after" for after_s in HORIZONS_S)])
    axes.set(ylabel="dollars", title="All fills against the mid")


def _label(row: Row) -> str:
    """2026-11-21T07:27:06.036Z as day and time."""
    return str(row["opened"])[5:19].replace("T", " ")
