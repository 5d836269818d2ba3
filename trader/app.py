"""The trader: builds a desk, starts it from the venue inwards, stops it in exact reverse. Embedders use it as a context manager.

Installs no signal handler, configures no logging, changes no process-wide knob and never exits the process: `cli.py` does.
All methods may be called from any thread but a trader's own (a strategy calls `request_stop`, never `stop`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from trader import desk as desks
from trader.errors import AuthError, ConfigError, ControlError, OrdersMayBeOpen, RoleFailed, TraderError
from trader.exchange.keeper import ExchangeKeeper
from trader.fleet.guard import FleetGuard, beside_a_desk
from trader.journal.folder import JournalFolder
from trader.journal.past import claim_past
from trader.journal.role import JournalRole
from trader.model.event import Command, Control
from trader.model.intent import Mode, Strategy
from trader.model.setting import Secret
from trader.ops.alerts import LAST_WORDS_S, AlertRole, Incident, targets_of
from trader.ops.answers import answers_of
from trader.ops.archive import require_folder
from trader.ops.control import ControlRole, control_dir
from trader.ops.health import examine, keep_their_word
from trader.ops.key_lock import KeyLock
from trader.ops.outlets import outlets_of
from trader.ops.recorder import RecordRole
from trader.ops.stats import DeskStats
from trader.ops.status_pages import Shown
from trader.ops.threads import dump_threads
from trader.runtime.clock import Clock, SystemClock
from trader.runtime.supervisor import Supervisor, Watch
from trader.settings import Settings, require_same_but_strategy
from trader.venues.polymarket.account import open_account
from trader.venues.polymarket.comparison import stock_comparison

log = logging.getLogger(__name__)

FIRST_CYCLES_S = 5.0         # a slow venue is no failure: beyond this `start` returns and the watchdog judges
STOP_QUOTING_S = 2.0         # markets and strategy
STOP_LISTENING_S = 4.0       # executor, gateway, feeds, housekeeping
STOP_WRITING_S = 4.0         # recording and journal, after those whose last words are to be in them
POLL_S = 0.1                 # a stop asked for by a signal handler is seen within this
LOOK_S = 0.02                # while starting and stopping
_DECIDES, _WRITES = {"markets", "strategy"}, {RecordRole.name, JournalRole.name}


class Trader:
    """One run of one desk in this process. Several may live one after the other, or side by side with a key each.

    Raises TraderError from `start` (nothing is left running then) and from `stop` (something may be open, or a role failed).
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None, strategy: Strategy | None = None,
                 record: Path | None = None, reread: Callable[[], Settings] | None = None) -> None:
        """`strategy`: a quoting rule of your own instead of the one that `strategy.name` chooses (docs/embedding.md).
        `record`: a folder to which every raw frame of the feeds is written (docs/frames.md).
        `reread`: where `trader reload` finds the settings of now; an embedder calls `reload` himself."""
        self._settings, self._clock, self._strategy = settings, clock or SystemClock(), strategy
        self._record, self._reread = record, reread
        self._life = threading.RLock()               # one start or stop at a time; a signal handler may come in between
        self._ended = threading.Event()              # the run ended by itself: a failure, or the market closed
        self._flat = threading.Event()               # the executor has proved that nothing is open
        self._parked = threading.Event()             # never set: a wait that a dump can name
        self._stop_reason: str | None = None         # a plain store, so that a signal handler may write it
        self._failure: TraderError | None = None
        self._failed_roles: set[str] = set()
        self._exchange: ExchangeKeeper | None = None
        self._lock: KeyLock | None = None
        self._folder: JournalFolder | None = None
        self._desk: desks.Desk | None = None
        self._fleet: FleetGuard | None = None
        self._supervisor = Supervisor(self._clock, settings.runtime.watchdog_ms, self._on_failure)
        self._bystanders = Supervisor(self._clock, settings.runtime.watchdog_ms, _forgo)     # trading does not end with them
        self._secrets: tuple[Secret, ...] = ()
        self._stats = DeskStats(self._clock)
        self._alerts = AlertRole(targets_of(settings.ops), settings.ops.alert_repeat_s, self._stats.report, self._clock)
        shown = Shown(self.stats, self.health, self._stats.latencies, self.threads_text)
        self._outlets = outlets_of(settings.ops, shown, self._clock, self._stats.serves_at, self._alerts)
        self._exchange_died = False
        self._started = self._running = False

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Blocks until every thread has done its first cycle. Undoes what it started when something is refused."""
        with self._life:
            if self._started:
                raise TraderError("this Trader was started before.", remedy="Make a new one for each run.")
            self._started = True
            try:
                self._desk = self._build()
                control = ControlRole(self._settings.ops, self._clock, answers_of(self))
                self._running = True                 # from here on there may be orders, and `_end` has something to prove
                self._start_roles(self._desk, control)
            except BaseException as error:
                self._abandon(error)
                raise

    def wait(self, timeout_s: float | None = None) -> bool:
        """Blocks until `request_stop`, a stop, the end of the run, or the timeout. True when the run ended by itself.

        Returns at once while nothing runs."""
        end_ns = None if timeout_s is None else self._clock.monotonic_ns() + int(timeout_s * 1e9)
        while self._running and self._stop_reason is None and not self._ended.wait(POLL_S):
            if end_ns is not None and self._clock.monotonic_ns() >= end_ns:
                break
            self._exchange_is_gone()
        return self._ended.is_set()

    def request_stop(self, reason: str) -> None:
        """Makes `wait` return. One plain store: safe in a signal handler and in a strategy."""
        self._stop_reason = self._stop_reason or reason

    def stop(self, reason: str = "stop") -> None:
        """Stops quoting, cancels everything, verifies by REST that nothing is open, then stops listening. Idempotent."""
        me = threading.get_native_id()
        if any(role.alive and role.native_id == me for role in self._supervisor.report()):
            raise TraderError(f"stop() was called on the trader's own thread {threading.current_thread().name}, which it would wait for.",
                              remedy="Call request_stop() there, and stop() where the trader was started.")
        with self._life:
            if self._running:
                verified = self._end(self._stop_reason or reason)
                self._raise_what_went_wrong(verified)

    def __enter__(self) -> Trader:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(f"left by {kind.__name__}" if kind else "end of with block")

    # --- orders to it -----------------------------------------------------------------------------------------------

    def pause(self, reason: str) -> None:
        """Cancels everything and stays flat until `resume`. Returns at once; `stats()["guards"]` shows `paused`."""
        self._tell(Command.PAUSE, reason)

    def resume(self, *, force: bool = False) -> None:
        """Ends a pause; quoting starts again after the cool-down. `force` also ends guards that are latched, as after a day's loss."""
        self._tell(Command.FORCE_RESUME if force else Command.RESUME, "resume")

    def flatten(self, reason: str = "flatten") -> None:
        """Cancels everything, sells what is settled at a bounded price, and stays flat until `resume`. Returns at once;
        `stats()["flatten"]` says when it is done and what could not be sold."""
        self._tell(Command.FLATTEN, reason)

    def cancel_all(self, reason: str = "cancel_all") -> None:
        """Cancels everything now, verifies it, cools down, and quotes again. Returns at once."""
        self._tell(Command.CANCEL_ALL, reason)

    def reload(self, settings: Settings) -> None:
        """New parameters of the strategy, within a tick. Raises ConfigError and changes nothing when they are wrong, or when
        `settings` differ from the trader's own anywhere else."""
        strategy = self._desk_that_runs("reload").strategy
        require_same_but_strategy(self._settings, settings)
        if self._strategy is not None:
            raise ConfigError("this trader runs a strategy that a program gave it.", remedy="Change it there.")
        strategy.reload(settings.strategy)

    def reread(self) -> None:
        """`reload` with what stands in the configuration now. Raises ConfigError; ControlError without a configuration to read."""
        if self._reread is None:
            raise ControlError("this trader got its settings from a program, not from a file.", remedy="Have it call reload().")
        self.reload(self._reread())

    def _tell(self, command: Command, reason: str) -> None:
        desk = self._desk_that_runs(command.value)
        log.info("%s: %s", command.value, reason)
        desk.hands.inbox.put(Control(command, reason))

    def _desk_that_runs(self, wanted: str) -> desks.Desk:
        if self._desk is None or not self._running:
            raise TraderError(f"{wanted} reached a trader that does not run.",
                              remedy="Call it between start() and stop(); a stopped trader has cancelled everything.")
        return self._desk

    # --- what it shows ----------------------------------------------------------------------------------------------

    def healthy(self) -> bool:
        """It runs, no role failed or overstays, the embedded exchange lives. Whether it quotes now is in `stats()["guards"]`."""
        self._exchange_is_gone()
        return self._running and self._failure is None and keep_their_word(self._supervisor.report(), self._settings.runtime.watchdog_ms)

    def health(self) -> dict[str, Any]:
        """One boolean and a reason a component, and the whole (docs/status-server.md)."""
        exchange = {} if self._exchange is None else {"exchange": "has ended" if self._exchange_is_gone() else ""}
        fleet = {} if self._fleet is None else {"fleet": self._fleet.ailment()}
        run = self._failure.problem if self._failure else "" if self._running else "it does not run"
        roles = [*self._supervisor.report(), *self._bystanders.report()]
        return examine(self._settings, self._desk, roles, self._clock.monotonic_ns(), {**exchange, **fleet, "run": run})

    def is_flat(self) -> bool:
        """Nothing of ours is open and nothing may be placed now: a pause of the whole process would cost nothing."""
        held = self._desk.hands.inventory.read() if self._desk else None
        return held is not None and held.mode is Mode.STOP and not held.working

    def stats(self) -> dict[str, Any]:
        """Everything there is to know now, as plain JSON values (docs/summary.md)."""
        return self._stats.now()

    def summary(self) -> dict[str, Any]:
        """The account of the whole run; complete after `stop` (docs/summary.md)."""
        return self._stats.summary()

    def threads_text(self) -> str:
        """A thread dump for people (docs/threads.md)."""
        return dump_threads([*self._supervisor.report(), *self._bystanders.report()], self._stats.depths())

    def secrets(self) -> tuple[Secret, ...]:
        """What no log may show, beside the secrets of the settings: of mode embedded's wallet, and what the venue gave at start."""
        return self._secrets

    # --- starting ---------------------------------------------------------------------------------------------------

    def _build(self) -> desks.Desk:
        """Everything that may be refused before a thread runs: the exchange, the account, the lock."""
        settings = self._settings
        stock_comparison(settings.polymarket.chain_id)       # runs beside what follows; `desks.build` waits for it
        if self._record is not None:
            require_folder(self._record)
        if settings.mode == "embedded":
            settings = self._with_exchange(settings)
        account = open_account(settings.polymarket, settings.polymarket.private_key.reveal(), self._clock)
        self._secrets = desks.secrets_of(account)
        self._lock = KeyLock(control_dir(settings.ops), account.credentials.key)
        past = claim_past(settings.journal, settings.mode, account.address, self._clock.wall_ms())
        self._folder = past.folder
        self._fleet = self._stats.fleet = beside_a_desk(settings, self._clock, lambda lost: self._alerts.tell(
            Incident("crash", "fleet", f"{lost} Trading goes on without it.")))
        return desks.build(settings, account, past, self._clock, strategy=self._strategy, on_stopped=self._flat.set,
                           on_finished=self._on_finished, on_refused=self._on_refused, record=self._record)

    def _with_exchange(self, settings: Settings) -> Settings:
        options = settings.exchange
        self._exchange = ExchangeKeeper(self._clock, port=options.port, ws_port=options.ws_port, seed=options.seed,
                                        speed=options.speed, cash=options.cash)
        urls = self._exchange.urls
        log.info("embedded exchange: pid %d, %s, windows of %g s", urls.pid, urls.rest_url, urls.window_ms / 1000)
        return desks.at_exchange(settings, urls)

    def _start_roles(self, desk: desks.Desk, control: ControlRole) -> None:
        watch = Watch(self._supervisor, self._clock)
        self._stats.begin(self._settings, desk, self._supervisor)
        for role in (*desk.roles, watch, control):
            self._supervisor.start(role)
        for outlet in self._outlets:
            self._bystanders.start(outlet)
        self._until(lambda: self._ended.is_set() or all(role.cycles for role in self._supervisor.report()), FIRST_CYCLES_S)
        if self._failure is not None:
            raise self._failure

    def _abandon(self, error: BaseException) -> None:
        """Undoes a start. That orders may be open is worth more than why it failed, and is raised in its place."""
        if not self._running:
            self._stats.exit_reason = error.problem if isinstance(error, TraderError) else type(error).__name__
            self._release([])
        elif not self._end("start failed") and self._may_have_placed():
            self._raise_what_went_wrong(False)

    # --- stopping ---------------------------------------------------------------------------------------------------

    def _end(self, reason: str) -> bool:
        """The whole stop, in order. True when the venue confirmed that nothing is open."""
        self._running = False
        self._stats.exit_reason = self._failure.problem if self._failure else reason
        log.info("stopping: %s", self._stats.exit_reason)
        late: list[str] = []
        verified = False
        try:
            late = self._supervisor.stop(_DECIDES, STOP_QUOTING_S)
            verified = self._cancel_everything()
        finally:                                     # an impatient Ctrl-C must not leave threads and a child process behind
            late = self._stop_listening(late)
            self._stats.end(verified=verified)
            self._release(late)
            if not verified:                         # said here too: an interrupt goes on as itself
                log.error("the venue did not confirm that nothing is open")
                self._alerts.tell(Incident("orders_open", "exit", "it ended, and the venue did not confirm that nothing is open."))
            self._bystanders.stop_all(LAST_WORDS_S + 1)
        return verified

    def _cancel_everything(self) -> bool:
        assert self._desk is not None
        hands = self._desk.hands
        hands.inbox.put(Control(Command.STOP, self._stats.exit_reason))
        self._until(lambda: self._flat.is_set() or not self._executor_serves() or self._exchange_is_gone(),
                    self._settings.executor.shutdown_s)
        if not self._flat.is_set() and not self._executor_serves():
            self._cancel_directly(hands)             # nobody is left to verify: at least the cancel goes out
        return self._flat.is_set()

    def _cancel_directly(self, hands: desks.HandOffs) -> None:
        """A second time when no place is in the air any more, because the first cancel may have overtaken one."""
        gateway = self._settings.gateway
        hands.cancel_directly()
        self._until(lambda: not hands.is_placing() or self._exchange_is_gone(), (gateway.connect_ms + gateway.place_ms) / 1000)
        hands.cancel_directly()
        self._until(lambda: hands.outbox.depths["cancel_all"] == 0 or self._exchange_is_gone(), self._cancel_s())

    def _stop_listening(self, late: list[str]) -> list[str]:
        """Everybody else, in reverse. Gateway threads finish the request that they took. Returns all that did not end."""
        hung = {*late, *self._failed_roles}
        late = self._supervisor.stop(hung, 0)        # asked again, but not waited for a second time
        listeners = {role.name for role in self._supervisor.report()} - hung - _WRITES
        late += self._supervisor.stop(listeners, max(STOP_LISTENING_S, self._cancel_s()))
        if self._desk is not None:
            self._desk.journal.end_reason = self._stats.exit_reason
        late += self._supervisor.stop(_WRITES - hung, STOP_WRITING_S)
        if late:
            log.error("did not stop in time: %s\n%s", ", ".join(late), self.threads_text())
        return late

    def _release(self, late: list[str]) -> None:
        if self._desk is not None:
            self._desk.close(late)
        exchange, self._exchange = self._exchange, None
        for child in (self._fleet, exchange):
            if child is not None:
                child.stop()
        for claim in (self._folder, self._lock):
            if claim is not None:
                claim.release()

    def _raise_what_went_wrong(self, verified: bool) -> None:
        """Open orders first. But a run that never placed anything, or whose exchange died with them, says why it failed."""
        silent = self._failure is not None and (self._exchange_died or not self._may_have_placed())
        if not verified and not silent:
            raise OrdersMayBeOpen("the venue did not confirm that nothing is open.",
                                  remedy="Look at the venue's own page now and cancel by hand what is left.") from self._failure
        if self._failure is not None:
            raise self._failure

    # --- what it goes by --------------------------------------------------------------------------------------------

    def _on_failure(self, name: str, error: BaseException) -> None:
        """Called once a role, on its thread or the supervisor's: cancel first, then dump, then let `wait` return."""
        self._failed_roles.add(name)
        if self._desk is not None:
            self._desk.hands.inbox.put(Control(Command.CANCEL_ALL, f"role {name} failed"))
            if name == "executor":                   # dead or hanging: nobody reads that letter
                self._desk.hands.cancel_directly()
        failure = error if isinstance(error, TraderError) else RoleFailed(
            f"role {name} crashed: {error!r}.", remedy="The log above has the traceback and every thread's stack; please report it.")
        self._failure = self._failure or failure
        self._alerts.tell(Incident("crash", name, f"role {name} failed: {error} Everything is cancelled and the run ends."))
        log.error("role %s failed: %s\n%s", name, error, self.threads_text())
        self._ended.set()

    def _on_refused(self, error: AuthError) -> None:
        """Called once, on the executor's thread, which still works: the stop that follows is in order."""
        log.error("%s", error)
        self._failure = self._failure or error
        self._ended.set()

    def _on_finished(self) -> None:
        self._stop_reason = self._stop_reason or f"{self._settings.market.wanted} has closed"
        self._ended.set()

    def _exchange_is_gone(self) -> bool:
        """The embedded exchange died, and every order with it: there is nobody to ask and nothing to cancel."""
        exchange = self._exchange
        code = exchange.exit_code() if exchange and not self._exchange_died else None
        if code is not None and self._exchange is exchange:      # not one that `_release` has just stopped
            self._exchange_died = True
            self._failure = self._failure or RoleFailed(
                f"the embedded exchange ended with exit code {code}.",
                remedy="Its last words are above; start again, or run `trader exchange` alone to see why.")
            self._ended.set()
        return self._exchange_died

    def _executor_serves(self) -> bool:
        """Alive, and not found hanging."""
        return "executor" not in self._failed_roles and any(r.name == "executor" and r.alive for r in self._supervisor.report())

    def _may_have_placed(self) -> bool:
        """Or cannot tell: the last report of an executor that failed may be older than its last place."""
        held = self._desk.hands.inventory.read() if self._desk else None
        quoted = held is not None and held.condition_id != ""
        return self.summary().get("orders_placed", 0) > 0 or ("executor" in self._failed_roles and quoted)

    def _cancel_s(self) -> float:
        """How long a gateway thread may need for one cancel."""
        return (self._settings.gateway.connect_ms + self._settings.gateway.cancel_ms) / 1000 + 1

    def _until(self, done: Callable[[], bool], deadline_s: float) -> None:
        end_ns = self._clock.monotonic_ns() + int(deadline_s * 1e9)
        while not done() and self._clock.monotonic_ns() < end_ns:
            self._parked.wait(LOOK_S)


def _forgo(name: str, error: BaseException) -> None:
    log.error("%s failed: %s. Trading goes on without it.", name, error)
