"""The command line. The only place that installs signal handlers, configures logging, turns process-wide knobs and exits.

Runs on the main thread. Beside it runs `dump`, which writes a thread dump to the log when SIGUSR1 asks for one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Never, Protocol

import httpx

from trader import __version__
from trader.config import Settings, load_config
from trader.errors import ConfigError, TraderError, VenueUnreachable
from trader.ops.control import ask, control_dir
from trader.ops.preflight import DEADLINE_S, preflight
from trader.ops.settings import OpsSettings
from trader.ops.summary import require_writable, summary_text, write_summary
from trader.ops.threads import DumpOnDemand
from trader.runtime.clock import SystemClock
from trader.runtime.role import RoleThread

log = logging.getLogger(__name__)

_FORCED = 130                # what shells report for a program that Ctrl-C ended
_BROKEN_PIPE = 141           # and for one whose reader went away
_LONGEST_S = 10**7           # four months; what a thread can wait for has a limit too
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class Runnable(Protocol):
    """What the command line needs of a `Trader`."""

    def start(self) -> None: ...
    def wait(self, timeout_s: float | None = None) -> bool: ...
    def request_stop(self, reason: str) -> None: ...
    def stop(self, reason: str = "stop") -> None: ...
    def summary(self) -> dict[str, Any]: ...
    def threads_text(self) -> str: ...


Build = Callable[[Settings, Path | None], Runnable]      # what is to be run, and the folder of its recording


def _build_trader(settings: Settings, record: Path | None) -> Runnable:
    trader: Runnable = import_module("trader.app").Trader(settings, record=record)      # imported late: `trader version` needs no venue
    return trader


def main(argv: list[str], build: Build = _build_trader) -> int:
    """Runs one command and returns its exit code (docs/errors.md). Argparse itself exits on --help."""
    code = _code_of(argv, build)
    try:
        sys.stdout.flush()                       # a reader that went away is found out here, not in the interpreter's exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or _BROKEN_PIPE              # what went wrong with the orders matters more
    return code


def _code_of(argv: list[str], build: Build) -> int:
    try:
        if argv[:1] == ["exchange"]:             # its options are its own
            return int(import_module("trader.exchange.serve").main(argv[1:]))
        options = _parser().parse_args(argv)
        _configure_logging(getattr(options, "log_level", None) or "INFO")
        code: int = options.command(options, build)
        return code
    except TraderError as error:
        log.debug("the error below was raised here", exc_info=error)
        print(f"trader: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("trader: interrupted.", file=sys.stderr)
        return _FORCED
    except BrokenPipeError:
        return _BROKEN_PIPE
    except Exception:
        log.critical("trader failed in a way that it should not; please report the lines below", exc_info=True)
        return 1


# --- commands ---------------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace, build: Build) -> int:
    if options.summary is not None:
        require_writable(options.summary)
    level = [f"ops.log_level={options.log_level}"] if options.log_level else []
    settings = load_config(options.conf, overrides=[*options.overrides, *level])
    _configure_logging(settings.ops.log_level)
    sys.setswitchinterval(settings.runtime.switch_interval_us / 1e6)
    trader = build(settings, options.record)
    with Signals(trader) as signals:
        trader.start()
        _run_until_stopped(trader, signals, options)
    return 0


def _run_until_stopped(trader: Runnable, signals: Signals, options: argparse.Namespace) -> None:
    reason = "unexpected error"
    try:
        ended = trader.wait(options.for_s)
        reason = "the run ended" if ended else signals.stopped_by or f"{options.for_s} s are over"
    finally:
        try:
            trader.stop(reason)
        finally:                                 # the summary matters most when stopping went wrong
            _tell(trader.summary(), options.summary)


def _tell(summary: dict[str, Any], path: Path | None) -> None:
    """Raises nothing: what the stop has to say must not be hidden by a full disk or a reader that went away."""
    try:
        if path is not None:
            write_summary(summary, path)
        print(summary_text(summary), flush=True)
    except OSError as error:
        log.error("the summary could not be written: %s", error)


def _check(options: argparse.Namespace, build: Build) -> int:
    settings = load_config(options.conf, overrides=options.overrides)
    print(f"configuration  ok    {options.conf}: mode {settings.mode}, "
          f"{settings.market.slug or f'series {settings.market.series_id}'}")
    if settings.mode == "embedded":
        print("exchange       ok    started on this machine by `trader run`; nothing else to check")
    elif not options.offline:
        _check_venue(settings)
    return 0


def _check_venue(settings: Settings) -> None:
    with httpx.Client(timeout=DEADLINE_S) as client:
        checks = preflight(settings, client, SystemClock())
    print(*checks, sep="\n", flush=True)
    failed = [check.what for check in checks if not check.ok]
    if failed:
        raise VenueUnreachable(f"the venue is not ready: {', '.join(failed)}.", remedy="The lines with FAIL say what to do.")


def _threads(options: argparse.Namespace, build: Build) -> int:
    print(_asked(options, "threads")["text"])
    return 0


def _status(options: argparse.Namespace, build: Build) -> int:
    print(json.dumps(_asked(options, "status")["stats"], indent=2))
    return 0


def _frames(options: argparse.Namespace, build: Build) -> int:
    report = import_module("trader.ops.frames").read_recording(options.files, conn=options.conn, symbol=options.symbol)
    print(json.dumps(report, indent=2) if options.json else import_module("trader.ops.frames_text").frames_text(report))
    return 0


def _version(options: argparse.Namespace, build: Build) -> int:
    print(f"trader {__version__} (Python {platform.python_version()})")
    return 0


def _asked(options: argparse.Namespace, command: str) -> dict[str, Any]:
    return ask(control_dir(OpsSettings(control_dir=options.control_dir)), options.pid, {"command": command})


# --- signals ----------------------------------------------------------------------------------------------------------


class Signals:
    """SIGINT, SIGTERM, SIGHUP (the terminal is gone): an orderly stop, and at the second one out at once. SIGUSR1: a thread
    dump to the log, at a level that is always shown.

    A handler interrupts the main thread anywhere, so it takes no lock: it stores, writes to a pipe, or leaves. Installed
    before the trader starts, because the default of SIGUSR1 ends the process; the old handlers come back at the end.
    """

    def __init__(self, trader: Runnable, leave: Callable[[int], None] = os._exit) -> None:
        self._trader, self._leave = trader, leave
        self._dump = DumpOnDemand(lambda: log.error("thread dump\n%s", trader.threads_text()), SystemClock())
        self._dumper = RoleThread(self._dump, lambda name, error: log.error("%s failed", name, exc_info=error))
        self._before: dict[int, Any] = {}
        self.stopped_by = ""

    def __enter__(self) -> Signals:
        self._dumper.start()
        stops = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:       # `nohup trader run` outlives its terminal
            stops.append(signal.SIGHUP)
        for number in stops:
            self._before[number] = signal.signal(number, self._on_stop)
        self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, lambda number, frame: self._dump.ring())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._dumper.ask_to_stop()
        self._dumper.join(1.0)
        if not self._dumper.is_alive():
            self._dump.close()

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.stopped_by:                      # os.write: print may be interrupted in the middle of itself
            os.write(2, f"trader: {name} after {self.stopped_by}: leaving at once. Orders may be open: look at the venue's own page "
                        "and cancel by hand what is left.\n".encode())
            self._leave(_FORCED)
        self.stopped_by = self.stopped_by or name
        self._trader.request_stop(name)


def _configure_logging(level: str) -> None:
    """To stderr. Other libraries only from WARNING on: at DEBUG some of them print headers, and headers hold credentials."""
    logging.basicConfig(format="%(asctime)s %(levelname)-8s %(threadName)-15s %(message)s", level=logging.WARNING)
    logging.getLogger("trader").setLevel(level)


# --- arguments --------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in the same form as everything else."""

    def error(self, message: str) -> Never:
        raise ConfigError(f"{message}.", remedy=f"See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="trader", description="Makes a market in one event of a prediction exchange.")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = _configured(commands.add_parser("run", help="trade until Ctrl-C"), _run)
    run.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="stop by itself after this long")
    run.add_argument("--summary", type=Path, metavar="FILE", help="write the account of the run as JSON")
    run.add_argument("--record", type=Path, metavar="DIR", help="write every raw frame of the feeds to files in DIR")
    run.add_argument("--log-level", type=str.upper, choices=_LEVELS, help="how much is logged; the same as --set ops.log_level=…")
    check = _configured(commands.add_parser("check", help="is the configuration right and the venue there?"), _check)
    check.add_argument("--offline", action="store_true", help="the configuration only")
    commands.add_parser("exchange", help="run the embedded exchange alone; see `trader exchange --help`")
    _addressed(commands.add_parser("threads", help="what every thread of a running trader does"), _threads)
    _addressed(commands.add_parser("status", help="what a running trader has done so far, as JSON"), _status)
    _described(commands.add_parser("frames", help="what is in a recording: books, counts, mismatches"))
    commands.add_parser("version", help="the version of trader and of Python").set_defaults(command=_version)
    return parser


_Command = Callable[[argparse.Namespace, Build], int]


def _configured(parser: argparse.ArgumentParser, command: _Command) -> argparse.ArgumentParser:
    parser.add_argument("conf", metavar="CONF", help="the configuration file, see docs/configuration.md")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE",
                        help="overrides file and environment, as in strategy.base_size=50; may be repeated")
    parser.set_defaults(command=command)
    return parser


def _described(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a recording, or bare frames one a line; plain, .gz or .zst; - is stdin")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/frames.md)")
    parser.add_argument("--conn", default="pm-book", metavar="NAME", help="the connection of bare frames (default pm-book)")
    parser.add_argument("--symbol", default="BTCUSDT", help="the pair of the reference frames (default BTCUSDT)")
    parser.set_defaults(command=_frames)


def _addressed(parser: argparse.ArgumentParser, command: _Command) -> None:
    parser.add_argument("--pid", type=int, help="which trader, when several run")
    parser.add_argument("--control-dir", default="", metavar="DIR", help="its ops.control_dir, if its configuration sets one")
    parser.set_defaults(command=command)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"was {text!r}, must be a number of seconds above 0 and at most {_LONGEST_S}")
    return seconds
