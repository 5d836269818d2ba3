"""A run of the fleet without a desk (`fleet.alone`): what `trader run` starts, watches and stops then. No key, no orders.

Composition root beside `app.py`, with the same face. All methods may be called from any thread; `start` and `stop` from one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from trader import desk as desks
from trader.errors import ConfigError, ConnectionLost, ControlError, RoleFailed, TraderError, VenueUnreachable, WireError
from trader.exchange.keeper import ExchangeKeeper
from trader.fleet.dry_run import forecast, forecast_text
from trader.fleet.guard import FleetGuard, fleet_of
from trader.model.setting import Secret
from trader.ops.answers import threads_answer
from trader.ops.control import ControlRole
from trader.ops.health import examine
from trader.ops.outlets import outlets_of
from trader.ops.status_pages import Shown
from trader.ops.threads import dump_threads
from trader.runtime.clock import Clock, SystemClock
from trader.runtime.latency import LatencyWindow
from trader.runtime.supervisor import Supervisor, Watch
from trader.settings import Settings
from trader.venues.polymarket.catalogue import GammaCatalogue

log = logging.getLogger(__name__)

POLL_S = 0.1                 # a stop asked for by a signal handler is seen within this
STOP_S = 2.0                 # for the threads of this process; the fleet has a deadline of its own


class FleetRun:
    """One run. Raises TraderError from `start` (nothing is left running then), and from `stop` when the fleet had failed for good."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings, self._clock = settings, clock or SystemClock()
        self._ended = threading.Event()              # the run ended by itself: a failure
        self._stop_reason: str | None = None         # a plain store, so that a signal handler may write it
        self._exit_reason = self._status_url = ""
        self._failure: TraderError | None = None
        self._exchange: ExchangeKeeper | None = None
        self._fleet: FleetGuard | None = None
        self._supervisor = Supervisor(self._clock, settings.runtime.watchdog_ms, self._on_failure)
        self._bystanders = Supervisor(self._clock, settings.runtime.watchdog_ms, _forgo)     # watching does not end with them
        shown = Shown(self.stats, self.health, _no_latencies, self.threads_text)
        self._outlets = outlets_of(settings.ops, shown, self._clock, self._serves_at)
        self._life = threading.RLock()
        self._began_ns = self._clock.monotonic_ns()
        self._seconds: float | None = None
        self._started = self._running = False

    # --- life ---

    def start(self) -> None:
        """Returns when the fleet has its workers and looks for markets. Undoes what it started when something is refused."""
        with self._life:
            if self._started:
                raise TraderError("this run was started before.", remedy="Make a new one for each run.")
            self._started = self._running = True
            try:
                self._exchange, settings = _exchange_of(self._settings, self._clock)
                self._fleet = fleet_of(settings, self._clock, self._on_given_up)
                self._start_roles()
                self._began_ns = self._clock.monotonic_ns()
            except BaseException as error:
                self._end(error.problem if isinstance(error, TraderError) else type(error).__name__)
                raise

    def wait(self, timeout_s: float | None = None) -> bool:
        """Blocks until `request_stop`, a stop, the end of the run, or the timeout. True when the run ended by itself."""
        end_ns = None if timeout_s is None else self._clock.monotonic_ns() + int(timeout_s * 1e9)
        while self._running and self._stop_reason is None and not self._ended.wait(POLL_S):
            if end_ns is not None and self._clock.monotonic_ns() >= end_ns:
                break
        return self._ended.is_set()

    def request_stop(self, reason: str) -> None:
        """Makes `wait` return. One plain store: safe in a signal handler."""
        self._stop_reason = self._stop_reason or reason

    def stop(self, reason: str = "stop") -> None:
        """Returns when the process tree is gone. Idempotent."""
        with self._life:
            if not self._running:
                return
            self._end(self._failure.problem if self._failure else self._stop_reason or reason)
            if self._failure is not None:
                raise self._failure

    def __enter__(self) -> FleetRun:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(f"left by {kind.__name__}" if kind else "end of with block")

    # --- what it shows ---

    def healthy(self) -> bool:
        return bool(self.health()["ok"])

    def health(self) -> dict[str, Any]:
        run = self._failure.problem if self._failure else "" if self._running else "it does not run"
        fleet = "" if self._fleet is None else self._fleet.ailment()
        roles = [*self._supervisor.report(), *self._bystanders.report()]
        return examine(self._settings, None, roles, self._clock.monotonic_ns(), {"fleet": fleet, "run": run})

    def is_flat(self) -> bool:
        """It never has an order."""
        return True

    def stats(self) -> dict[str, Any]:
        """What `Trader.stats` says of a desk, where that makes sense, and the fleet's own (docs/fleet.md)."""
        roles = [*self._supervisor.report(), *self._bystanders.report()]
        return {**self.summary(), "status_url": self._status_url or None, "quotes": [], "depths": {},
                "roles": [role._asdict() for role in roles]}

    def summary(self) -> dict[str, Any]:
        seconds = (self._clock.monotonic_ns() - self._began_ns) / 1e9 if self._seconds is None else self._seconds
        return {"mode": self._settings.mode, "session": "watching" if self._running else "stopped", "seconds": round(seconds, 3),
                "exit_reason": self._exit_reason, "fleet": None if self._fleet is None else self._fleet.stats()}

    def threads_text(self) -> str:
        return dump_threads([*self._supervisor.report(), *self._bystanders.report()], {})

    def secrets(self) -> tuple[Secret, ...]:
        return ()

    def reread(self) -> None:
        raise ControlError("a fleet without a desk has nothing that can change while it runs.", remedy="Restart it.")

    # --- how ---

    def _start_roles(self) -> None:
        control = ControlRole(self._settings.ops, self._clock, {
            "status": lambda request: {"stats": self.stats()}, "threads": lambda request: threads_answer(self)})
        for role in (Watch(self._supervisor, self._clock), control):
            self._supervisor.start(role)
        for outlet in self._outlets:
            self._bystanders.start(outlet)

    def _end(self, reason: str) -> None:
        """Everything, in reverse."""
        self._running, self._exit_reason = False, reason
        log.info("stopping: %s", reason)
        try:
            if self._fleet is not None:
                self._fleet.stop()
        finally:
            self._bystanders.stop_all(STOP_S)
            self._supervisor.stop_all(STOP_S)
            if self._exchange is not None:
                self._exchange.stop()
            self._seconds = (self._clock.monotonic_ns() - self._began_ns) / 1e9

    def _serves_at(self, url: str) -> None:
        self._status_url = url

    def _on_failure(self, name: str, error: BaseException) -> None:
        """A thread of this process; called once a role."""
        log.error("role %s failed: %s\n%s", name, error, self.threads_text())
        self._on_given_up(error if isinstance(error, TraderError) else RoleFailed(
            f"role {name} crashed: {error!r}.", remedy="The log above has the traceback; please report it."))

    def _on_given_up(self, failure: TraderError) -> None:
        self._failure = self._failure or failure
        self._ended.set()


