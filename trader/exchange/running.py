"""Composition root of the exchange: builds its parts from the engine outwards, starts them, and stops them in reverse.

Runs on the main thread of the exchange's process; the parts bring threads of their own.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trader.errors import PortInUse
from trader.exchange.audit import Audit, AuditedApplication
from trader.exchange.command_line import Options
from trader.exchange.credentials import KeyRing
from trader.exchange.faults import FaultBoard, order_from_file
from trader.exchange.history import History, Identity
from trader.exchange.http import Application, RestServer
from trader.exchange.market_life import MarketLife
from trader.exchange.memory import Memory
from trader.exchange.on_demand import on_demand
from trader.exchange.population import load_population
from trader.exchange.publisher import Letter, Publisher
from trader.exchange.route_table import all_routes
from trader.exchange.stream_server import StreamServer
from trader.exchange.tls import TlsFront, server_context
from trader.exchange.venue import Venue
from trader.exchange.windows import Series
from trader.model.units import MICRO
from trader.runtime.clock import Clock


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
            memory = Memory(engine, venue.heartbeats, venue.wallets, keys, series)
            past = history.replay(memory) if history else None
            audit.resume(engine.records.open.values())

        def each_step() -> None:
            streams.disturb()
            if history:
                history.compact_if_long(memory, life.state, venue.engine)

        catalogue, busy = on_demand(options, clock, venue, publish, series)
        life = MarketLife(clock, venue, publish, series, load_population(), seed=options.seed, speed=options.speed,
                          faults=self._faults, memory=past, each_step=each_step, busy=busy)
        routes = all_routes(options, venue, keys, life.now, clock, self._faults, audit, catalogue, series.stale())
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


_Server = TypeVar("_Server")


def _listening(make: Callable[[], _Server], flag: str, port: int) -> _Server:
    try:
        return make()
    except OSError as failed:
        if failed.errno != errno.EADDRINUSE:
            raise
        remedy = f"Stop who listens there or choose another with {flag}; 0 picks a free one."
        raise PortInUse(f"port {port} is in use.", remedy=remedy) from None
