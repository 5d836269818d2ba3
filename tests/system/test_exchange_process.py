"""The exchange as a process: it starts quickly, speaks WebSocket, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs, OrderPayload, OrderType, PartialCreateOrderOptions
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from trader.testing.exchange_process import running_exchange

PATIENCE_S = 5


@pytest.fixture(scope="module")
def exchange():
    with running_exchange(speed=72, settle_ms=100) as running:
        yield running


@pytest.fixture(scope="module")
def client(exchange):
    client = ClobClient(exchange.rest_url, 137, key="0x" + "11" * 32)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


def live_market(exchange):
    query = {"closed": "false", "end_date_min": datetime.now(UTC).isoformat()}
    return httpx.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"][0]["markets"][0]


@contextmanager
def launched(*flags):
    with subprocess.Popen([sys.executable, "-m", "trader.exchange", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def cpu_s(pid):
    """What it has worked so far: on a quiet machine, the time since its start."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_it_is_ready_in_two_seconds_and_ends_on_a_signal_although_clients_are_connected():
    with launched("--speed", "72") as process:
        ready = json.loads(process.stdout.readline())
        assert 0 < cpu_s(process.pid) < 2 and ready["window_ms"] == 50_000
        with connect(f"{ready['ws_url']}/ws/btcusdt@bookTicker") as stream, httpx.Client() as kept_alive:
            assert kept_alive.get(f"{ready['rest_url']}/version").json() == {"version": 2}
            stream.recv(timeout=PATIENCE_S)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""


def test_it_ends_when_its_parent_is_gone():
    with launched("--parent-pipe") as process:
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(("flag", "url"), [("--port", "rest_url"), ("--ws-port", "ws_url")])
def test_a_port_in_use_is_one_line_that_names_port_and_flag(exchange, flag, url):
    port = getattr(exchange, url).rpartition(":")[2]
    with launched(flag, port) as process:
        assert process.wait(PATIENCE_S) == 5
        complaint, = process.stderr.read().splitlines()
        assert port in complaint and flag in complaint


def test_the_market_stream_answers_ping_and_sends_books_then_changes(exchange):
    tokens = json.loads(live_market(exchange)["clobTokenIds"])
    with connect(f"{exchange.ws_url}/ws/market") as stream:
        stream.send("PING")
        assert stream.recv(timeout=PATIENCE_S) == "PONG"
        stream.send(json.dumps({"type": "market", "assets_ids": tokens}))
        assert {book["asset_id"] for book in json.loads(stream.recv(timeout=PATIENCE_S))} == set(tokens)
        assert json.loads(stream.recv(timeout=PATIENCE_S))["event_type"] == "price_change"


def test_the_combined_binance_stream_carries_ticker_and_kline(exchange):
    streams = ["btcusdt@bookTicker", "btcusdt@kline_1h"]
    with connect(f"{exchange.binance_ws_url}/stream?streams={'/'.join(streams)}") as stream:
        heard = {json.loads(stream.recv(timeout=PATIENCE_S))["stream"] for _ in range(30)}
    assert heard == set(streams)


def test_the_user_stream_hears_of_a_placement_and_a_cancel(exchange, client):
    auth = {"apiKey": client.creds.api_key, "secret": client.creds.api_secret, "passphrase": client.creds.api_passphrase}
    with connect(f"{exchange.ws_url}/ws/user") as stream:
        stream.send(json.dumps({"type": "user", "auth": auth}))
        stream.send("PING")
        assert stream.recv(timeout=PATIENCE_S) == "PONG"
        token = json.loads(live_market(exchange)["clobTokenIds"])[0]
        args = OrderArgs(token_id=token, price=0.01, size=5, side="BUY")
        signed = client.create_order(args, PartialCreateOrderOptions("0.01", False))
        order_id = client.post_order(signed, OrderType.GTC, post_only=True)["orderID"]
        client.cancel_order(OrderPayload(orderID=order_id))
        told = [json.loads(stream.recv(timeout=PATIENCE_S)) for _ in range(2)]
    assert [(frame["id"], frame["type"]) for frame in told] == [(order_id, "PLACEMENT"), (order_id, "CANCELLATION")]


def test_a_user_stream_with_a_wrong_secret_is_closed(exchange, client):
    with connect(f"{exchange.ws_url}/ws/user") as stream:
        stream.send(json.dumps({"type": "user", "auth": {"apiKey": client.creds.api_key, "secret": "x", "passphrase": "y"}}))
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=PATIENCE_S)
