"""docs/exchange-clients.md says what each method of two official clients does here; every row of it is tried, on an exchange of its own.

A method works, is refused in the venue's words, or asks for a route that the exchange answers with a documented 501.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from py_clob_client import client as v1
from py_clob_client import clob_types as v1_types
from py_clob_client.exceptions import PolyApiException as OldRefused
from py_clob_client.exceptions import PolyException
from py_clob_client_v2 import client as v2
from py_clob_client_v2 import clob_types as v2_types
from py_clob_client_v2.exceptions import PolyApiException

from trader.testing.exchange_process import running_exchange

PAGE = Path(__file__).parents[2] / "docs/exchange-clients.md"
ZERO_ADDRESS, CODE = "0x" + "0" * 40, "0x" + "ab" * 32


class Scene(NamedTuple):
    """A market with one order of somebody else on each side of both tokens, and what the methods need of it."""

    condition_id: str
    token: str
    order_id: str       # an open order of the client's own
    trade_id: str

    def post(self, client, **fields):
        fields = {"token_id": self.token, "price": 0.05, "size": 20, "side": "BUY"} | fields
        return client.post_order(client.create_order(v2_types.OrderArgs(**fields)))["orderID"]


def client_of(rest_url, kind=v2.ClobClient):
    key = httpx.post(f"{rest_url}/control/keys").json()
    types = v2_types if kind is v2.ClobClient else v1_types
    return kind(rest_url, 137, key=key["private_key"], creds=types.ApiCreds(key["api_key"], key["api_secret"], key["api_passphrase"]))


@pytest.fixture(scope="module")
def exchange():
    with running_exchange(speed=1, settle_ms=20) as running:
        yield running


@pytest.fixture(scope="module")
def market(exchange):
    query = {"series_id": "10114", "closed": "false", "order": "endDate", "ascending": "true", "limit": "4"}
    events = httpx.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"]
    return events[-1]["markets"][0]     # listed ahead: no bot trades there


@pytest.fixture(scope="module")
def client(exchange):
    return client_of(exchange.rest_url)


@pytest.fixture(scope="module")
def scene(exchange, market, client):
    tokens = dict(zip(json.loads(market["outcomes"]), json.loads(market["clobTokenIds"]), strict=True))
    other, scene = client_of(exchange.rest_url), Scene(market["conditionId"], tokens["Up"], "", "")
    scene.post(other, price=0.3, size=1000)
    scene.post(other, token_id=tokens["Down"], price=0.3, size=1000)
    bought = client.create_and_post_market_order(v2_types.MarketOrderArgs(token_id=scene.token, amount=14, side="BUY"), order_type="FAK")
    return scene._replace(order_id=scene.post(client), trade_id=bought["tradeIDs"][0])


@pytest.fixture(scope="module")
def old_client(exchange, client):
    creds = v1_types.ApiCreds(*vars(client.creds).values())
    return v1.ClobClient(exchange.rest_url, 137, key=client.signer.private_key, creds=creds)


def old_order(client, scene):
    return client.builder.create_order(v1_types.OrderArgs(scene.token, 0.05, 20, "BUY"), v1_types.CreateOrderOptions("0.01", False))


def with_an_order(client, scene):
    scene.post(client)
    return client


def fresh_key(client, exchange_client=v2.ClobClient):
    """Deleting the key of the scene's client would end the other rows."""
    return client_of(client.host, exchange_client)


