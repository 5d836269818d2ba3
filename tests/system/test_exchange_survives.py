"""kill -9 in the middle of a client's activity: what was answered before is there afterwards, on the same ports and state."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import httpx
import pytest
from eth_account import Account
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs, OrderPayload, OrderType, PartialCreateOrderOptions
from py_clob_client_v2.exceptions import PolyApiException

from trader.errors import ConfigError, PortInUse
from trader.exchange.child import ExchangeChild
from trader.testing.exchange_process import running_exchange

KEY = "0x" + "55" * 32
ADDRESS = Account.from_key(KEY).address
SPEED = 6       # windows of ten minutes: none ends during a test


class Survivor:
    """An exchange that can be killed and started again where it was."""

    def __init__(self, folder):
        self.options = {"speed": SPEED, "settle_ms": 200, "state": folder / "exchange.state"}
        self.child = ExchangeChild(**self.options)
        self.urls = self.child.urls
        self.options |= {"port": self.urls.rest_url.rpartition(":")[2], "ws_port": self.urls.ws_url.rpartition(":")[2]}

    def kill(self):
        os.kill(self.child.urls.pid, signal.SIGKILL)
        self.child.stop()

    def start(self):
        self.child = ExchangeChild(**self.options)
        assert (self.child.urls.rest_url, self.child.urls.ws_url) == (self.urls.rest_url, self.urls.ws_url)

    def markets(self):
        query = {"closed": "false", "end_date_min": datetime.now(UTC).isoformat()}
        events = httpx.get(f"{self.urls.gamma_url}/events/keyset", params=query).json()["events"]
        return [(m["conditionId"], m["clobTokenIds"], m["slug"], m["startDate"]) for event in events for m in event["markets"]]

    def ledger(self):
        return httpx.get(f"{self.urls.rest_url}/control/ledger", params={"address": ADDRESS}).json()

    def state(self):
        return httpx.get(f"{self.urls.rest_url}/control/state").json()


@pytest.fixture
def exchange(tmp_path):
    survivor = Survivor(tmp_path)
    yield survivor
    survivor.child.stop()


def connected(exchange, creds=None):
    client = ClobClient(exchange.urls.rest_url, 137, key=KEY, creds=creds)
    if creds is None:
        client.set_api_creds(client.create_or_derive_api_key())
    return client


class Activity(threading.Thread):
    """Places and cancels in the market after next, where no bot trades, until the exchange is gone. Notes what was answered."""

    def __init__(self, client, token):
        super().__init__(daemon=True)
        self.client, self.token, self.live, self.gone = client, token, set(), set()
        self.in_doubt = set()
        self.busy = threading.Event()

    def run(self):
        while True:
            args = OrderArgs(token_id=self.token, price=0.01, size=5, side="BUY")
            signed = self.client.create_order(args, PartialCreateOrderOptions("0.01", False))
            try:
                order_id = self.client.post_order(signed, OrderType.GTC)["orderID"]
                self.live.add(order_id)
                if len(self.live) > 3:
                    self.in_doubt = {min(self.live)}
                    self.client.cancel_order(OrderPayload(orderID=min(self.live)))
                    self.gone |= self.in_doubt
                    self.live -= self.in_doubt
                    self.in_doubt = set()
            except PolyApiException:
                return
            if len(self.gone) >= 3:
                self.busy.set()


def test_what_was_acknowledged_is_there_after_each_of_five_kills(exchange):
    client = connected(exchange)
    markets = exchange.markets()
    token = json.loads(markets[2][1])[0]
    for _ in range(5):
        activity = Activity(client, token)
        activity.start()
        assert activity.busy.wait(20)
        exchange.kill()
        activity.join(10)
        exchange.start()
        assert exchange.markets() == markets
        client = connected(exchange, client.creds)
        found = {row["id"] for row in client.get_open_orders()}
        assert activity.live - activity.in_doubt <= found and not activity.gone & found
        assert client.derive_api_key() == client.creds
        ledger = exchange.ledger()
        assert ledger["cash_micro"] == 10_000_000_000 and ledger["reserved_cash_micro"] == 50_000 * len(found)
        assert exchange.state()["conserved"] is True
        client.cancel_all()


def test_a_trade_in_settlement_goes_on_where_it_was(exchange):
    client = connected(exchange)
    token = json.loads(exchange.markets()[0][1])[0]
    signed = client.create_order(OrderArgs(token_id=token, price=0.9, size=20, side="BUY"), PartialCreateOrderOptions("0.01", False))
    posted = client.post_order(signed, OrderType.FAK)
    before = exchange.ledger()
    exchange.kill()
    exchange.start()
    after = exchange.ledger()
    assert (after["cash_micro"], after["fees_paid_micro"], after["fills"]) == (before["cash_micro"], before["fees_paid_micro"], 1)
    assert {trade["id"] for trade in after["trades"]} == set(posted["tradeIDs"])
    assert after["tokens_micro"] == before["tokens_micro"] > 0 and exchange.state()["conserved"] is True


def test_windows_that_ended_while_it_was_down_are_decided_at_the_start(tmp_path):
    with running_exchange(speed=1800, state=tmp_path / "s") as before:           # windows of two seconds
        os.kill(before.pid, signal.SIGKILL)
        threading.Event().wait(4.5)         # the outage
        with running_exchange(speed=1800, state=tmp_path / "s") as after:
            state = httpx.get(f"{after.rest_url}/control/state").json()
            candles = httpx.get(f"{after.binance_rest_url}/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1h"}).json()
    assert state["windows_resolved"] >= 2 and state["conserved"] is True
    assert [row[0] for row in candles] == list(range(candles[0][0], candles[-1][0] + 1, 2_000))     # no gap
    assert all(earlier[4] == later[1] for earlier, later in itertools.pairwise(candles))


@pytest.mark.parametrize("content", [b"", b"ssh-rsa AAAA\n", b'00000000 ["head"]\n'])
def test_a_foreign_state_file_is_one_line_and_exit_code_2(tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    process = subprocess.run([sys.executable, "-m", "trader.exchange", "--state", tmp_path / "notes.txt"], capture_output=True, text=True,
                             timeout=20)
    complaint, = process.stderr.splitlines()
    assert process.returncode == 2 and str(tmp_path / "notes.txt") in complaint
    assert (tmp_path / "notes.txt").read_bytes() == content


def test_another_seed_is_refused_by_naming_both(exchange):
    exchange.kill()
    with pytest.raises(ConfigError, match=r"belongs to an exchange with --seed 1, was started with 2"):
        ExchangeChild(**{**exchange.options, "seed": 2})
    exchange.start()


def test_a_second_exchange_on_the_same_file_is_refused_by_naming_the_first(exchange):
    with pytest.raises(ConfigError, match=f"in use by the exchange with pid {exchange.child.urls.pid}"):
        ExchangeChild(speed=SPEED, settle_ms=200, state=exchange.options["state"])


def test_a_port_that_is_taken_leaves_the_state_as_it_was(exchange, tmp_path):
    with pytest.raises(PortInUse):
        ExchangeChild(speed=SPEED, settle_ms=200, state=tmp_path / "other.state", port=exchange.options["port"])
    with running_exchange(speed=SPEED, settle_ms=200, state=tmp_path / "other.state") as urls:
        assert httpx.get(f"{urls.rest_url}/control/state").json()["conserved"] is True
