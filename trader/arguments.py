"""The command line's grammar: which commands there are and what each takes. Pure; `cli.py` runs what was chosen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Never

from trader.errors import ConfigError

_LONGEST_S = 10**7           # four months; what a thread can wait for has a limit too
_ROWS = 50
_MOST_WORKERS = 64           # as fleet.num_workers
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in the same form as everything else."""

    def error(self, message: str) -> Never:
        raise ConfigError(f"{message}.", remedy=f"See `{self.prog} --help`.")


def parser() -> argparse.ArgumentParser:
    """The namespace that it makes has the command's name in `command`."""
    top = _Parser(prog="trader", description="Makes a market in one event of a prediction exchange.")
    commands = top.add_subparsers(required=True, metavar="command", dest="command")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.")

    _run(command("run", "trade until Ctrl-C"))
    _check(command("check", "say whether the configuration is right and the venue is there"))
    command("exchange", "run the embedded exchange alone; see `trader exchange --help`")
    _status(command("status", "show what a running trader does"))
    _fleet(command("fleet", "look after the fleet of a running trader"))
    _threads(command("threads", "show what every thread of a running trader does"))
    _reasoned(_addressed(command("pause", "cancel all orders of a running trader and place none until `trader resume`")))
    _resume(command("resume", "end a pause; quoting starts again after the cool-down"))
    _reasoned(_addressed(command("cancel-all", "cancel all orders of a running trader now; it quotes again after the cool-down")))
    _addressed(command("reload", "read the strategy's parameters again, and apply them if they are right"))
    _reasoned(_addressed(command("flatten", "pause a running trader and sell what it holds, at a bounded price")))
    _frames(command("frames", "show what is in a recording: books, counts, mismatches"))
    _report(command("fills", "show what was traded, from the journal"))
    _report(command("orders", "show what was placed and what became of it, from the journal"))
    _pnl(command("pnl", "show what each window came to and what it was made of, from the journal"))
    _journal(command("journal", "check a journal"))
    _json(command("version", "show the version of trader and of Python"))
    _completion(command("completion", "print what makes a shell complete these commands"))
    return top


def _run(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="stop by itself after this long")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the account of the run as JSON")
    parser.add_argument("--record", type=Path, metavar="DIR", help="write every raw frame of the feeds to files in DIR")
    parser.add_argument("--log-level", type=str.upper, choices=_LEVELS, help="how much is logged; the same as --set ops.log_level=…")
    parser.add_argument("--num-workers", type=_workers, metavar="N", help="processes of the fleet; the same as --set fleet.num_workers=N")
    parser.add_argument("--dry-run", action="store_true", help="start nothing: show what the fleet would watch")
    parser.add_argument("--no-screen", action="store_true", help="log lines only, also in a terminal")


def _check(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.add_argument("--offline", action="store_true", help="the configuration only")
    _json(parser)


def _configured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("conf", metavar="CONF", help="the configuration file, see docs/configuration.md")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE",
                        help="overrides file and environment, as in strategy.base_size=50; may be repeated")


def _status(parser: argparse.ArgumentParser) -> None:
    _addressed(parser)
    parser.add_argument("--watch", action="store_true", help="again every second, in place in a terminal; Ctrl-C ends it")


def _fleet(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action", dest="action")
    text = "show what the fleet of a running trader watches, and how it is"
    _addressed(actions.add_parser("status", help=text, description=f"{text.capitalize()}."))


def _threads(parser: argparse.ArgumentParser) -> None:
    _addressed(parser)
    parser.add_argument("--every", dest="every_s", type=_seconds, metavar="SECONDS", help="again and again; Ctrl-C ends it")


def _resume(parser: argparse.ArgumentParser) -> None:
    _addressed(parser)
    parser.add_argument("--force", action="store_true", help="also end guards that are latched, as after a day's loss")


def _addressed(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--pid", type=int, help="which trader, when several run")
    parser.add_argument("--control-dir", default="", metavar="DIR", help="its ops.control_dir, if its configuration sets one")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs; repeated answers a line each")
    return parser


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose; docs/terminal.md says where to put it")


def _reasoned(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="operator", metavar="TEXT", help="why, for its log and its stats (default operator)")


def _frames(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a recording, or bare frames one a line; plain, .gz or .zst; - is stdin")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/frames.md)")
    parser.add_argument("--conn", default="pm-book", metavar="NAME", help="the connection of bare frames (default pm-book)")
    parser.add_argument("--symbol", default="BTCUSDT", help="the pair of the reference frames (default BTCUSDT)")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", default="", metavar="WHEN", help="a span (30m, 2h, 3d) or a time in UTC (2026-11-21T10:00)")
    parser.add_argument("--market", default="", metavar="TEXT", help="a part of the market's slug, or its condition id")
    parser.add_argument("--limit", type=_count, default=_ROWS, metavar="N", help=f"the newest N; 0: all (default {_ROWS})")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, with all columns (docs/journal.md)")
    form.add_argument("--csv", action="store_true", help="as CSV, with all columns")
    _source(parser)


def _pnl(parser: argparse.ArgumentParser) -> None:
    _report(parser)
    parser.add_argument("--by", default="", metavar="PARTS", help="split it: any of spread,adverse,inventory (docs/analysis.md)")
    parser.add_argument("--horizon", dest="horizon_s", type=int, default=1, choices=(1, 5, 30), metavar="SECONDS",
                        help="how long the move of the mid after a fill is adverse selection: 1, 5 or 30 (default 1)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the split to a .png, .svg or .pdf; needs matplotlib")


def _journal(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action", dest="action")
    text = "replay a run: does it lead to the decisions that were recorded?"
    verify = actions.add_parser("verify", help=text, description=text.capitalize())
    verify.add_argument("source", nargs="?", default="", metavar="PATH", help="a journal, or its folder (default: the one written last)")
    _json(verify)
    verify.add_argument("--run", dest="run_id", default="", metavar="RUN", help="which run (default: the newest)")


def _source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--journal", dest="source", default="", metavar="PATH",
                        help="a journal, or its folder (default: the one written last where journal.dir is by default)")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"was {text!r}, must be a number of rows, 0 for all")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"was {text!r}, must be a number of processes from 1 to {_MOST_WORKERS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"was {text!r}, must be a number of seconds above 0 and at most {_LONGEST_S}")
    return seconds
