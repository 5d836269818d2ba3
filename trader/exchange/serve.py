"""Composition root of the exchange process.

Starts from the engine outwards (publisher, market life, REST, WebSockets), prints one JSON line when it can be used, waits,
and stops in reverse. Thread `main` parks in an event wait; signals and the end of the parent's pipe set that event.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trader.errors import PortInUse, RoleFailed, TraderError
from trader.exchange.audit import Audit, AuditedApplication
from trader.exchange.catalogue import Catalogue
from trader.exchange.command_line import Options, parser
from trader.exchange.credentials import KeyRing
from trader.exchange.faults import FaultBoard, order_from_file
from trader.exchange.history import History, Identity
from trader.exchange.http import Application, Doorman, RestServer, Routes
from trader.exchange.keys import funded_keys
from trader.exchange.market_life import MarketLife
from trader.exchange.memory import Memory
from trader.exchange.on_demand import on_demand
from trader.exchange.population import load_population
from trader.exchange.publisher import Letter, Publisher
from trader.exchange.rate_limits import TIERS, Mode, RateLimits
from trader.exchange.rest_faults import SkewedClock
from trader.exchange.routes_account import AccountRoutes
from trader.exchange.routes_auth import AuthRoutes
from trader.exchange.routes_binance import BinanceRoutes
from trader.exchange.routes_control import ControlRoutes
from trader.exchange.routes_gamma import GammaRoutes
from trader.exchange.routes_keys import KeyRoutes
from trader.exchange.routes_market import MarketRoutes
from trader.exchange.routes_notifications import NotificationRoutes
from trader.exchange.routes_orders import OrderRoutes
from trader.exchange.routes_prices import PriceRoutes
from trader.exchange.stream_server import StreamServer
from trader.exchange.tls import TlsFront, server_context
from trader.exchange.venue import Venue
from trader.exchange.windows import Series, Window
from trader.model.units import MICRO
from trader.runtime.clock import Clock, SystemClock

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005      # a request must not wait 5 ms for the publisher to give up the GIL


class Exchange:
    """One running exchange. `close` leaves no thread and no socket behind."""

    def __init__(self, options: Options, clock: Clock, on_broken: Callable[[], None] = lambda: None) -> None:
        """`on_broken` is called, on any thread, when the state can no longer be kept."""
        history = _history(options, clock, on_broken)
        identity, record = (history.identity, history.record) if history else (_identity(options, clock), _forget)
        publisher, keys, self._faults, audit = Publisher(), KeyRing(options.seed, record), FaultBoard(clock), Audit(clock)

        def publish(letter: Letter) -> None:
            audit.hear(letter)
            publisher.put(letter)

        if options.faults:
            order_from_file(self._faults, Path(options.faults))
        series = Series(seed=options.seed, origin_ms=identity.origin_ms, speed=options.speed, protocol=options.protocol)
        venue = Venue(clock, publish, settle_ms=options.settle_delay_ms(), cash_micro=options.cash * MICRO,
                      taker_delay_ms=options.taker_delay_ms, faults=self._faults, record=record)
        ws_port = options.plain_port(options.ws_port)
        streams = _listening(lambda: StreamServer(options.host, ws_port, publish, keys, self._faults), "--ws-port", ws_port)
        with venue.engine() as (engine, _):
            memory = Memory(engine, venue.heartbeats, venue.wallet_owner, keys, series)
            past = history.replay(memory) if history else None
            audit.resume(engine.records.open.values())

        def each_step() -> None:
            streams.disturb()
            if history:
                history.compact_if_long(memory, life.state, venue.engine)

        catalogue, busy = on_demand(options, clock, venue, publish, series)
        life = MarketLife(clock, venue, publish, series, load_population(), seed=options.seed, speed=options.speed,
                          faults=self._faults, memory=past, each_step=each_step, busy=busy)
        routes = _routes(options, venue, keys, life, clock, self._faults, audit, catalogue, series.stale())
        application = AuditedApplication(Application(routes, self._faults), audit, clock)
        rest_port = options.plain_port(options.port)
        rest = _listening(lambda: RestServer(options.host, rest_port, application), "--port", rest_port)
        self._doors = _doors(options, rest.port, streams.port)
        if history:
            history.begin(memory, life.state())
        self._options, self._series, self._rest, self._streams, self._history = options, series, rest, streams, history
        self._parts = (publisher, life)

    def start(self) -> None:
        for part in (*self._parts, self._rest, self._streams):
            part.start()
        for door in self._doors:
            door.start()

    def close(self) -> None:
        self._faults.remove()           # nobody may be kept waiting
        self._streams.close()
        self._rest.close()
        for door in self._doors:
            door.close()
        for part in reversed(self._parts):
            part.stop()
        if self._history:
            self._history.close()

    def ready_line(self) -> str:
        secure, (rest, streams) = "s" if self._doors else "", self._doors or (self._rest, self._streams)
        rest_url, ws_url = f"http{secure}://{self._options.host}:{rest.port}", f"ws{secure}://{self._options.host}:{streams.port}"
        return json.dumps({
            "event": "ready", "pid": os.getpid(), "rest_url": rest_url, "gamma_url": f"{rest_url}/gamma",
            "binance_rest_url": f"{rest_url}/binance", "ws_url": ws_url, "binance_ws_url": ws_url,
            "seed": self._options.seed, "window_ms": self._series.window_ms, "ca_file": self._options.tls,
        })


def _history(options: Options, clock: Clock, on_broken: Callable[[], None]) -> History | None:
    return History(Path(options.state), _identity(options, clock), on_broken) if options.state else None


def _identity(options: Options, clock: Clock) -> Identity:
    """Window 0 opens now, floored to the second."""
    return Identity(clock.wall_ms() // 1000 * 1000, options.seed, options.speed, options.protocol, options.settle_delay_ms(),
                    options.taker_delay_ms)


def _forget(*row: Any) -> None:
    """Without --state nothing is kept."""


def _doors(options: Options, rest_port: int, ws_port: int) -> tuple[TlsFront, ...]:
    """With --tls the asked-for ports are these; the plain servers stand behind them on ports of their own."""
    if not options.tls:
        return ()
    context = server_context(Path(options.tls), options.host)
    return (_listening(lambda: TlsFront(options.host, options.port, rest_port, context), "--port", options.port),
            _listening(lambda: TlsFront(options.host, options.ws_port, ws_port, context), "--ws-port", options.ws_port))


def _routes(options: Options, venue: Venue, keys: KeyRing, life: MarketLife, clock: Clock, faults: FaultBoard, audit: Audit,
            catalogue: Catalogue | None, stale: Window) -> Routes:
    skewed = SkewedClock(clock, faults)
    doorman, limits = Doorman(keys, skewed), RateLimits(clock, Mode(options.rate_limits), TIERS[options.tier])
    groups = (
        AuthRoutes(venue, keys, doorman, skewed, limits), OrderRoutes(venue, doorman, limits), AccountRoutes(venue, doorman),
        MarketRoutes(venue, taker_delay_ms=options.taker_delay_ms), PriceRoutes(venue), KeyRoutes(venue, keys, cash=options.cash),
        NotificationRoutes(venue, doorman),
        GammaRoutes(life.now, venue, faults, catalogue, (stale,)), BinanceRoutes(life.now, clock, faults),
        ControlRoutes(venue, life.now, faults, audit),
    )
    routes = {key: handler for group in groups for key, handler in group.table().items()}
    listing = sorted(f"{method} {path}" for method, path in routes)
    return routes | {("GET", "/control/routes"): lambda _: listing}


_Server = TypeVar("_Server")


def _listening(make: Callable[[], _Server], flag: str, port: int) -> _Server:
    try:
        return make()
    except OSError as failed:
        if failed.errno != errno.EADDRINUSE:
            raise
        remedy = f"Stop who listens there or choose another with {flag}; 0 picks a free one."
        raise PortInUse(f"port {port} is in use.", remedy=remedy) from None


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
