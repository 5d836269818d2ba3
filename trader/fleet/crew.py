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
import threading
import zlib
from collections.abc import Callable
from typing import Any

from trader.errors import WireError
from trader.fleet.letters import Doubted, Letter, Owned, WorkerBorn
from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Word
from trader.fleet.settings import FleetSettings
from trader.fleet.vitals import MOST_DEATHS, PAUSE_NS, Vitals
from trader.fleet.worker_process import Launch, Life, started
from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_MS = 200
FINISH_WITHIN_S = 10.0
SUSPENDED_NS = 1_500_000_000             # our own wake-up this late: the whole machine stood still, not one worker
ANSWER_S = 5.0


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
        self._vitals = tuple(Vitals(number, settings.heartbeat_s) for number in range(count))
        self.restarts = 0
        self._answers: dict[int, tuple[threading.Event, list[dict[str, Any]]]] = {}
        self._asked = itertools.count(1)
        self._cycle_ns = clock.monotonic_ns()

    # --- any thread ---

    def worker_of(self, group: str) -> int:
        """The same for all markets of a link group, and the same in every run."""
        return zlib.crc32(group.encode()) % len(self.links)

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
            "worker_stats": {str(number): {"pid": life.process.pid if life else None, **self._vitals[number].beat}
                             for number, life in enumerate(tuple(self._lives))},
        }

    def ailments(self) -> list[str]:
        """Why the workers are not healthy; empty when they are."""
        now_ns, lives = self._clock.monotonic_ns(), tuple(self._lives)
        return [why for vitals, life in zip(self._vitals, lives, strict=True) for why in vitals.ailments(now_ns, is_alive=life is not None)]

    # --- the thread that starts and stops the fleet ---

    def open(self) -> None:
        """Starts all workers and waits for their first word. Raises TraderError, with none left running."""
        try:
            for number in range(len(self.links)):
                self._start(number)
            for number, life in enumerate(self._lives):
                assert life is not None
                life.await_ready(number, self._clock)
                self._attach(number)
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
                if self._vitals[number].is_starting:     # it hears no word yet, and has nothing to finish
                    life.process.terminate()
                life.see_off(max(0.0, (end_ns - self._clock.monotonic_ns()) / 1e9))
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
            for vitals in self._vitals:
                vitals.speaks(now_ns)
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
            data = life.end.recv(1 << 16)
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
        self._vitals[number].speaks(now_ns)
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
                    self._vitals[number].beats(said, now_ns)
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
        life, vitals = self._lives[number], self._vitals[number]
        if life is None:
            if now_ns >= vitals.restart_ns:
                self._restart(number, now_ns)
        elif life.process.poll() is not None:
            self._bury(number, life, now_ns)
        elif vitals.is_silent(now_ns):
            log.error("worker %d (pid %d) has said nothing for %g s; its stack follows if it can still show it, then it is killed", number,
                      life.process.pid, vitals.silence_s)
            life.dump()
            self._bury(number, life, now_ns)

    def _bury(self, number: int, life: Life, now_ns: int) -> None:
        """Its markets wait for the next worker; the others' are not concerned."""
        self._part_from(number, life)
        code, vitals = life.bury(), self._vitals[number]
        vitals.dies(now_ns)
        log.error("worker %d (pid %d) ended with exit code %d; it is started again%s", number, life.process.pid, code,
                  f" in {PAUSE_NS // 10**9} s, because it died {MOST_DEATHS} times within a minute" if vitals.dies_often(now_ns) else "")

    def _restart(self, number: int, now_ns: int) -> None:
        """Returns at once: the other workers must not wait for the first word of this one."""
        try:
            self._start(number)
        except OSError as why:
            log.error("worker %d could not be started again: %s", number, why)
            self._vitals[number].cannot_start(now_ns)

    def _start(self, number: int) -> None:
        self._lives[number] = started(self._launch, number)
        self._vitals[number].starts(self._clock.monotonic_ns())

    def _welcome(self, number: int) -> None:
        """A worker that was started again is there; it knows nothing."""
        self._attach(number)
        self.restarts += 1
        self._letters(WorkerBorn(number))

    def _attach(self, number: int) -> None:
        life = self._lives[number]
        assert life is not None
        self._vitals[number].is_ready(self._clock.monotonic_ns())
        self.links[number].attach(life.end)

    def _part_from(self, number: int, life: Life) -> None:
        self.links[number].detach()
        life.end.close()                             # also of one that was never attached
        self._vitals[number].goes()
        self._lives[number] = None

    def _wake(self) -> None:
        with contextlib.suppress(OSError):           # full: a wake-up waits already; closed: nobody waits any more
            self._wake_in.send(b"\0")
