"""The workers as processes: started, listened to, restarted when they die, stopped. The role `fl-crew`.

Thread: its own; it parks in `poll` on all workers' sockets. `open` and `close` run on the thread that starts and stops the fleet.
Workers are told through their links; what they say goes to the keeper's letters, and their heartbeats into `stats`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from trader.errors import ConfigError, RoleFailed, TraderError, WireError
from trader.fleet.letters import Doubted, Letter, Owned, WorkerBorn
from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Unpacker, Word
from trader.fleet.settings import FleetSettings
from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_MS = 200
READY_WITHIN_S = 10.0
FINISH_WITHIN_S = 10.0
TERMINATE_WITHIN_S = 2.0
MINUTE_NS = 60_000_000_000
MOST_DEATHS = 3                          # in a minute; then it is unhealthy, and restarted less often
PAUSE_NS = 5_000_000_000
SILENT_BEATS = 3
SUSPENDED_NS = 1_500_000_000             # our own wake-up this late: the whole machine stood still, not one worker
LAST_WORDS_S = 0.1
ANSWER_S = 5.0


class WorkerProcess(Protocol):
    """A subprocess.Popen, as far as it is used here."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


Launch = Callable[[int, socket.socket], WorkerProcess]


class Life(NamedTuple):
    """One worker process from its start to its end."""

    process: WorkerProcess
    end: socket.socket
    unpacker: Unpacker


