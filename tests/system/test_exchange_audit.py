"""The audit of a running exchange: a client that is careless and a desk that is not, judged from the other side of the wire."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from eth_account import Account
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs, OrderType, PartialCreateOrderOptions
from websockets.sync.client import connect

from trader.testing.desk_process import DeskProcess, Wallet
from trader.testing.exchange_audit import read_audit
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

KEY = "0x" + "66" * 32
ADDRESS = Account.from_key(KEY).address
GRACE_MS = 1_500        # the desk's stale threshold, its cancel, and a busy machine


@pytest.fixture
def exchange():
    with running_exchange(speed=6, settle_ms=100, frames_per_s=40) as running:
        yield running


@contextmanager
def running_desk(wallet, folder):
    desk = DeskProcess([str(wallet.conf)], folder)
    try:
        yield desk
    finally:
        desk.kill()


def tokens(exchange):
    query = {"closed": "false", "end_date_min": datetime.now(UTC).isoformat(), "limit": 1}
    return json.loads(httpx.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"][0]["markets"][0]["clobTokenIds"])


def test_a_client_that_keeps_its_order_while_it_hears_nothing_is_found_out(exchange):
    client = ClobClient(exchange.rest_url, 137, key=KEY)
    client.set_api_creds(client.create_or_derive_api_key())
    token = tokens(exchange)[0]
    with connect(f"{exchange.ws_url}/ws/market", close_timeout=0.2) as stream:
        stream.send(json.dumps({"type": "market", "assets_ids": [token]}))
        stream.recv(timeout=5)
        order = client.create_order(OrderArgs(token_id=token, price=0.02, size=10, side="BUY"), PartialCreateOrderOptions("0.01", False))
        order_id = client.post_order(order, OrderType.GTC)["orderID"]
        assert not read_audit(exchange, address=ADDRESS).live_while_blind(grace_ms=0)
    time.sleep(0.5)
    client.cancel_all()
    audit = read_audit(exchange, address=ADDRESS)
    exposure, = audit.live_while_blind(grace_ms=100)
    assert exposure.order["id"] == order_id and 200 < exposure.overlap_ms < 5_000
    assert [(row["path"], row["status"]) for row in audit.cancels(0)] == [("/cancel-all", 200)] and len(audit.places(0)) == 1


def test_a_desk_has_no_order_live_while_its_book_is_mute_and_quotes_again_afterwards(exchange, tmp_path):
    wallet = Wallet(exchange, tmp_path)
    with running_desk(wallet, tmp_path) as desk:
        desk.wait_until(lambda status: wallet.open_orders() > 0, 20, "quotes")
        with exchange_fault(exchange, kind="freeze", channel="market", pong=False, for_ms=4_000):
            time.sleep(4.2)
        thawed_ms = read_audit(exchange).now_ms
        desk.wait_until(lambda status: read_audit(exchange, address=wallet.address).places(thawed_ms), 30, "quotes after the freeze")
        desk.interrupt()
    audit = read_audit(exchange, address=wallet.address)
    assert audit.live_while_blind(grace_ms=GRACE_MS) == [] and audit.live_in_closed_market() == []
    assert audit.last_end_ms(audit.now_ms) is not None


def test_a_desk_goes_on_at_the_new_tick(exchange, tmp_path):
    wallet = Wallet(exchange, tmp_path)
    with running_desk(wallet, tmp_path) as desk:
        desk.wait_until(lambda status: wallet.open_orders() > 0, 20, "quotes")
        with exchange_fault(exchange, kind="tick_change", tick="0.001"):
            desk.wait_until(lambda status: httpx.get(f"{exchange.rest_url}/tick-size", params={"token_id": tokens(exchange)[0]}).json()
                            == {"minimum_tick_size": 0.001}, 5, "the new tick")
        changed_ms = read_audit(exchange).now_ms
        desk.wait_until(lambda status: any(row["from_ms"] > changed_ms for row in read_audit(exchange, address=wallet.address).orders), 20,
                        "orders after the tick change")
        code, _ = desk.interrupt()
    assert code == 0


def test_thousands_of_markets_are_born_and_resolved_on_the_wire():
    with running_exchange(speed=1, markets=300, market_life_s=10, market_moves_per_s=200) as exchange:
        listed = httpx.get(f"{exchange.gamma_url}/markets", params={"limit": 300, "closed": "false",
                                                                   "end_date_min": datetime.now(UTC).isoformat()}).json()
        assets = [token for market in listed[-200:] for token in json.loads(market["clobTokenIds"])]
        with connect(f"{exchange.ws_url}/ws/market", close_timeout=0.2) as stream:
            stream.send(json.dumps({"type": "market", "assets_ids": assets, "custom_feature_enabled": True}))
            assert len(json.loads(stream.recv(timeout=5))) == 400
            kinds = set()
            while not kinds >= {"new_market", "market_resolved", "price_change", "best_bid_ask", "last_trade_price", "book"}:
                kinds.add(json.loads(stream.recv(timeout=10))["event_type"])
        assert httpx.get(f"{exchange.rest_url}/control/state").json()["conserved"]