V2 = {
    "assert_level_1_auth": lambda c, s: c.assert_level_1_auth(),
    "assert_level_2_auth": lambda c, s: c.assert_level_2_auth(),
    "get_address": lambda c, s: c.get_address(),
    "set_api_creds": lambda c, s: c.set_api_creds(c.creds),
    "get_ok": lambda c, s: c.get_ok(),
    "post_heartbeat": lambda c, s: fresh_key(c).post_heartbeat(""),
    "get_version": lambda c, s: c.get_version(),
    "get_server_time": lambda c, s: c.get_server_time(),
    "get_sampling_simplified_markets": lambda c, s: c.get_sampling_simplified_markets()["data"][0],
    "get_sampling_markets": lambda c, s: c.get_sampling_markets()["data"][0],
    "get_simplified_markets": lambda c, s: c.get_simplified_markets()["data"][0],
    "get_markets": lambda c, s: c.get_markets()["data"][0],
    "get_market": lambda c, s: c.get_market(s.condition_id)["tokens"][0],
    "get_clob_market_info": lambda c, s: c.get_clob_market_info(s.condition_id),
    "get_order_book": lambda c, s: c.get_order_book(s.token)["bids"][0],
    "get_order_books": lambda c, s: c.get_order_books([v2_types.BookParams(s.token)])[0],
    "get_order_book_hash": lambda c, s: matching(c.get_order_book(s.token)["hash"], c.get_order_book_hash(c.get_order_book(s.token))),
    "get_tick_size": lambda c, s: c.get_tick_size(s.token),
    "get_neg_risk": lambda c, s: c.get_neg_risk(s.token),
    "get_fee_rate_bps": lambda c, s: c.get_fee_rate_bps(s.token),
    "get_fee_exponent": lambda c, s: c.get_fee_exponent(s.token),
    "get_midpoint": lambda c, s: matching("0.5", c.get_midpoint(s.token)["mid"]),
    "get_midpoints": lambda c, s: c.get_midpoints([v2_types.BookParams(s.token)])[s.token],
    "get_price": lambda c, s: matching("0.7", c.get_price(s.token, "SELL")["price"]),
    "get_prices": lambda c, s: matching({"BUY": "0.3"}, c.get_prices([v2_types.BookParams(s.token, "BUY")])[s.token]),
    "get_spread": lambda c, s: matching("0.4", c.get_spread(s.token)["spread"]),
    "get_spreads": lambda c, s: c.get_spreads([v2_types.BookParams(s.token)])[s.token],
    "get_last_trade_price": lambda c, s: matching({"price": "0.700", "side": "BUY"}, c.get_last_trade_price(s.token)),
    "get_last_trades_prices": lambda c, s: c.get_last_trades_prices([v2_types.BookParams(s.token)])[0]["price"],
    "get_prices_history": lambda c, s: c.get_prices_history(v2_types.PricesHistoryParams(market=s.token, interval="1h")),
    "calculate_market_price": lambda c, s: matching(0.7, c.calculate_market_price(s.token, "BUY", 10)),
    "get_current_rewards": lambda c, s: c.get_current_rewards(),
    "get_raw_rewards_for_market": lambda c, s: c.get_raw_rewards_for_market(s.condition_id),
    "create_api_key": lambda c, s: c.create_api_key(nonce=7),
    "derive_api_key": lambda c, s: matching(c.creds, c.derive_api_key()),
    "create_or_derive_api_key": lambda c, s: matching(c.creds, c.create_or_derive_api_key()),
    "get_api_keys": lambda c, s: c.get_api_keys()["apiKeys"][0],
    "get_closed_only_mode": lambda c, s: c.get_closed_only_mode(),
    "delete_api_key": lambda c, s: matching("OK", fresh_key(c).delete_api_key()),
    "get_order": lambda c, s: matching("LIVE", c.get_order(s.order_id)["status"]),
    "get_open_orders": lambda c, s: c.get_open_orders(v2_types.OpenOrderParams(market=s.condition_id))[0],
    "get_pre_migration_orders": lambda c, s: matching([], c.get_pre_migration_orders()),
    "get_trades": lambda c, s: c.get_trades(v2_types.TradeParams(id=s.trade_id))[0],
    "get_trades_paginated": lambda c, s: c.get_trades_paginated()["trades"][0],
    "get_builder_trades": lambda c, s: c.get_builder_trades(v2_types.BuilderTradeParams(builder_code=CODE)),
    "get_notifications": lambda c, s: c.get_notifications()[0]["payload"],
    "drop_notifications": lambda c, s: matching("OK", c.drop_notifications(v2_types.DropNotificationParams(ids=["1"]))),
    "get_balance_allowance": lambda c, s: matching(
        True, int(c.get_balance_allowance(v2_types.BalanceAllowanceParams("CONDITIONAL", s.token))["balance"]) >= 20_000_000),
    "update_balance_allowance": lambda c, s: c.update_balance_allowance(v2_types.BalanceAllowanceParams("COLLATERAL")),
    "create_order": lambda c, s: c.create_order(v2_types.OrderArgs(s.token, 0.05, 20, "BUY")),
    "create_market_order": lambda c, s: c.create_market_order(v2_types.MarketOrderArgs(s.token, 5, "BUY", order_type="FAK")),
    "create_and_post_order": lambda c, s: matching("live", c.create_and_post_order(
        v2_types.OrderArgs(s.token, 0.05, 20, "BUY", expiration=4_000_000_000), order_type="GTD")["status"]),
    "create_and_post_market_order": lambda c, s: matching(
        ("7", "10"), amounts(c.create_and_post_market_order(v2_types.MarketOrderArgs(s.token, 7, "BUY"), order_type="FOK"))),
    "post_order": lambda c, s: c.post_order(c.create_order(v2_types.OrderArgs(s.token, 0.05, 20, "BUY")), post_only=True)["orderID"],
    "post_orders": lambda c, s: matching(
        ["live", ""], [each["status"] for each in c.post_orders(
            [v2_types.PostOrdersV2Args(c.create_order(v2_types.OrderArgs(s.token, 0.05, size, "BUY"))) for size in (20, 1)])]),
    "cancel_order": lambda c, s: c.cancel_order(v2_types.OrderPayload(orderID=s.post(c)))["canceled"][0],
    "cancel_orders": lambda c, s: c.cancel_orders([s.post(c)])["canceled"][0],
    "cancel_all": lambda c, s: with_an_order(fresh_key(c), s).cancel_all()["canceled"][0],
    "cancel_market_orders": lambda c, s: with_an_order(fresh_key(c), s).cancel_market_orders(
        v2_types.OrderMarketCancelParams(market=s.condition_id))["canceled"][0],
    "is_order_scoring": lambda c, s: matching({"scoring": False}, c.is_order_scoring(v2_types.OrderScoringParams(s.order_id))),
    "are_orders_scoring": lambda c, s: matching({s.order_id: False}, c.are_orders_scoring(v2_types.OrdersScoringParams([s.order_id]))),
    "get_earnings_for_user_for_day": lambda c, s: c.get_earnings_for_user_for_day("2026-11-21"),
    "get_total_earnings_for_user_for_day": lambda c, s: c.get_total_earnings_for_user_for_day("2026-11-21"),
    "get_user_earnings_and_markets_config": lambda c, s: c.get_user_earnings_and_markets_config("2026-11-21"),
    "get_reward_percentages": lambda c, s: c.get_reward_percentages(),
    "create_builder_api_key": lambda c, s: c.create_builder_api_key(),
    "get_builder_api_keys": lambda c, s: c.get_builder_api_keys(),
    "revoke_builder_api_key": lambda c, s: c.revoke_builder_api_key(),
    "create_readonly_api_key": lambda c, s: c.create_readonly_api_key(),
    "get_readonly_api_keys": lambda c, s: c.get_readonly_api_keys(),
    "delete_readonly_api_key": lambda c, s: c.delete_readonly_api_key("key"),
    "get_market_trades_events": lambda c, s: c.get_market_trades_events(s.condition_id),
}