class Crew:
    name = "fl-crew"

    def __init__(self, settings: FleetSettings, letters: Callable[[Letter], None], clock: Clock, *, launch: Launch,
                 on_action: Callable[[dict[str, Any]], None]) -> None:
        self._settings, self._letters, self._clock, self._launch, self._on_action = settings, letters, clock, launch, on_action
        self.posture = Posture(clock)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        count = min(settings.num_workers, os.cpu_count() or 1)
        self.links = tuple(WorkerLink(number, settings.queue_mb << 20, self._wake) for number in range(count))
        self._lives: list[Life | None] = [None] * count
        self._beats: list[dict[str, Any]] = [{} for _ in range(count)]
        self._heard_ns = [0] * count
        self._deaths: list[deque[int]] = [deque(maxlen=MOST_DEATHS) for _ in range(count)]
        self._restart_ns = [0] * count
        self._starting: set[int] = set()             # whose first word is awaited; nothing is handed to them yet
        self.restarts = 0
        self._answers: dict[int, tuple[threading.Event, list[dict[str, Any]]]] = {}
        self._asked = itertools.count(1)
        self._cycle_ns = clock.monotonic_ns()

    # --- any thread ---

    def worker_of(self, condition_id: str) -> int:
        """The same for both tokens of a market, and the same in every run."""
        return zlib.crc32(condition_id.encode()) % len(self.links)

    def tell(self, worker: int, word: Word) -> None:
        """Nothing is lost when there is no worker: the next one is told everything that it must know."""
        self.links[worker].tell(word)

    def ask_book(self, worker: int, token_id: str, timeout_s: float = ANSWER_S) -> dict[str, Any] | None:
        """The whole book of a token as its worker has it; None when it does not answer in time."""
        number, heard, answer = next(self._asked), threading.Event(), list[dict[str, Any]]()
        self._answers[number] = heard, answer
        try:
            self.links[worker].tell({"do": "book", "token": token_id, "asked": number})
            return answer[0] if heard.wait(timeout_s) else None
        finally:
            del self._answers[number]

    def stats(self) -> dict[str, Any]:
        return {
            "alive_count": sum(life is not None for life in tuple(self._lives)), "is_healthy": not self.ailments(),
            "restarts": self.restarts,
            "worker_stats": {str(number): {"pid": life.process.pid if life else None, **self._beats[number]}
                             for number, life in enumerate(tuple(self._lives))},
        }

    def ailments(self) -> list[str]:
        """Why the workers are not healthy; empty when they are."""
        now_ns = self._clock.monotonic_ns()
        dead = [f"worker {number} is down" for number, life in enumerate(tuple(self._lives)) if life is None or number in self._starting]
        return dead + [f"worker {number} died {MOST_DEATHS} times within a minute" for number, deaths in enumerate(self._deaths)
                       if len(deaths) == MOST_DEATHS and now_ns - deaths[0] < MINUTE_NS]

    # --- the thread that starts and stops the fleet ---

    def open(self) -> None:
        """Starts all workers and waits for their first word. Raises TraderError, with none left running."""
        try:
            for number in range(len(self.links)):
                self._start(number)
            for number in range(len(self.links)):
                self._await_ready(number)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Asks all, waits for them together, then insists."""
        for link in self.links:
            link.tell({"do": "stop"})
            link.flush()
            if link.depth:                           # so far behind that the word itself waits: the end of the socket says the same
                link.detach()
        end_ns = self._clock.monotonic_ns() + int(FINISH_WITHIN_S * 1e9)
        for number, life in enumerate(self._lives):
            if life is not None:
                if number in self._starting:         # it hears no word yet, but it sees the end of its socket
                    life.end.close()
                self._see_off(life.process, max(0.0, (end_ns - self._clock.monotonic_ns()) / 1e9))
                self._part_from(number, life)

    # --- fl-crew ---

    def on_start(self) -> None:
        self._cycle_ns = self._clock.monotonic_ns()

    def do_work(self) -> None:
        ready = self._park()
        now_ns = self._clock.monotonic_ns()
        for number, life in enumerate(self._lives):
            if life is not None and life.end.fileno() in ready:
                self._serve(number, life, now_ns)
        was_suspended, self._cycle_ns = now_ns - self._cycle_ns > SUSPENDED_NS, now_ns
        if was_suspended:
            self._heard_ns = [now_ns] * len(self.links)
        for number in range(len(self.links)):
            self._look_after(number, now_ns)

    def on_stop(self) -> None:
        self._wake_in.close()
        self._wake_out.close()

    def _park(self) -> set[int]:
        poll = select.poll()
        poll.register(self._wake_out, select.POLLIN)
        for number, life in enumerate(self._lives):
            if life is not None:
                poll.register(life.end, select.POLLIN | (select.POLLOUT if self.links[number].depth else 0))
        ready = {fileno for fileno, _ in poll.poll(PARK_MS)}
        with contextlib.suppress(BlockingIOError):
            self._wake_out.recv(4096)
        return ready

    def _serve(self, number: int, life: Life, now_ns: int) -> None:
        self.links[number].flush()
        try:
            data = life.end.recv(1 << 20)
            for parcel in life.unpacker.feed(data):
                self._hear(number, parcel, now_ns)
        except BlockingIOError:
            return
        except (OSError, WireError) as why:
            log.warning("worker %d: %s", number, why)
            data = b""
        if not data:
            self._bury(number, life, now_ns)

    def _hear(self, number: int, parcel: Frames | Word, now_ns: int) -> None:
        self._heard_ns[number] = now_ns
        if isinstance(parcel, Frames):
            return
        for kind, said in parcel.items():
            match kind:
                case "ready":
                    self._welcome(number)
                case "failed":
                    log.error("worker %d cannot start: %s %s", number, said, parcel.get("remedy", ""))
                case "owned":
                    self._letters(Owned(tuple((int(conn), str(token)) for conn, token in said)))
                case "doubted":
                    self._letters(Doubted(tuple((int(conn), str(token)) for conn, token in said)))
                case "beat":
                    self._beats[number] = said
                case "book":
                    self._answer(said)
                case "actions":
                    for action in said:
                        self._on_action(action)

    def _answer(self, said: dict[str, Any]) -> None:
        waiting = self._answers.get(said["asked"])
        if waiting is not None:
            waiting[1].append(said)
            waiting[0].set()

    def _look_after(self, number: int, now_ns: int) -> None:
        life = self._lives[number]
        if life is None:
            if now_ns >= self._restart_ns[number]:
                self._restart(number, now_ns)
        elif life.process.poll() is not None:
            self._bury(number, life, now_ns)
        elif now_ns - self._heard_ns[number] > (limit_ns := self._silence_ns(number)):
            log.error("worker %d (pid %d) has said nothing for %g s; it is killed", number, life.process.pid, limit_ns / 1e9)
            self._bury(number, life, now_ns)

    def _silence_ns(self, number: int) -> int:
        """How long it may say nothing."""
        limit_s = READY_WITHIN_S if number in self._starting else SILENT_BEATS * self._settings.heartbeat_s
        return int(limit_s * 1e9)

    def _bury(self, number: int, life: Life, now_ns: int) -> None:
        """Its markets wait for the next worker; the others' are not concerned."""
        self._part_from(number, life)
        try:
            code = life.process.wait(LAST_WORDS_S)   # its socket closes a moment before it has ended
        except subprocess.TimeoutExpired:
            life.process.kill()
            code = life.process.wait()
        self._deaths[number].append(now_ns)
        deaths = self._deaths[number]
        is_often = len(deaths) == MOST_DEATHS and now_ns - deaths[0] < MINUTE_NS
        self._restart_ns[number] = now_ns + (PAUSE_NS if is_often else 0)
        log.error("worker %d (pid %d) ended with exit code %d; it is started again%s", number, life.process.pid, code,
                  f" in {PAUSE_NS // 10**9} s, because it died {MOST_DEATHS} times within a minute" if is_often else "")

    def _restart(self, number: int, now_ns: int) -> None:
        """Returns at once: the other workers must not wait for the first word of this one."""
        try:
            self._start(number)
        except OSError as why:
            log.error("worker %d could not be started again: %s", number, why)
            self._deaths[number].append(now_ns)
            self._restart_ns[number] = now_ns + PAUSE_NS
            return
        self._heard_ns[number] = now_ns

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        try:
            process = self._launch(number, theirs)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._lives[number] = Life(process, ours, Unpacker())
        self._beats[number] = {}
        self._starting.add(number)

    def _welcome(self, number: int) -> None:
        """A worker that was started again is there; it knows nothing."""
        self._attach(number)
        self.restarts += 1
        self._letters(WorkerBorn(number))

    def _attach(self, number: int) -> None:
        life = self._lives[number]
        assert life is not None
        self._starting.discard(number)
        self.links[number].attach(life.end)

    def _part_from(self, number: int, life: Life) -> None:
        self.links[number].detach()
        life.end.close()                             # also of one that was never attached
        self._starting.discard(number)
        self._lives[number] = None

    def _await_ready(self, number: int) -> None:
        """Blocks for the first word of a worker."""
        life = self._lives[number]
        assert life is not None
        end_ns = self._clock.monotonic_ns() + int(READY_WITHIN_S * 1e9)
        poll = select.poll()
        poll.register(life.end, select.POLLIN)
        while (left_ns := end_ns - self._clock.monotonic_ns()) > 0:
            if not poll.poll(left_ns // 1_000_000 + 1):
                continue
            data = _received(life.end)
            if not data:
                break
            for parcel in life.unpacker.feed(data):
                assert isinstance(parcel, dict)
                if "ready" in parcel:
                    self._heard_ns[number] = self._clock.monotonic_ns()
                    self._attach(number)
                    return
                kind = ConfigError if parcel["exit_code"] == ConfigError.exit_code else TraderError
                raise kind(f"worker {number} cannot start: {parcel['failed']}", remedy=str(parcel["remedy"]))
        raise RoleFailed(f"worker {number} was not ready within {READY_WITHIN_S:g} s, or ended before.",
                         remedy="Its last words are above; check the memory and processes of this machine.")

    def _see_off(self, process: WorkerProcess, finish_s: float) -> None:
        for wait_s, insist in ((finish_s, process.terminate), (TERMINATE_WITHIN_S, process.kill)):
            try:
                process.wait(wait_s)
                return
            except subprocess.TimeoutExpired:
                log.warning("worker process %d did not end in time", process.pid)
                insist()
        process.wait()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):           # full: a wake-up waits already; closed: nobody waits any more
            self._wake_in.send(b"\0")


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 20)
    except OSError:
        return b""


def launcher(settings: FleetSettings) -> Launch:
    """Starts `python -m trader.fleet.worker`: the embedder's own script is never imported again. A session of its own keeps a
    terminal's Ctrl-C away."""
    def launch(number: int, theirs: socket.socket) -> WorkerProcess:
        command: Sequence[str] = (sys.executable, "-m", "trader.fleet.worker", str(theirs.fileno()), str(number),
                                  settings.handler_factory, str(int(settings.heartbeat_s * 1e9)))
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
                                start_new_session=True)
    return launch
