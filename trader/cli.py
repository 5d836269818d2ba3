"""The command line. The only place that installs signal handlers, configures logging, turns process-wide knobs and exits.

Runs on the main thread. Beside a trader run `log`, `signals` (thread dump, reload) and `life` (the sign of life).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol

from trader import __version__, remote
from trader.arguments import parser
from trader.config import Settings, load_config
from trader.errors import TraderError
from trader.model.setting import Secret
from trader.ops.check import OK, Check, failure_of
from trader.ops.errands import Errands
from trader.ops.live_screen import LiveScreen, wait_and_draw
from trader.ops.logs import Logs
from trader.ops.sign_of_life import SignOfLife, Systemd, signs_of
from trader.ops.summary import require_writable, summary_text, write_summary
from trader.ops.terminal import Block, can_draw, wants_colour
from trader.runtime.clock import SystemClock
from trader.runtime.process import TunedProcess
from trader.runtime.role import RoleThread
from trader.settings import secrets_in

log = logging.getLogger(__name__)

_FORCED = 130                # what shells report for a program that Ctrl-C ended
_WIDE = 200                  # of a table that no terminal shows
_BROKEN_PIPE = 141           # and for one whose reader went away


class Runnable(Protocol):
    """What the command line needs of a `Trader`."""

    def start(self) -> None: ...
    def wait(self, timeout_s: float | None = None) -> bool: ...
    def stats(self) -> dict[str, Any]: ...
    def request_stop(self, reason: str) -> None: ...
    def stop(self, reason: str = "stop") -> None: ...
    def is_flat(self) -> bool: ...
    def summary(self) -> dict[str, Any]: ...
    def threads_text(self) -> str: ...
    def healthy(self) -> bool: ...
    def reread(self) -> None: ...
    def secrets(self) -> tuple[Secret, ...]: ...


Reread = Callable[[], Settings]
Build = Callable[[Settings, Path | None, Reread], Runnable]      # what is to be run, the folder of its recording, its settings of now


def _build_trader(settings: Settings, record: Path | None, reread: Reread) -> Runnable:
    """Imported late: `trader version` needs no venue."""
    if settings.fleet.alone:
        fleet: Runnable = import_module("trader.fleet_run").FleetRun(settings)
        return fleet
    trader: Runnable = import_module("trader.app").Trader(settings, record=record, reread=reread)
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
        options = parser().parse_args(argv)
        _configure_logging(getattr(options, "log_level", None) or "INFO")
        return _run(options, build) if options.command == "run" else _COMMANDS[options.command](options)
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


def _find_modules_beside(conf: str) -> None:
    """A strategy of one's own is a file beside conf.yaml or in the current folder; it replaces nothing that is installed."""
    with contextlib.suppress(OSError):           # the current folder was deleted
        sys.path += [folder for folder in dict.fromkeys(map(os.path.abspath, (os.path.dirname(conf), ""))) if folder not in sys.path]


def _run(options: argparse.Namespace, build: Build) -> int:
    _find_modules_beside(options.conf)
    if options.summary is not None:
        require_writable(options.summary)
    named = {"ops.log_level": options.log_level, "fleet.num_workers": options.num_workers}
    overrides = [*options.overrides, *(f"{key}={value}" for key, value in named.items() if value)]

    def load() -> Settings:
        return load_config(options.conf, overrides=overrides)

    settings, systemd = load(), Systemd(os.environ)
    _configure_logging(settings.ops.log_level)
    if options.dry_run:
        print(import_module("trader.fleet_run").dry_run_text(settings, SystemClock()))
        return 0
    trader = build(settings, options.record, load)
    with (TunedProcess(settings.runtime, trader.is_flat, SystemClock()) as process,
          Logs(settings.ops, lambda: (*secrets_in(settings), *trader.secrets()), SystemClock()) as logs, Signals(trader) as signals):
        trader.start()
        process.threads_run(trader.stats()["roles"])
        with _sign_of_life(trader, settings, systemd):
            _run_until_stopped(trader, signals, options, logs, systemd)
    return 0


@contextlib.contextmanager
def _sign_of_life(trader: Runnable, settings: Settings, systemd: Systemd) -> Iterator[None]:
    """It goes on while the trader stops, but not beyond."""
    clock = SystemClock()
    signs = signs_of(settings.ops, systemd, clock)
    life = RoleThread(SignOfLife(trader.healthy, signs, clock), lambda name, error: log.error("%s failed", name, exc_info=error))
    _tell_systemd(systemd, "READY=1")
    if signs:
        life.start()
    try:
        yield
    finally:
        life.ask_to_stop()


def _tell_systemd(systemd: Systemd, state: str) -> None:
    try:
        systemd.notify(state)
    except OSError as error:
        log.warning("systemd does not take %r: %s", state, error)


def _run_until_stopped(trader: Runnable, signals: Signals, options: argparse.Namespace, logs: Logs, systemd: Systemd) -> None:
    reason = "unexpected error"
    try:
        ended = _wait(trader, options, logs)
        reason = "the run ended" if ended else signals.stopped_by or f"{options.for_s} s are over"
    finally:
        _tell_systemd(systemd, "STOPPING=1")
        try:
            trader.stop(reason)
        finally:                                 # the summary matters most when stopping went wrong
            _tell(trader.summary(), options.summary)


def _wait(trader: Runnable, options: argparse.Namespace, logs: Logs) -> bool:
    """True when the run ended by itself. In a terminal with a table to look at meanwhile."""
    if options.no_screen or not can_draw(sys.stdout, os.environ):
        return trader.wait(options.for_s)
    with LiveScreen(Block(sys.stdout, colour=wants_colour(os.environ)), logs.sinks) as screen:
        return wait_and_draw(trader, options.for_s, screen, SystemClock())