V1 = {
    "get_address": lambda c, s: c.get_address(),
    "get_collateral_address": lambda c, s: c.get_collateral_address(),
    "get_conditional_address": lambda c, s: c.get_conditional_address(),
    "get_exchange_address": lambda c, s: c.get_exchange_address(),
    "get_ok": lambda c, s: c.get_ok(),
    "get_server_time": lambda c, s: c.get_server_time(),
    "create_api_key": lambda c, s: c.create_api_key(nonce=8),
    "derive_api_key": lambda c, s: matching(c.creds, c.derive_api_key()),
    "create_or_derive_api_creds": lambda c, s: c.create_or_derive_api_creds(),
    "set_api_creds": lambda c, s: c.set_api_creds(c.creds),
    "get_api_keys": lambda c, s: c.get_api_keys()["apiKeys"][0],
    "get_closed_only_mode": lambda c, s: c.get_closed_only_mode(),
    "delete_api_key": lambda c, s: matching("OK", fresh_key(c, v1.ClobClient).delete_api_key()),
    "create_readonly_api_key": lambda c, s: c.create_readonly_api_key(),
    "get_readonly_api_keys": lambda c, s: c.get_readonly_api_keys(),
    "delete_readonly_api_key": lambda c, s: c.delete_readonly_api_key("key"),
    "validate_readonly_api_key": lambda c, s: c.validate_readonly_api_key(ZERO_ADDRESS, "key"),
    "get_midpoint": lambda c, s: c.get_midpoint(s.token)["mid"],
    "get_midpoints": lambda c, s: c.get_midpoints([v1_types.BookParams(s.token)])[s.token],
    "get_price": lambda c, s: matching("0.3", c.get_price(s.token, "BUY")["price"]),
    "get_prices": lambda c, s: c.get_prices([v1_types.BookParams(s.token, "SELL")])[s.token]["SELL"],
    "get_spread": lambda c, s: c.get_spread(s.token)["spread"],
    "get_spreads": lambda c, s: c.get_spreads([v1_types.BookParams(s.token)])[s.token],
    "get_tick_size": lambda c, s: matching("0.01", c.get_tick_size(s.token)),
    "clear_tick_size_cache": lambda c, s: c.clear_tick_size_cache(),
    "get_neg_risk": lambda c, s: c.get_neg_risk(s.token),
    "get_fee_rate_bps": lambda c, s: c.get_fee_rate_bps(s.token),
    "create_order": lambda c, s: c.create_order(v1_types.OrderArgs(s.token, 0.05, 20, "BUY")),
    "create_market_order": lambda c, s: c.create_market_order(v1_types.MarketOrderArgs(s.token, 5, "BUY", price=0.7)),
    "post_orders": lambda c, s: matching(
        "order_version_mismatch", c.post_orders([v1_types.PostOrdersArgs(old_order(c, s))])[0]["errorMsg"]),
    "post_order": lambda c, s: c.post_order(old_order(c, s)),
    "create_and_post_order": lambda c, s: c.create_and_post_order(v1_types.OrderArgs(s.token, 0.05, 20, "BUY")),
    "cancel": lambda c, s: matching("Order not found or already canceled", c.cancel("0x1")["not_canceled"]["0x1"]),
    "cancel_orders": lambda c, s: c.cancel_orders([s.order_id])["canceled"][0],
    "cancel_all": lambda c, s: c.cancel_all()["not_canceled"],
    "post_heartbeat": lambda c, s: fresh_key(c, v1.ClobClient).post_heartbeat(""),
    "cancel_market_orders": lambda c, s: c.cancel_market_orders(market=s.condition_id)["canceled"],
    "get_orders": lambda c, s: c.get_orders(v1_types.OpenOrderParams(market=s.condition_id)),
    "get_order_book": lambda c, s: c.get_order_book(s.token).bids[0],
    "get_order_books": lambda c, s: c.get_order_books([v1_types.BookParams(s.token)])[0],
    "get_order_book_hash": lambda c, s: c.get_order_book_hash(c.get_order_book(s.token)),
    "get_order": lambda c, s: c.get_order(s.order_id)["status"],
    "get_trades": lambda c, s: c.get_trades(v1_types.TradeParams(id=s.trade_id))[0],
    "get_last_trade_price": lambda c, s: c.get_last_trade_price(s.token)["side"],
    "get_last_trades_prices": lambda c, s: c.get_last_trades_prices([v1_types.BookParams(s.token)])[0],
    "assert_level_1_auth": lambda c, s: c.assert_level_1_auth(),
    "assert_level_2_auth": lambda c, s: c.assert_level_2_auth(),
    "assert_builder_auth": lambda c, s: c.assert_builder_auth(),
    "can_builder_auth": lambda c, s: c.can_builder_auth(),
    "get_notifications": lambda c, s: c.get_notifications(),
    "drop_notifications": lambda c, s: c.drop_notifications(v1_types.DropNotificationParams(ids=["1"])),
    "get_balance_allowance": lambda c, s: c.get_balance_allowance(v1_types.BalanceAllowanceParams("COLLATERAL"))["balance"],
    "update_balance_allowance": lambda c, s: c.update_balance_allowance(v1_types.BalanceAllowanceParams("COLLATERAL")),
    "is_order_scoring": lambda c, s: c.is_order_scoring(v1_types.OrderScoringParams(s.order_id))["scoring"],
    "are_orders_scoring": lambda c, s: c.are_orders_scoring(v1_types.OrdersScoringParams([s.order_id]))[s.order_id],
    "get_sampling_markets": lambda c, s: c.get_sampling_markets()["data"][0],
    "get_sampling_simplified_markets": lambda c, s: c.get_sampling_simplified_markets()["data"][0],
    "get_markets": lambda c, s: c.get_markets()["data"][0],
    "get_simplified_markets": lambda c, s: c.get_simplified_markets()["data"][0],
    "get_market": lambda c, s: c.get_market(s.condition_id)["condition_id"],
    "get_market_trades_events": lambda c, s: c.get_market_trades_events(s.condition_id),
    "get_builder_trades": lambda c, s: c.get_builder_trades(),
    "calculate_market_price": lambda c, s: c.calculate_market_price(s.token, "SELL", 10, v1_types.OrderType.FAK),
}


