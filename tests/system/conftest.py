"""Whole processes on loopback: an exchange started separately, and desks as a user starts them, judged from outside."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from eth_account import Account

from trader.testing.exchange_process import running_exchange

ROOT = Path(__file__).parents[2]

LIVE = """
mode: live
polymarket: {{clob_url: {rest}, gamma_url: {gamma}, ws_url: {ws}, private_key: "{key}"}}
binance: {{ws_url: {binance}}}
strategy: {{volatility_prior_bp: 8.5}}
ops: {{control_dir: {folder}}}
"""


class DeskProcess:
    """`trader run …` as a child. `said` collects its log; `wait_for` blocks until a line with this text appears."""

    def __init__(self, arguments, folder, environment=None):
        self.summary_file = folder / f"summary-{secrets.token_hex(4)}.json"
        command = [sys.executable, "-m", "trader", "run", *map(str, arguments), "--summary", str(self.summary_file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
                                        env={**os.environ, **(environment or {})})
        self.said = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.said.append(line.rstrip())
                self._news.notify_all()

    @property
    def log(self):
        return "\n".join(self.said)

    def wait_for(self, text, timeout_s=15, after=0):
        """The index of the first line that has `text`, from line `after` on."""
        end_s = time.monotonic() + timeout_s
        with self._news:
            while True:
                for index, line in enumerate(self.said[after:], after):
                    if text in line:
                        return index
                if not self._news.wait(end_s - time.monotonic()) or time.monotonic() > end_s:
                    raise AssertionError(f"{text!r} was not said within {timeout_s} s:\n{self.log}")

    def send(self, number):
        os.kill(self.pid, number)

    def finish(self, timeout_s=30):
        """(exit code, summary or None)"""
        code = self.process.wait(timeout_s)
        self._reader.join(5)
        text = self.summary_file.read_text() if self.summary_file.exists() else ""
        return code, json.loads(text) if text else None

    def interrupt(self, timeout_s=30):
        self.send(signal.SIGINT)
        return self.finish(timeout_s)


@pytest.fixture(scope="module")
def exchange():
    with running_exchange(speed=72, seed=3) as urls:
        yield urls


@pytest.fixture
def start_desk(tmp_path):
    """Starts desks and ends what a failed test leaves behind."""
    started = []

    def start(*arguments, environment=None):
        started.append(DeskProcess(arguments, tmp_path, environment))
        return started[-1]

    yield start
    for desk in started:
        if desk.process.poll() is None:
            desk.process.kill()
            desk.process.wait()


class Wallet:
    """A fresh key, a conf.yaml that uses it against `exchange`, and what the exchange says about it."""

    def __init__(self, exchange, folder):
        self._exchange = exchange
        self.key = "0x" + secrets.token_hex(32)
        self.address = Account.from_key(self.key).address
        self.conf = folder / f"conf-{self.address}.yaml"
        self.conf.write_text(LIVE.format(rest=exchange.rest_url, gamma=exchange.gamma_url, ws=exchange.ws_url,
                                         binance=exchange.binance_ws_url, key=self.key, folder=folder))
        self.conf.chmod(0o600)

    def ledger(self):
        answer = httpx.get(f"{self._exchange.rest_url}/control/ledger", params={"address": self.address})
        return answer.json() if answer.status_code == 200 else None

    def open_orders(self):
        ledger = self.ledger()
        return ledger["open_orders"] if ledger else 0


@pytest.fixture
def wallet(exchange, tmp_path):
    return Wallet(exchange, tmp_path)
