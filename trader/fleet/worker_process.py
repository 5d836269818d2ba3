"""One worker process from its start to its end, as the fleet holds it. On the thread `fl-crew`, or that which starts and stops."""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from trader.errors import ConfigError, RoleFailed, TraderError
from trader.fleet.parcels import Unpacker
from trader.fleet.settings import FleetSettings
from trader.runtime.clock import Clock
from trader.runtime.process import one_below

log = logging.getLogger(__name__)

READY_WITHIN_S = 10.0
TERMINATE_WITHIN_S = 2.0
LAST_WORDS_S = 0.1
DUMP_SIGNAL = signal.SIGUSR1             # a worker writes to its stderr where it is


class WorkerProcess(Protocol):
    """A subprocess.Popen, as far as it is used here."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


Launch = Callable[[int, socket.socket], WorkerProcess]


class Life(NamedTuple):
    process: WorkerProcess
    end: socket.socket
    unpacker: Unpacker

    def await_ready(self, number: int, clock: Clock) -> None:
        """Blocks for its first word. Raises TraderError with what it says instead, or when it says nothing in time."""
        end_ns = clock.monotonic_ns() + int(READY_WITHIN_S * 1e9)
        poll = select.poll()
        poll.register(self.end, select.POLLIN)
        while (left_ns := end_ns - clock.monotonic_ns()) > 0:
            if not poll.poll(left_ns // 1_000_000 + 1):
                continue
            data = _received(self.end)
            if not data:
                raise RoleFailed(f"worker {number} ended before it was ready.", remedy="Its last words are above; check the memory and "
                                 "processes of this machine.")
            for parcel in self.unpacker.feed(data):
                assert isinstance(parcel, dict)
                if "ready" in parcel:
                    return
                kind = ConfigError if parcel["exit_code"] == ConfigError.exit_code else TraderError
                raise kind(f"worker {number} cannot start: {parcel['failed']}", remedy=str(parcel["remedy"]))
        self.dump()
        raise RoleFailed(f"worker {number} was not ready within {READY_WITHIN_S:g} s.",
                         remedy="Its stack is above: a fleet.handler_factory that waits is the usual cause.")

    def dump(self) -> None:
        """Lets it write its stack, if it still can."""
        with contextlib.suppress(OSError):
            self.process.send_signal(DUMP_SIGNAL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LAST_WORDS_S)

    def bury(self) -> int:
        """Its exit code. One that still runs is killed."""
        try:
            return self.process.wait(LAST_WORDS_S)   # its socket closes a moment before it has ended
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def see_off(self, finish_s: float) -> None:
        """It has been asked to end. Waits, then insists."""
        for wait_s, insist in ((finish_s, self.process.terminate), (TERMINATE_WITHIN_S, self.process.kill)):
            try:
                self.process.wait(wait_s)
                return
            except subprocess.TimeoutExpired:
                log.warning("worker process %d did not end in time", self.process.pid)
                insist()
        self.process.wait()


def started(launch: Launch, number: int) -> Life:
    """Raises OSError when there is no room for another process."""
    ours, theirs = socket.socketpair()
    try:
        process = launch(number, theirs)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return Life(process, ours, Unpacker())


def launcher(settings: FleetSettings) -> Launch:
    """Starts `python -m trader.fleet.worker`: the embedder's own script is never imported again. A process group of its own keeps a
    terminal's Ctrl-C away; not a session of its own, because Linux weighs sessions against each other (docs/fleet.md)."""
    def launch(number: int, theirs: socket.socket) -> WorkerProcess:
        command: Sequence[str] = (sys.executable, "-m", "trader.fleet.worker", str(theirs.fileno()), str(number),
                                  settings.handler_factory, str(int(settings.heartbeat_s * 1e9)))
        with one_below():                            # a handler must not hold up the frames of others
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
                                    process_group=0)
    return launch


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""
