"""The trader: builds a desk, starts it from the venue inwards, stops it in exact reverse. Embedders use it as a context manager.

Installs no signal handler, configures no logging, changes no process-wide knob and never exits the process: `cli.py` does.
All methods may be called from any thread; `start` and `stop` from the one that owns the trader.
"""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any

from trader import desk as desks
from trader.errors import OrdersMayBeOpen, RoleFailed, TraderError
from trader.exchange.child import ExchangeChild
from trader.model.action import CancelMarket
from trader.model.event import Command, Control
from trader.model.setting import Secret
from trader.ops.control import ControlRole, control_dir
from trader.ops.key_lock import KeyLock
from trader.ops.stats import DeskStats
from trader.ops.threads import dump_threads
from trader.runtime.clock import Clock, SystemClock
from trader.runtime.supervisor import Supervisor, Watch
from trader.settings import Settings
from trader.venues.polymarket.account import open_account

log = logging.getLogger(__name__)

STOP_QUOTING_S = 2.0         # markets and strategy
STOP_LISTENING_S = 4.0       # executor, gateway, feeds, housekeeping
POLL_S = 0.1                 # a stop asked for by a signal handler is seen within this


class Trader:
    """One desk in this process. Several may live side by side, one after the other or with a key each.

    Raises TraderError from `start` (nothing is left running then) and from `stop` (something may be open, or a role failed).
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings, self._clock = settings, clock or SystemClock()
        self._ended = threading.Event()              # the run ended by itself: a failure, or the market closed
        self._flat = threading.Event()               # the executor has proved that nothing is open
        self._stop_reason: str | None = None         # a plain store, so that a signal handler may write it
        self._failure: TraderError | None = None
        self._exchange: ExchangeChild | None = None
        self._lock: KeyLock | None = None
        self._desk: desks.Desk | None = None
        self._supervisor = Supervisor(self._clock, settings.runtime.watchdog_ms, self._on_failure)
        self._stats = DeskStats(self._clock)
        self._running = False

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Blocks until every thread runs. Undoes what it started when something is refused."""
        try:
            settings = self._with_exchange()
            account = open_account(settings.polymarket, settings.polymarket.private_key.reveal(), self._clock)
            self._lock = KeyLock(control_dir(settings.ops), account.credentials.key)
            self._desk = desks.build(settings, account, self._clock, on_stopped=self._flat.set, on_finished=self._on_finished)
            self._start_roles(self._desk, settings)
        except BaseException:
            self._supervisor.stop_all(STOP_LISTENING_S)
            self._release()
            raise
        self._running = True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Blocks until `request_stop`, the end of the run, or the timeout. True when the run ended by itself."""
        end_ns = None if timeout_s is None else self._clock.monotonic_ns() + int(timeout_s * 1e9)
        while self._stop_reason is None and not self._ended.wait(POLL_S):
            if end_ns is not None and self._clock.monotonic_ns() >= end_ns:
                break
            self._check_exchange()
        return self._ended.is_set()

    def request_stop(self, reason: str) -> None:
        """Makes `wait` return. One plain store: safe in a signal handler."""
        self._stop_reason = self._stop_reason or reason

    def stop(self, reason: str = "stop") -> None:
        """Stops quoting, cancels everything, verifies by REST that nothing is open, then stops listening. Idempotent."""
        if not self._running:
            return
        self._running = False
        assert self._desk is not None
        self._stats.exit_reason = str(self._failure.problem if self._failure else self._stop_reason or reason)
        log.info("stopping: %s", self._stats.exit_reason)
        self._supervisor.stop({"markets", "strategy"}, STOP_QUOTING_S)
        verified = self._cancel_everything(self._desk)
        late = self._supervisor.stop_all(STOP_LISTENING_S)
        self._stats.end(verified=verified)
        if late:
            log.error("did not stop in time: %s\n%s", ", ".join(late), self.threads_text())
        self._release()
        self._raise_what_went_wrong(verified)

    def __enter__(self) -> Trader:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(f"left by {kind.__name__}" if kind else "end of with block")

    # --- what it shows ----------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Everything there is to know now, as plain JSON values (docs/summary.md)."""
        return self._stats.now()

    def summary(self) -> dict[str, Any]:
        """The account of the whole run; complete after `stop` (docs/summary.md)."""
        return self._stats.summary()

    def threads_text(self) -> str:
        """A thread dump for people (docs/threads.md)."""
        depths = self._stats.depths()
        return dump_threads(self._supervisor.report(), depths)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _with_exchange(self) -> Settings:
        """In mode embedded: starts the exchange and points the settings at it, with a wallet made for this run."""
        settings = self._settings
        if settings.mode != "embedded":
            return settings
        options = settings.exchange
        self._exchange = ExchangeChild(port=options.port, ws_port=options.ws_port, seed=options.seed, speed=options.speed,
                                       cash=options.cash)
        urls = self._exchange.urls
        log.info("embedded exchange: pid %d, %s, windows of %g s", urls.pid, urls.rest_url, urls.window_ms / 1000)
        venue = replace(settings.polymarket, clob_url=urls.rest_url, gamma_url=urls.gamma_url, ws_url=urls.ws_url,
                        private_key=Secret("0x" + secrets.token_hex(32)), private_key_file="", signature_type=0, funder="",
                        api_key=Secret(""), api_secret=Secret(""), passphrase=Secret(""))
        return replace(settings, polymarket=venue, binance=replace(settings.binance, ws_url=urls.binance_ws_url))

    def _start_roles(self, desk: desks.Desk, settings: Settings) -> None:
        watch = Watch(self._supervisor, self._clock)
        control = ControlRole(settings.ops, self._clock, {
            "threads": lambda request: {"text": self.threads_text()},
            "status": lambda request: {"stats": self.stats()},
        })
        self._stats.begin(settings, desk, self._supervisor)
        for role in (desk.book_feed, desk.user_feed, desk.reference_feed, *desk.gateways, desk.executor, desk.strategy, desk.markets,
                     watch, control):
            self._supervisor.start(role)

    def _cancel_everything(self, desk: desks.Desk) -> bool:
        """True when the venue confirmed that nothing is open."""
        if self._executor_lives():
            desk.hands.inbox.put(Control(Command.STOP, self._stats.exit_reason))
            return self._flat.wait(self._settings.executor.shutdown_s)
        market = desk.hands.live.read()
        if market is not None and market.now is not None:        # nobody is left to verify: at least the cancel goes out
            desk.hands.outbox.put(CancelMarket(0, market.now.condition_id))
        return False

    def _executor_lives(self) -> bool:
        return any(report.name == "executor" and report.alive for report in self._supervisor.report())

    def _on_failure(self, name: str, error: BaseException) -> None:
        """Called once a role, on its thread or the supervisor's: cancel first, then dump, then let `wait` return."""
        desk = self._desk
        if desk is not None:
            desk.hands.inbox.put(Control(Command.CANCEL_ALL, f"role {name} failed"))
        failure = error if isinstance(error, TraderError) else RoleFailed(
            f"role {name} crashed: {error!r}.", remedy="The log above has the traceback and every thread's stack; please report it.")
        self._failure = self._failure or failure
        log.error("role %s failed: %s\n%s", name, error, self.threads_text())
        self._ended.set()

    def _on_finished(self) -> None:
        self._stop_reason = self._stop_reason or f"{self._settings.market.slug} has closed"
        self._ended.set()

    def _check_exchange(self) -> None:
        code = self._exchange.exit_code() if self._exchange else None
        if code is not None and self._failure is None:
            self._failure = RoleFailed(f"the embedded exchange ended with exit code {code}.",
                                       remedy="Its last words are above; start again, or run `trader exchange` alone to see why.")
            self._ended.set()

    def _release(self) -> None:
        if self._desk is not None:
            self._desk.hands.book_orders.close()
            self._desk.hands.user_orders.close()
        if self._exchange is not None:
            self._exchange.stop()
        if self._lock is not None:
            self._lock.release()

    def _raise_what_went_wrong(self, verified: bool) -> None:
        """A run that never placed anything and failed says why it failed; its silence about open orders would mislead."""
        placed = self._stats.summary().get("orders_placed", 0)
        if not verified and (placed or self._failure is None):
            raise OrdersMayBeOpen("the venue did not confirm that nothing is open.",
                                  remedy="Look at the venue's own page now and cancel by hand what is left.") from self._failure
        if self._failure is not None:
            raise self._failure