def matching(expected, got):
    assert got == expected
    return got


def amounts(answer):
    return answer["makingAmount"], answer["takingAmount"]


def documented(heading):
    """{method: what the page says of it} of the table below a heading."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ((?:works|501|refused).*?) \| (.+?) \|", section, re.MULTILINE)
    return {method: said for said, methods in rows for method in re.findall(r"`(\w+)`", methods)}


def outcome(call, client, scene):
    try:
        call(client, scene)
    except (PolyApiException, OldRefused) as refused:
        return "501" if refused.status_code == 501 else f"refused: {refused.error_msg['error']}"
    except PolyException as refused:        # by the client itself, before anything is sent
        return f"refused: {refused}"
    return "works"


def public_methods(kind):
    return {name for name, value in vars(kind).items() if callable(value) and not name.startswith("_")}


@pytest.mark.parametrize(("heading", "kind", "calls"), [("py-clob-client-v2 1.2.1", v2.ClobClient, V2),
                                                         ("py-clob-client 0.34.6", v1.ClobClient, V1)])
def test_the_page_and_this_test_know_every_method_of_the_client(heading, kind, calls):
    assert documented(heading).keys() == calls.keys() == public_methods(kind)


def test_the_program_on_the_page_places_an_order(exchange):
    program = re.search(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)[1]
    done = subprocess.run([sys.executable, "-c", program.replace("http://127.0.0.1:8080", exchange.rest_url)],
                          capture_output=True, text=True, timeout=60)
    assert "'status': 'live'" in done.stdout, done.stderr


@pytest.mark.parametrize("method", V2)
def test_a_method_of_the_v2_client_does_what_the_page_says(client, scene, method):
    assert outcome(V2[method], client, scene) == documented("py-clob-client-v2 1.2.1")[method]


@pytest.mark.parametrize("method", V1)
def test_a_method_of_the_v1_client_does_what_the_page_says(old_client, scene, method):
    assert outcome(V1[method], old_client, scene) == documented("py-clob-client 0.34.6")[method]
