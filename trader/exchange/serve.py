"""The exchange's process: `trader exchange`. Prints one JSON line when it can be used, waits, and stops in order.

Thread `main` parks in a pipe; signals, the end of the parent's pipe and a crash of any thread write to it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading

from trader.errors import RoleFailed, TraderError
from trader.exchange.command_line import Options, parser
from trader.exchange.keys import funded_keys
from trader.exchange.running import Exchange
from trader.runtime.clock import SystemClock

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005      # a request must not wait 5 ms for the publisher to give up the GIL


class StopPipe:
    """Ends the wait of the main thread, from any thread and from a signal handler.

    Not an Event: `set` in a handler takes the lock that the interrupted `wait` may just be holding.
    """

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()

    def ask(self) -> None:
        os.write(self._write_end, b"\0")

    def wait(self) -> None:
        os.read(self._read_end, 1)


def main(argv: list[str]) -> int:
    """`trader exchange` and `python -m trader.exchange`. Installs signal handlers: call it on the main thread."""
    if argv[:1] == ["keys"]:
        return _print_keys(argv[1:])
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(threadName)s %(message)s")
    for chatty in ("websockets", "waitress.queue"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    logging.getLogger("websockets.server").addFilter(_says_news)
    options = Options(**{name: getattr(arguments, name) for name in Options._fields})
    stopping, crashed = StopPipe(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.ask())
    threading.excepthook = lambda crash: _stop_after(crash, crashed, stopping)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        exchange = Exchange(options, SystemClock(), on_broken=lambda: _stop_broken(crashed, stopping))
    except TraderError as failed:
        _say_failed(failed, to_parent=arguments.parent_pipe)
        return failed.exit_code
    exchange.start()
    print(exchange.ready_line(), flush=True)
    if arguments.parent_pipe:
        threading.Thread(target=_await_parent, args=(stopping,), name="parent-pipe", daemon=True).start()
    stopping.wait()
    exchange.close()
    return RoleFailed.exit_code if crashed.is_set() else 0


def _print_keys(argv: list[str]) -> int:
    try:
        print(funded_keys(argv))
    except TraderError as failed:
        _say_failed(failed, to_parent=False)
        return failed.exit_code
    return 0


def _says_news(record: logging.LogRecord) -> bool:
    """False for a race inside websockets: bytes arrive just after a failed send ended the stream. The connection is over either way."""
    return not (record.exc_info and isinstance(record.exc_info[1], EOFError))


def _stop_broken(crashed: threading.Event, stopping: StopPipe) -> None:
    crashed.set()
    stopping.ask()


def _stop_after(crash: threading.ExceptHookArgs, crashed: threading.Event, stopping: StopPipe) -> None:
    """No thread dies silently: an exchange that lost one would go on looking alive."""
    name = crash.thread.name if crash.thread else "a thread"
    log.critical("%s crashed; the exchange stops", name, exc_info=crash.exc_value)
    crashed.set()
    stopping.ask()


def _say_failed(failed: TraderError, *, to_parent: bool) -> None:
    """A person reads stderr; a parent reads the line that it waits for and says it in its own words."""
    if to_parent:
        said = {"event": "failed", "problem": failed.problem, "remedy": failed.remedy, "exit_code": failed.exit_code}
        print(json.dumps(said), flush=True)
    else:
        print(failed, file=sys.stderr)


def _await_parent(stopping: StopPipe) -> None:
    """Body of `parent-pipe`. Reads the descriptor itself: a thread parked in a buffered reader would hold its lock at exit."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stopping.ask()
