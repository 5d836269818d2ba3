"""The grammar of `trader fills`, `orders`, `pnl` and `journal verify`. Pure; `ops/journal_commands.py` runs what was chosen."""

from __future__ import annotations

import argparse
from collections.abc import Callable

DEFAULT_LIMIT = 50

Command = Callable[[str, str], argparse.ArgumentParser]      # name and help → a new command's parser


def add_journal_commands(command: Command) -> None:
    """Each sets `journal` to what is asked for."""
    for name, what in (("fills", "show what was traded"), ("orders", "show what was placed, and what became of it"),
                       ("pnl", "show what each window came to")):
        _report(command(name, f"{what}, from the journal; also while the trader runs"), name)
    actions = command("journal", "check a journal").add_subparsers(required=True, metavar="action", dest="action")
    verify = actions.add_parser("verify", help="replay a run: does it lead to the decisions that were recorded?")
    verify.add_argument("--run", default="", metavar="RUN", help="which run (default: the newest)")
    _source(verify)
    verify.set_defaults(journal="verify")


def _report(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--since", default="", metavar="WHEN", help="a span (30m, 2h, 3d) or a time in UTC (2026-11-21T10:00)")
    parser.add_argument("--market", default="", metavar="TEXT", help="a part of the market's slug, or its condition id")
    parser.add_argument("--limit", type=_count, default=DEFAULT_LIMIT, metavar="N", help="the newest N; 0: all (default 50)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, with all columns (docs/journal.md)")
    form.add_argument("--csv", action="store_true", help="as CSV, with all columns")
    _source(parser)
    parser.set_defaults(journal=name)


def _source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--journal", dest="source", default="", metavar="PATH",
                        help="a journal, the folder of a wallet, or the folder of all (default: what journal.dir is by default)")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"was {text!r}, must be a number of rows, 0 for all")
    return int(text)
