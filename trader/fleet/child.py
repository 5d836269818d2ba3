"""The fleet as a child process: what `trader run` and embedders hold. Any thread may ask; one thread starts and stops.

The child lives in a process group of its own and ends by itself when this process dies, because its stdin closes. The thread
`fleet-answers` reads what it says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import orjson

from trader.errors import ConfigError, ControlError, RoleFailed, TraderError
from trader.feeds.settings import FeedSettings
from trader.fleet.settings import FleetSettings
from trader.ops.settings import OpsSettings
from trader.runtime.role import name_native_thread

log = logging.getLogger(__name__)

READY_WITHIN_S = 15.0
STOPPED_WITHIN_S = 30.0
ANSWER_S = 6.0
_OF_THE_LOG = ("log_level", "log_levels", "log_format", "log_file")       # of the settings `ops`; the rest is the parent's
_ERRORS: dict[int, type[TraderError]] = {ConfigError.exit_code: ConfigError, RoleFailed.exit_code: RoleFailed}


class FleetChild:
    """One fleet process, running when the constructor returns. Raises what the fleet raised when it cannot start."""

    def __init__(self, settings: FleetSettings, feeds: FeedSettings, *, ws_url: str, gamma_url: str, ops: OpsSettings | None = None,
                 switch_interval_us: int = 500, realtime_priority: int = 0,
                 on_action: Callable[[dict[str, Any]], None] = lambda action: None) -> None:
        """`on_action` is called on the thread `fleet-answers` with what a handler wants done; `ops` says how the process logs.
        `realtime_priority`: SCHED_FIFO for the process, and one below for its workers; 0: none, as beside a desk."""
        self._on_action = on_action
        self._answers: dict[int, tuple[threading.Event, list[Any]]] = {}
        self._asked = 0
        self._write = threading.Lock()               # one request a line, whoever asks
        self._started, self._first = threading.Event(), list[dict[str, Any]]()
        self._process = subprocess.Popen([sys.executable, "-m", "trader.fleet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         process_group=0)
        self._reader = threading.Thread(target=self._read, name="fleet-answers", daemon=True)
        self._reader.start()
        try:
            self._send({"fleet": dataclasses.asdict(settings), "feeds": dataclasses.asdict(feeds), "ws_url": ws_url,
                        "gamma_url": gamma_url, "log": _log_keys(ops or OpsSettings()), "switch_interval_us": switch_interval_us,
                        "realtime_priority": realtime_priority})
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stats(self) -> dict[str, Any]:
        """docs/fleet.md. Of a fleet that has ended: only that it does not run."""
        return dict(self._ask({"ask": "stats"})) if self.exit_code() is None else {"running": False}

    def book(self, token_id: str) -> dict[str, Any] | None:
        """The whole book of a token, with (price_bp, size_micro) levels, best first."""
        found: dict[str, Any] | None = self._ask({"ask": "book", "token": token_id})
        return found

    def recycle(self, connection: int | None = None) -> None:
        """Replaces that connection, or the oldest one, soon."""
        self._ask({"ask": "recycle", "connection": connection})

    def threads_text(self) -> str:
        return str(self._ask({"ask": "threads"}))

    def kill(self) -> None:
        """For a fleet that hangs. Its workers end when its sockets close; `stop` then closes the pipes."""
        self._process.kill()

    def stop(self) -> int:
        """Asks by closing the pipe, waits, then kills. Returns the exit code; the process is gone."""
        with self._write, contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        code = self._process.wait()
        self._reader.join(1.0)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
        return code

    def _ask(self, request: dict[str, Any]) -> Any:
        with self._write:
            self._asked += 1
            number = self._asked
        heard, answer = self._answers[number] = threading.Event(), []
        try:
            self._send({**request, "id": number})
            if heard.wait(ANSWER_S) and answer:
                return answer[0]
        finally:
            del self._answers[number]
        raise ControlError(f"the fleet (pid {self.pid}) did not answer {request['ask']!r} within {ANSWER_S:g} s.",
                           remedy="Its log says what it does; if it has ended, start the run again.")

    def _send(self, row: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            with self._write:
                self._process.stdin.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                self._process.stdin.flush()
        except (OSError, ValueError) as why:         # ValueError: closed by `stop`
            raise ControlError(f"the fleet (pid {self.pid}) is gone: {why}.", remedy="Its last words are in the log above.") from None

    def _await_ready(self) -> None:
        self._started.wait(READY_WITHIN_S)
        said = self._first[0] if self._first else {"event": "failed", "problem": "it was not ready in time, or ended without a word."}
        if said["event"] != "ready":
            kind = _ERRORS.get(int(said.get("exit_code", 0)), TraderError)
            raise kind(f"the fleet did not start: {said['problem']}", remedy=said.get("remedy", "Its last words are in the log above."))

    def _read(self) -> None:
        """Body of `fleet-answers`."""
        name_native_thread("fleet-answers")
        assert self._process.stdout is not None
        for line in self._process.stdout:
            row = orjson.loads(line)
            match row["event"]:
                case "answer":
                    waiting = self._answers.get(row["id"])
                    if waiting is not None:
                        waiting[1].append(row["answer"])
                        waiting[0].set()
                case "action":
                    self._take_action(row["action"])
                case _ if not self._started.is_set():
                    self._first.append(row)
                    self._started.set()
        self._started.set()                          # it ended: nobody need wait any longer
        for heard, _ in tuple(self._answers.values()):
            heard.set()

    def _take_action(self, action: dict[str, Any]) -> None:
        """Who is called may fail; answers must go on being read."""
        try:
            self._on_action(action)
        except Exception:
            log.exception("on_action failed for %r; the fleet goes on", action)


def _log_keys(ops: OpsSettings) -> dict[str, str]:
    return {name: getattr(ops, name) for name in _OF_THE_LOG}
