"""The embedded exchange as a child process: started by a desk in `mode: embedded` and by tests. Any thread may own one.

The child lives in a session of its own, so that a terminal's Ctrl-C does not reach it before our orders are cancelled, and
ends by itself when this process dies, because its stdin closes. It speaks once: a JSON line, ready or failed. `keeper` starts it again
when it dies under a desk.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any, NamedTuple

from trader.errors import ConfigError, PortInUse, TraderError, VenueUnreachable

READY_WITHIN_S = 10.0
STOPPED_WITHIN_S = 5.0


class ExchangeUrls(NamedTuple):
    """The ready line of the child, as fields."""

    pid: int
    rest_url: str
    gamma_url: str
    binance_rest_url: str
    ws_url: str
    binance_ws_url: str
    seed: int
    window_ms: int


class ExchangeChild:
    """One exchange process. Options are its command line's, with underscores: `ExchangeChild(speed=72, settle_ms=200)`."""

    def __init__(self, *, own_session: bool = True, **options: Any) -> None:
        """`own_session`: False where nobody presses Ctrl-C; Linux weighs sessions against each other, which shows in tails."""
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", "trader.exchange", "--parent-pipe", *flags]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         start_new_session=own_session)
        try:
            self.urls = self._await_ready()
        except BaseException:
            self.stop()
            raise

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Blocks until it has ended; its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Asks, then kills. Returns when the process is gone."""
        self._process.terminate()
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _await_ready(self) -> ExchangeUrls:
        assert self._process.stdout is not None
        overdue = threading.Timer(READY_WITHIN_S, self._process.kill)    # one that hangs is killed, and the read below returns
        overdue.start()
        line = self._process.stdout.readline()
        overdue.cancel()
        said: dict[str, Any] = json.loads(line) if line else {"event": "failed", "problem": "it ended without a word."}
        if said["event"] == "ready":
            return ExchangeUrls(**{name: said[name] for name in ExchangeUrls._fields})
        raise _error(said)


def _error(said: dict[str, Any]) -> TraderError:
    kind = {PortInUse.exit_code: PortInUse, ConfigError.exit_code: ConfigError}.get(int(said.get("exit_code", 0)), VenueUnreachable)
    return kind(f"the embedded exchange did not start: {said['problem']}",
                remedy=said.get("remedy", "Run `trader exchange` alone to see why."))