def _tell(summary: dict[str, Any], path: Path | None) -> None:
    """Raises nothing: what the stop has to say must not be hidden by a full disk or a reader that went away."""
    try:
        if path is not None:
            write_summary(summary, path)
        print(summary_text(summary), flush=True)
    except OSError as error:
        log.error("the summary could not be written: %s", error)


def _check(options: argparse.Namespace) -> int:
    _find_modules_beside(options.conf)
    settings, found = load_config(options.conf, overrides=options.overrides), []
    for check in _checks(settings, options):
        found.append(check)
        if not options.json:
            print(check, flush=True)
    failure = failure_of(found)
    if options.json:
        print(json.dumps({"ready": failure is None, "checks": [check._asdict() for check in found]}, indent=2))
    if failure is not None:
        raise failure
    return 0


def _checks(settings: Settings, options: argparse.Namespace) -> Iterator[Check]:
    yield Check("configuration", OK, f"{options.conf}: mode {settings.mode}, "
                                     f"{'the fleet alone' if settings.fleet.alone else settings.market.wanted}")
    if settings.mode == "embedded":
        yield Check("exchange", OK, "started on this machine by `trader run`; nothing else to check")
    elif not options.offline and settings.fleet.alone:
        yield Check("fleet", OK, import_module("trader.fleet_run").dry_run_text(settings, SystemClock()).splitlines()[0])
    elif not options.offline:
        yield from import_module("trader.ops.preflight").Preflight(settings, SystemClock()).checks()


def _frames(options: argparse.Namespace) -> int:
    report = import_module("trader.ops.frames").read_recording(options.files, conn=options.conn, symbol=options.symbol)
    print(json.dumps(report, indent=2) if options.json else import_module("trader.ops.frames_text").frames_text(report))
    return 0


def _journal(options: argparse.Namespace) -> int:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    print(import_module("trader.ops.journal_commands").run(options, SystemClock().wall_ms(), width))
    return 0


def _version(options: argparse.Namespace) -> int:
    versions = {"trader": __version__, "python": platform.python_version()}
    print(json.dumps(versions) if options.json else f"trader {versions['trader']} (Python {versions['python']})")
    return 0


def _completion(options: argparse.Namespace) -> int:
    print(import_module("trader.completion").script(options.shell))
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check, "frames": _frames, "version": _version, "completion": _completion,
    "status": remote.status, "fleet": remote.fleet_status, "threads": remote.threads,
    "fills": _journal, "orders": _journal, "pnl": _journal, "journal": _journal,
    "pause": remote.pause, "resume": remote.resume, "cancel-all": remote.cancel_all, "flatten": remote.flatten,
    "reload": remote.reload,
}


# --- signals ----------------------------------------------------------------------------------------------------------


_DUMP, _RELOAD = b"d", b"r"


class Signals:
    """SIGINT, SIGTERM: an orderly stop, and at the second one out at once. SIGUSR1: a thread dump to the log, at a level that is
    always shown. SIGHUP: the terminal is gone, which is a stop too; but while there is one, or never was one, a reload.

    A handler interrupts the main thread anywhere, so it takes no lock: it stores, writes to a pipe, or leaves. Installed
    before the trader starts, because the default of SIGUSR1 ends the process; the old handlers come back at the end.
    """

    def __init__(self, trader: Runnable, leave: Callable[[int], None] = os._exit, has_terminal: Callable[[], bool] | None = None) -> None:
        self._trader, self._leave, self._has_terminal = trader, leave, has_terminal or _has_terminal
        self._errands = Errands({_DUMP: self._write_dump, _RELOAD: self._reload}, SystemClock())
        self._thread = RoleThread(self._errands, lambda name, error: log.error("%s failed", name, exc_info=error))
        self._before: dict[int, Any] = {}
        self._had_terminal = self._has_terminal()
        self.stopped_by = ""

    def __enter__(self) -> Signals:
        self._thread.start()
        handlers = {signal.SIGINT: self._on_stop, signal.SIGTERM: self._on_stop, signal.SIGHUP: self._on_hang_up,
                    signal.SIGUSR1: lambda number, frame: self._errands.ring(_DUMP)}
        if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:       # `nohup trader run` outlives its terminal
            del handlers[signal.SIGHUP]
        for number, handler in handlers.items():
            self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._thread.ask_to_stop()
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._errands.close()

    def _on_hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._had_terminal and not self._has_terminal():
            self._on_stop(number, frame)
        else:
            self._errands.ring(_RELOAD)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.stopped_by:                      # os.write: print may be interrupted in the middle of itself
            os.write(2, f"trader: {name} after {self.stopped_by}: leaving at once. Orders may be open: look at the venue's own page "
                        "and cancel by hand what is left.\n".encode())
            self._leave(_FORCED)
        self.stopped_by = self.stopped_by or name
        self._trader.request_stop(name)

    def _write_dump(self) -> None:               # thread signals
        log.error("thread dump\n%s", self._trader.threads_text())

    def _reload(self) -> None:                   # thread signals
        try:
            self._trader.reread()
        except TraderError as error:
            log.error("SIGHUP: nothing is changed: %s", error)


def _has_terminal() -> bool:
    """A controlling terminal that is still there. One that hung up cannot be opened any more."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _configure_logging(level: str) -> None:
    """To stderr. Other libraries only from WARNING on: at DEBUG some of them print headers, and headers hold credentials."""
    logging.basicConfig(format="%(asctime)s %(levelname)-8s %(threadName)-15s %(message)s", level=logging.WARNING)
    logging.getLogger("trader").setLevel(level)
