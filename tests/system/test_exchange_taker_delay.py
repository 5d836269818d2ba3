"""`--taker-delay-ms`: what a client sees of an order that would trade at once, also when the exchange is killed meanwhile."""

from __future__ import annotations

import os
import signal
import time

import httpx
import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import ApiCreds, OrderArgs, OrderPayload

from trader.exchange.child import ExchangeChild

DELAY_MS = 1_500
OPTIONS = {"speed": 1, "settle_ms": 20, "taker_delay_ms": DELAY_MS}


@pytest.fixture
def start(tmp_path):
    """Starts an exchange on the state of the one before."""
    running = []

    def once(**options):
        running.append(ExchangeChild(state=tmp_path / "state", **OPTIONS | options))
        return running[-1]
    yield once
    for child in running:
        child.stop()


def client_of(rest_url):
    keys = httpx.post(f"{rest_url}/control/keys").json()
    return ClobClient(rest_url, 137, key=keys["private_key"],
                      creds=ApiCreds(keys["api_key"], keys["api_secret"], keys["api_passphrase"]))


def crossing(rest_url):
    """A client, and its order that meets another's; in the market that is listed last, where no bot trades."""
    maker, taker = client_of(rest_url), client_of(rest_url)
    tokens = [token["token_id"] for token in maker.get_markets()["data"][-1]["tokens"]]
    maker.create_and_post_order(OrderArgs(tokens[1], 0.4, 20, "BUY"))
    posted = taker.create_and_post_order(OrderArgs(tokens[0], 0.6, 20, "BUY"))
    assert posted["status"] == "delayed"
    return taker, posted["orderID"]


def status_within(client, order_id, wanted, seconds=10):
    deadline = time.monotonic() + seconds
    while (status := client.get_order(order_id)["status"]) != wanted and time.monotonic() < deadline:
        pass
    return status


def test_a_delayed_order_cannot_be_cancelled_and_then_trades(start):
    client, order_id = crossing(start().urls.rest_url)
    assert "delayed" in client.cancel_order(OrderPayload(orderID=order_id))["not_canceled"][order_id]
    assert client.get_open_orders() == []
    assert status_within(client, order_id, "MATCHED") == "MATCHED"


def test_an_order_that_was_held_when_the_exchange_was_killed_trades_after_the_restart(start):
    first = start()
    client, order_id = crossing(first.urls.rest_url)
    os.kill(first.urls.pid, signal.SIGKILL)
    first.wait()
    client.host = start().urls.rest_url
    assert status_within(client, order_id, "MATCHED") == "MATCHED"
    assert httpx.get(f"{client.host}/control/state").json()["conserved"] is True
