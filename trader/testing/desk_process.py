"""A desk as a user runs it, `trader run …` as a child, judged from outside. For system tests and long runs."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account

from trader.errors import ControlError
from trader.exchange.child import ExchangeUrls
from trader.ops.control import ask
from trader.runtime.clock import SystemClock

_CONF = """
mode: live
polymarket: {{clob_url: {rest}, gamma_url: {gamma}, ws_url: {ws}, private_key: "{key}"}}
binance: {{ws_url: {binance}}}
strategy: {{volatility_prior_bp: 8.5}}
executor: {{daily_loss_usd: 1000000}}
ops: {{control_dir: {folder}}}
journal: {{dir: {folder}/journal}}
"""


class DeskProcess:
    """`said` collects its log. Every wait has a limit and fails with the whole log. Owner: the test's thread."""

    def __init__(self, arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder, self._clock = folder, SystemClock()
        self._summary_file = folder / f"summary-{secrets.token_hex(4)}.json"
        command = [sys.executable, "-m", "trader", "run", *arguments, "--summary", str(self._summary_file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self.said: list[str] = []
        self._news = threading.Condition()
        self._silent = False             # its output has ended
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def log(self) -> str:
        return "\n".join(self.said)

    def wait_for(self, text: str, timeout_s: float = 15, after: int = 0) -> int:
        """The index of the first line that has `text`, from line `after` on. A desk that has ended says nothing more."""
        end_ns = self._clock.monotonic_ns() + int(timeout_s * 1e9)
        with self._news:
            while True:
                for index, line in enumerate(self.said[after:], after):
                    if text in line:
                        return index
                left_s = (end_ns - self._clock.monotonic_ns()) / 1e9
                if left_s <= 0 or self._silent or not self._news.wait(left_s):
                    when = "before it ended" if self._silent else f"within {timeout_s} s"
                    raise AssertionError(f"{text!r} was not said {when}:\n{self.log}")

    def status(self) -> dict[str, Any]:
        """`trader status`: everything it says of itself now."""
        stats: dict[str, Any] = ask(self._folder, self.pid, {"command": "status"})["stats"]
        return stats

    def wait_until(self, holds: Callable[[dict[str, Any]], bool], timeout_s: float, what: str) -> dict[str, Any]:
        """The first status for which `holds`."""
        end_ns = self._clock.monotonic_ns() + int(timeout_s * 1e9)
        while self._clock.monotonic_ns() < end_ns:
            with contextlib.suppress(ControlError):      # it is still starting
                status = self.status()
                if holds(status):
                    return status
            with self._news:
                self._news.wait(0.1)
        raise AssertionError(f"not within {timeout_s} s: {what}\n{self.log}")

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def finish(self, timeout_s: float = 30) -> tuple[int, dict[str, Any]]:
        """(exit code, summary; empty when there was none)."""
        code = self.process.wait(timeout_s)
        self._reader.join(5)
        text = self._summary_file.read_text() if self._summary_file.exists() else ""
        return code, json.loads(text) if text else {}

    def interrupt(self, timeout_s: float = 30) -> tuple[int, dict[str, Any]]:
        self.send(signal.SIGINT)
        return self.finish(timeout_s)

    def kill(self) -> None:
        """Leaves nothing behind, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.said.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._silent = True
            self._news.notify_all()


class Wallet:
    """A fresh key, a conf.yaml in `folder` that trades with it at `exchange`, and what the exchange says of it."""

    def __init__(self, exchange: ExchangeUrls, folder: Path) -> None:
        self._exchange = exchange
        self.key = "0x" + secrets.token_hex(32)
        self.address: str = Account.from_key(self.key).address
        self.conf = folder / f"conf-{self.address}.yaml"
        self.conf.write_text(_CONF.format(rest=exchange.rest_url, gamma=exchange.gamma_url, ws=exchange.ws_url,
                                          binance=exchange.binance_ws_url, key=self.key, folder=folder))
        self.conf.chmod(0o600)

    def ledger(self) -> dict[str, Any]:
        """Cash, positions, orders and trades by the exchange's books; empty before its first login."""
        answer = httpx.get(f"{self._exchange.rest_url}/control/ledger", params={"address": self.address})
        return dict(answer.json()) if answer.status_code == 200 else {}

    def open_orders(self) -> int:
        return int(self.ledger().get("open_orders", 0))

    def position(self, condition_id: str) -> tuple[float, float]:
        """Settled shares of (YES, NO)."""
        held = {row["outcome"]: row["settled_micro"] / 1e6 for row in self.ledger().get("positions", [])
                if row["condition_id"] == condition_id}
        return held.get("Up", 0.0), held.get("Down", 0.0)
