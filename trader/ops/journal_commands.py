"""`trader fills`, `orders`, `pnl` and `journal verify`: arguments (`arguments.py`) in, text out.

Runs on the command line's thread, in any process; `cli.py` prints the text.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from trader.errors import ConfigError, JournalError
from trader.journal import reader, report
from trader.journal.analysis import MARKOUTS, PARTS, analysed
from trader.journal.folder import journal_files, journal_root
from trader.journal.report import Row, Wanted, utc_text
from trader.journal.settings import JournalSettings
from trader.ops.pnl_plot import check_plot, plot
from trader.ops.replay import verify

Report = Callable[[Sequence[Path], Wanted], list[Row]]

# Of each report: what makes it, and what of it fits a terminal.
_REPORTS: dict[str, tuple[Report, tuple[str, ...]]] = {
    "fills": (report.fills, ("traded", "market", "side", "outcome", "price", "size", "fee", "status")),
    "orders": (report.orders, ("placed", "market", "side", "price", "size", "matched", "state", "why")),
    "pnl": (report.pnl, ("opened", "market", "fills", "bought", "sold", "fees", "yes_left", "no_left", "marked_at", "pnl")),
}
_ADDED_UP = ("fills", "bought", "sold", "fees", "pnl", *PARTS, *MARKOUTS, "unmarked")
_SIGNED = ("pnl", *PARTS, *MARKOUTS)
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PLAY_MONEY = "embedded"


def run(arguments: argparse.Namespace, now_ms: int, width: int) -> str:
    """The text to print, `width` characters wide at most if it is a table. Raises JournalError and ConfigError."""
    files = files_at(Path(arguments.source) if arguments.source else journal_root(JournalSettings()))
    if arguments.command == "journal":
        return _verified(files, arguments.run_id, as_json=arguments.json)
    make, columns = _REPORTS[arguments.command]
    wanted = Wanted(_since_ms(arguments.since, now_ms), arguments.market, arguments.limit or None)
    if arguments.command == "pnl" and (arguments.by or arguments.plot):
        rows, columns = _split(arguments, files, wanted)
    else:
        rows = make(files, wanted)
    if arguments.json:
        return json.dumps(rows, indent=2)
    return _as_csv(rows) if arguments.csv else _as_table(rows, columns, f"{files[-1].parent}", width)


def _split(arguments: argparse.Namespace, files: Sequence[Path], wanted: Wanted) -> tuple[list[Row], tuple[str, ...]]:
    """`pnl --by`, and its chart if one is wanted."""
    parts = tuple(arguments.by.split(",")) if arguments.by else PARTS
    if unknown := [part for part in parts if part not in PARTS]:
        raise ConfigError(f"--by was {arguments.by!r}, but {unknown[0]!r} is no part of P&L; must be any of {','.join(PARTS)}.",
                          remedy="Write it as in --by spread,adverse,inventory.")
    if arguments.plot:
        check_plot(arguments.plot)
    rows = analysed(files, wanted, arguments.horizon_s)
    if arguments.plot:
        plot(rows, arguments.plot)
    return rows, ("opened", "fills", *parts, "fees", "pnl", *MARKOUTS, "unmarked")


def files_at(path: Path) -> list[Path]:
    """The journals meant by a file, the folder of a wallet, or the folder of all wallets (then: of the one that wrote last).

    Runs with play money have nothing to do with each other: of them only the newest is meant.
    """
    if path.is_file():
        return [path]
    if files := journal_files(path):
        return _of_newest_run(files) if path.name.startswith(_PLAY_MONEY) else files
    wallets = [found for folder in path.glob("*/") if (found := journal_files(folder))]
    if not wallets:
        raise JournalError(f"there is no journal in {path}.",
                           remedy="Name a file or a folder; journal.dir of the configuration says where they are.")
    return files_at(max(wallets, key=_written_ns)[-1].parent)


def _of_newest_run(files: list[Path]) -> list[Path]:
    """A long one goes through several files, and each of these runs begins a file. Older ones need not even be readable."""
    newest = _last_run(files[-1])
    return list(takewhile(lambda file: _last_run(file) == newest, reversed(files)))[::-1]


def _last_run(file: Path) -> list[str]:
    """Its id; empty when the file has none."""
    return [run.run_id for run in reader.runs([file])][-1:]


def _written_ns(files: list[Path]) -> int:
    newest = files[-1]
    log = newest.with_name(newest.name + "-wal")         # the file itself only changes now and then
    return max(file.stat().st_mtime_ns for file in (newest, log) if file.exists())


def _verified(files: list[Path], run_id: str, *, as_json: bool) -> str:
    found = [one for one in reader.runs(files) if not run_id or one.run_id == run_id]
    if not found:
        raise JournalError(f"{files[-1]} has no run {run_id}.".replace(" .", "."), remedy="`runs` of the file names those that it has.")
    chosen = found[-1]
    verdict = verify(chosen, reader.cycles(files, chosen))
    if verdict.difference:
        raise JournalError(f"run {chosen.run_id} of trader {chosen.version} does not replay: {verdict.difference}.",
                           remedy="If this is the same version, report it with the journal: the core must follow from its letters alone.")
    if as_json:
        return json.dumps({"run": chosen.run_id, "mode": chosen.mode, "started": utc_text(chosen.started_ms),
                           "end_reason": chosen.end_reason, **verdict._asdict()}, indent=2)
    how = f"ended by {chosen.end_reason}" if chosen.end_reason is not None else "its end is not recorded: it runs, or was killed"
    return (f"run {chosen.run_id} ({chosen.mode}, {utc_text(chosen.started_ms)}, {how}): {verdict.cycles} cycles with "
            f"{verdict.letters} letters replayed, all {verdict.actions} actions and every guard as recorded")


def _since_ms(text: str, now_ms: int) -> int:
    if not text:
        return 0
    if (ago := re.fullmatch(r"(\d{1,6})([smhd])", text)) is not None:
        return max(0, now_ms - int(ago[1]) * _UNITS_MS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since was {text!r}, must be a span (90s, 30m, 2h, 3d) or a time.",
                          remedy="Write it as in --since 2h or --since 2026-11-21T10:00.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _as_table(rows: list[Row], columns: Sequence[str], source: str, width: int) -> str:
    adds_up = "pnl" in columns and len(rows) > 0
    total: dict[str, Any] = {name: sum(row[name] or 0 for row in rows) for name in _ADDED_UP if name in columns} if adds_up else {}
    total[columns[0]] = "total"
    table = Table(box=box.SIMPLE if adds_up else box.SIMPLE_HEAD, show_footer=adds_up, pad_edge=False,
                  caption=f"{len(rows)} from {source}", caption_justify="left")
    for name in columns:
        numeric = any(isinstance(row[name], (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", footer=_cell(total.get(name), name) if adds_up else "",
                         overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[name], name) for name in columns))
    text = io.StringIO()
    Console(file=text, width=width, color_system=None, markup=False, highlight=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines() if line.strip())


def _cell(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:+.2f}" if name in _SIGNED else f"{value:,.4f}".rstrip("0").rstrip(".")
    return str(value)