def dry_run_text(settings: Settings, clock: Clock) -> str:
    """What the fleet would watch now. Raises ConfigError without a fleet, TraderError when the listing cannot be read."""
    if not settings.fleet.enabled:
        raise ConfigError("--dry-run shows what the fleet would watch, and fleet.enabled is false.", remedy="Set fleet.enabled: true.")
    exchange, settings = _exchange_of(settings, clock)
    try:
        with _catalogue(settings) as catalogue:
            return forecast_text(forecast(settings.fleet, catalogue, clock.wall_ms()))
    except (ConnectionLost, WireError) as why:       # a run would ask again; this is asked once
        raise VenueUnreachable(why.problem, remedy="Check polymarket.gamma_url and the way there, then try again.") from why
    finally:
        if exchange is not None:
            exchange.stop()


@contextmanager
def _catalogue(settings: Settings) -> Iterator[GammaCatalogue]:
    catalogue = GammaCatalogue(settings.polymarket.gamma_url)
    try:
        yield catalogue
    finally:
        catalogue.close()


def _exchange_of(settings: Settings, clock: Clock) -> tuple[ExchangeKeeper | None, Settings]:
    """In mode embedded an exchange of its own, and the settings pointed at it."""
    if settings.mode != "embedded":
        return None, settings
    options = settings.exchange
    exchange = ExchangeKeeper(clock, port=options.port, ws_port=options.ws_port, seed=options.seed, speed=options.speed, cash=options.cash)
    return exchange, desks.at_exchange(settings, exchange.urls)


def _no_latencies() -> Mapping[str, LatencyWindow]:
    return {}


def _forgo(name: str, error: BaseException) -> None:
    log.error("%s failed: %s. Watching goes on without it.", name, error)
