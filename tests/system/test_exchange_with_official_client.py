"""The vendor's own client against the embedded exchange: what it can do live, it can do here."""

import json
import time

import httpx
import pytest
from py_clob_client.client import ClobClient as OldClient
from py_clob_client.clob_types import ApiCreds, CreateOrderOptions
from py_clob_client.clob_types import OrderArgs as OldOrderArgs
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PartialCreateOrderOptions,
    PostOrdersV2Args,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException

from trader.exchange.child import ExchangeUrls
from trader.testing.exchange_process import running_exchange

KEY = "0x" + "11" * 32
FUNDER = "0x" + "ab" * 20


@pytest.fixture(scope="module", params=["v1", "v2"])
def exchange(request):
    with running_exchange(speed=1, settle_ms=50, protocol=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def market(exchange: ExchangeUrls):
    query = {"series_id": "10114", "closed": "false", "order": "endDate", "ascending": "true", "limit": "4"}
    events = httpx.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"]
    return events[-1]["markets"][0]     # listed ahead: no bot trades there


@pytest.fixture(scope="module")
def token(market):
    ids = json.loads(market["clobTokenIds"]) if market["version"] == "v1" else market["positionIds"]
    return dict(zip(json.loads(market["outcomes"]), ids, strict=True))["Up"]


@pytest.fixture(scope="module")
def client(exchange: ExchangeUrls):
    client = ClobClient(exchange.rest_url, 137, key=KEY)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


def order_args(market, token, **fields):
    return OrderArgs(**{"token_id" if market["version"] == "v1" else "position_id": token}, **fields)


def post(client, market, token, **fields):
    signed = client.create_order(order_args(market, token, **fields), PartialCreateOrderOptions(tick_size="0.01", neg_risk=False))
    return client.post_order(signed, OrderType.GTC, post_only=True)


def test_the_client_derives_the_key_that_it_created(client):
    assert client.derive_api_key().api_key == client.creds.api_key


def test_the_clock_is_the_real_one(client):
    assert abs(client.get_server_time() - time.time()) <= 2


def test_an_order_can_be_posted_read_and_cancelled(client, market, token):
    order_id = post(client, market, token, price=0.31, size=20, side="BUY")["orderID"]
    assert client.get_order(order_id)["status"] == "LIVE"
    assert [row["id"] for row in client.get_open_orders(OpenOrderParams(market=market["conditionId"]))] == [order_id]
    assert client.cancel_order(OrderPayload(orderID=order_id)) == {"canceled": [order_id], "not_canceled": {}}
    assert client.get_order(order_id)["status"] == "CANCELED"


def test_a_batch_answers_each_order_for_itself(client, market, token):
    options = PartialCreateOrderOptions(tick_size="0.01", neg_risk=False)
    good, poor = (client.create_order(order_args(market, token, price=0.3, size=size, side=side), options)
                  for size, side in ((10, "BUY"), (10, "SELL")))
    answers = client.post_orders([PostOrdersV2Args(order=each, orderType=OrderType.GTC) for each in (good, poor)])
    assert [bool(answer["orderID"]) for answer in answers] == [True, False]
    assert answers[1]["errorMsg"] == "not enough balance / allowance"
    assert client.cancel_market_orders(OrderMarketCancelParams(market=market["conditionId"]))["canceled"] == [answers[0]["orderID"]]


def test_two_wallets_trade_and_the_buyer_can_sell_after_settlement(client, exchange, market, token):
    other = ClobClient(exchange.rest_url, 137, key="0x" + "22" * 32, signature_type=3, funder=FUNDER)
    other.set_api_creds(other.create_or_derive_api_key())
    post(client, market, token, price=0.6, size=10, side="BUY")
    options = PartialCreateOrderOptions(tick_size="0.01", neg_risk=False)
    complement = str(next(each["t"] for each in client.get_clob_market_info(market["conditionId"])["t"] if each["t"] != token))
    answer = other.post_order(other.create_order(order_args(market, complement, price=0.4, size=10, side="BUY"), options))
    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "4", "10")
    assert answer["transactionsHashes"], "the client waits until the trade is mined"
    held = client.get_balance_allowance(BalanceAllowanceParams(AssetType.CONDITIONAL, token))["balance"]
    assert held == "10000000"
    assert client.get_trades(TradeParams(id=answer["tradeIDs"][0]))[0]["maker_orders"][0]["matched_amount"] == "10"


def test_a_v1_order_is_refused_as_on_the_live_venue(exchange, client, token):
    old = OldClient(exchange.rest_url, 137, key=KEY, creds=ApiCreds(*vars(client.creds).values()))
    signed = old.builder.create_order(OldOrderArgs(token_id=token, price=0.3, size=10, side="BUY"), CreateOrderOptions("0.01", False))
    with pytest.raises(Exception, match="order_version_mismatch"):
        old.post_order(signed)
    assert old.cancel_all() is not None


def test_the_heartbeat_chain_names_the_id_that_it_expects(client):
    first = client.post_heartbeat("")["heartbeat_id"]
    with pytest.raises(PolyApiException, match=first):
        client.post_heartbeat("wrong")
    assert client.post_heartbeat(first)["heartbeat_id"] != first


def test_a_wrong_secret_is_unauthorized(exchange, client):
    creds = type(client.creds)(client.creds.api_key, "AAAA", client.creds.api_passphrase)
    stranger = ClobClient(exchange.rest_url, 137, key=KEY, creds=creds)
    with pytest.raises(PolyApiException, match="401"):
        stranger.get_open_orders()


def test_money_is_conserved_after_all_that(exchange):
    assert httpx.get(f"{exchange.rest_url}/control/state").json()["conserved"] is True
