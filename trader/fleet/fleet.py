"""The fleet, put together: started in order, stopped in reverse, each step with a deadline. Runs on the thread that owns it.

    registry → workers → router → pool → lifecycle → recycler

The router lives in the pool's connections, the recycler in the keeper; a recording starts before them all and ends after them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trader.errors import RoleFailed, TraderError
from trader.feeds.line import Connect, Wait, open_line, wait_readable
from trader.feeds.settings import FeedSettings
from trader.fleet.connection import NAMED, PoolConnection, Row
from trader.fleet.connections import Lines
from trader.fleet.crew import Crew
from trader.fleet.keeper import Callbacks, Keeper
from trader.fleet.letters import RecycleNow
from trader.fleet.lifecycle import Lifecycle
from trader.fleet.link_groups import LinkGroups
from trader.fleet.registry import Registry
from trader.fleet.settings import FleetSettings
from trader.fleet.stats import FleetStats
from trader.fleet.worker_process import Launch, launcher
from trader.model.record import NOT_RECORDED
from trader.ops.archive import require_folder
from trader.ops.recorder import RecordRole
from trader.ops.threads import dump_threads
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock, SystemClock
from trader.runtime.supervisor import Supervisor, Watch
from trader.venues.contract import Catalogue, PoolStream

log = logging.getLogger(__name__)

WATCHDOG_MS = 5_000
STOP_S = 5.0                 # each group of threads


class Fleet:
    """One run. `failure` is set, and `on_failure` called once, when a role crashed or hangs: then it should be stopped."""

    def __init__(self, settings: FleetSettings, feeds: FeedSettings, stream: PoolStream, catalogue: Catalogue, *,
                 clock: Clock | None = None, callbacks: Callbacks | None = None, launch: Launch | None = None,
                 connect: Connect = open_line, wait: Wait = wait_readable, on_action: Callable[[dict[str, Any]], None] | None = None,
                 on_failure: Callable[[TraderError], None] = lambda error: None) -> None:
        self._settings, self._feeds, self._stream, self._connect, self._wait = settings, feeds, stream, connect, wait
        self._clock, self._on_failure = clock or SystemClock(), on_failure
        self.registry = Registry(LinkGroups(settings.link_groups))
        self._record = RecordRole(Path(settings.record_dir), self._clock) if settings.record_dir else None
        self._crew = Crew(settings, lambda letter: self._keeper.put(letter), self._clock, launch=launch or launcher(settings),
                          on_action=on_action or (lambda action: None))
        self._lines = Lines(self._connection, self._clock, self._failed, self._connection_closed)
        self._keeper = Keeper(settings, self.registry, self._lines, self._crew, self._clock, callbacks=callbacks,
                              look_after=self._lines.look_after)
        self._lifecycle = Lifecycle(settings, catalogue, self._keeper.put, self._clock)
        self._supervisor = Supervisor(self._clock, WATCHDOG_MS, self._failed)
        self._stats = FleetStats(settings, self.registry, self._keeper, self._lines, self._crew, self._lifecycle, self._clock)
        self._life = threading.Lock()
        self._started = self._running = False
        self.failure: TraderError | None = None

    # --- life ---

    def start(self) -> None:
        """Returns when every worker is ready and discovery has begun. Undoes what it started, and raises, when something is refused."""
        with self._life:
            if self._started:
                raise TraderError("this fleet was started before.", remedy="Make a new one for each run.")
            self._started = True
            try:
                self._start()
            except BaseException:
                self._stop()
                raise
            self._running = True

    def stop(self) -> None:
        """Idempotent. Raises RoleFailed when something had failed, after everything was stopped."""
        with self._life:
            if not self._running:
                return
            self._running = False
            self._stop()
        if self.failure is not None:
            raise self.failure

    def _start(self) -> None:
        if self._record is not None:
            require_folder(Path(self._settings.record_dir))
            self._supervisor.start(self._record)
        self._crew.open()
        for role in (self._crew, self._keeper, self._lifecycle, Watch(self._supervisor, self._clock)):
            self._supervisor.start(role)
        log.info("fleet: %d workers are ready, discovery begins", len(self._crew.links))

    def _stop(self) -> None:
        late = self._supervisor.stop({Lifecycle.name, Watch.name}, STOP_S)
        late += self._supervisor.stop({Keeper.name}, STOP_S)
        late += self._lines.close_all(STOP_S)
        late += self._supervisor.stop({Crew.name}, STOP_S)
        if Crew.name not in late:
            self._crew.close()
        late += self._supervisor.stop({RecordRole.name}, STOP_S)
        if late:
            log.error("did not stop in time: %s\n%s", ", ".join(late), self.threads_text())

    # --- what it shows and can be told ---

    def stats(self) -> dict[str, Any]:
        return self._stats.now(running=self._running)

    def health(self) -> dict[str, Any]:
        return self._stats.health()

    def book(self, token_id: str) -> dict[str, Any] | None:
        """The whole book of one token as its worker has it; None when nobody watches it."""
        entry = self.registry.by_token(token_id)
        return None if entry is None else self._crew.ask_book(self._crew.worker_of(entry.group), token_id)

    def recycle(self, connection: int | None = None) -> None:
        """Replaces that connection, or the oldest one, soon."""
        self._keeper.put(RecycleNow(connection))

    def threads_text(self) -> str:
        return dump_threads(self._supervisor.report(), {"letters": self._keeper.depth})

    # --- parts ---

    def _connection(self, number: int, rows: Sequence[Row]) -> PoolConnection:
        backoff = Backoff(self._feeds.reconnect_min_s, self._feeds.reconnect_max_s)
        recorder = NOT_RECORDED if self._record is None else self._record.tape(f"{NAMED}{number}")
        return PoolConnection(number, self._stream, self._crew.links, self._keeper.put, self._lifecycle.born, self._clock, rows=rows,
                              backoff=backoff, quiet_s=self._settings.quiet_s, connect=self._connect, wait=self._wait,
                              recorder=recorder)

    def _connection_closed(self, name: str) -> None:
        if self._record is not None:
            self._record.release(name)

    def _failed(self, name: str, error: BaseException) -> None:
        failure = error if isinstance(error, TraderError) else RoleFailed(
            f"role {name} of the fleet crashed: {error!r}.", remedy="The log above has the traceback; please report it.")
        if self.failure is None:
            self.failure = failure
            log.error("role %s of the fleet failed: %s\n%s", name, error, self.threads_text(), exc_info=error)
            self._on_failure(failure)
