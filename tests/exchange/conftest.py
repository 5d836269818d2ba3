"""A market, funded accounts and an order factory: what most tests of the core start from."""

from __future__ import annotations

import itertools
import json

import pytest
from py_clob_client_v2.clob_types import ApiCreds, CreateOrderOptions, MarketOrderArgs, OrderArgs, RequestArgs
from py_clob_client_v2.headers.headers import create_level_1_headers, create_level_2_headers
from py_clob_client_v2.order_builder.builder import OrderBuilder
from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
from py_clob_client_v2.signer import Signer

from trader.exchange.credentials import KeyRing
from trader.exchange.engine import Engine
from trader.exchange.http import Application, Doorman
from trader.exchange.orders import MarketSpec, NewOrder, Outcome, Side
from trader.exchange.rate_limits import TIERS, Mode, RateLimits
from trader.exchange.request import Request
from trader.exchange.routes_account import AccountRoutes
from trader.exchange.routes_auth import AuthRoutes
from trader.exchange.routes_keys import KeyRoutes
from trader.exchange.routes_market import MarketRoutes
from trader.exchange.routes_notifications import NotificationRoutes
from trader.exchange.routes_orders import OrderRoutes
from trader.exchange.routes_prices import PriceRoutes
from trader.exchange.venue import Venue
from trader.model.units import MICRO
from trader.testing.manual_clock import ManualClock

CASH_MICRO = 10_000 * MICRO


@pytest.fixture
def spec():
    return MarketSpec("0x" + "c" * 64, ("111", "222"), "v1")


@pytest.fixture
def engine(spec):
    """Accounts `ann` and `bob` with 10,000 dollars each, one open market, settlement after a second."""
    numbers = itertools.count(1)
    engine = Engine(settle_ms=1_000, new_trade_id=lambda: f"trade-{next(numbers)}")
    engine.list_market(spec, 0)
    for name in ("ann", "bob"):
        engine.ledger.open(name)
        engine.ledger.deposit(name, CASH_MICRO)
    return engine


@pytest.fixture
def order(spec):
    """`order("ann", Side.BUY, 50, 10)`: 10 YES at 50 ¢. Ids count up; any field can be named."""
    numbers = itertools.count(1)

    def make(account_id, side, price_cents, size, outcome=Outcome.YES, **fields):
        order_id = fields.pop("order_id", f"order-{next(numbers)}")
        return NewOrder(order_id, account_id, f"key-{account_id}", f"0x{account_id}", spec, outcome, Side(side), price_cents * 100,
                        round(size * MICRO), **fields)
    return make


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def published():
    return []


@pytest.fixture
def venue(clock, published, spec):
    """The engine behind its lock, with the same market."""
    venue = Venue(clock, published.append, settle_ms=1_000, cash_micro=CASH_MICRO)
    venue.list_market(spec)
    return venue


class Wallet:
    """A client that signs as the vendor's does and calls the application directly."""

    def __init__(self, application, clock, secret_byte="11"):
        self.application, self.clock, self.signer = application, clock, Signer("0x" + secret_byte * 32, 137)
        status, creds = self.call("POST", "/auth/api-key", headers=create_level_1_headers(self.signer, 0, self.now_s()))
        assert status == 200
        self.creds = ApiCreds(creds["apiKey"], creds["secret"], creds["passphrase"])

    def now_s(self):
        return self.clock.wall_ms() // 1000

    def call(self, method, path, body=None, headers=None, **query):
        text = json.dumps(body) if body is not None else ""
        if headers is None:
            args = RequestArgs(method=method, request_path=path, serialized_body=text)
            headers = create_level_2_headers(self.signer, self.creds, args, self.now_s())
        status, answer, self.headers = self.application.respond(Request(method, path, "", query, headers, text.encode()))
        return status, json.loads(answer) if isinstance(answer, bytes) else answer

    def order(self, token="111", price=0.4, size=10, side="BUY", order_type="GTC", post_only=False):
        args = OrderArgs(token_id=token, price=price, size=size, side=side)
        built = OrderBuilder(self.signer).build_order(args, CreateOrderOptions("0.01", False))
        return order_to_json_v2(built, self.creds.api_key, order_type, post_only)

    def market_buy(self, dollars, price, token="111"):
        args = MarketOrderArgs(token, dollars, "BUY", price)
        built = OrderBuilder(self.signer).build_market_order(args, CreateOrderOptions("0.01", False))
        return self.call("POST", "/order", order_to_json_v2(built, self.creds.api_key, "FAK"))

    def post(self, **fields):
        return self.call("POST", "/order", self.order(**fields))


@pytest.fixture
def application(venue, clock):
    keys = KeyRing(1)
    doorman = Doorman(keys, clock)
    limits = RateLimits(clock, Mode.WARN, TIERS["standard"])
    groups = (AuthRoutes(venue, keys, doorman, clock, limits), OrderRoutes(venue, doorman, limits), AccountRoutes(venue, doorman),
              MarketRoutes(venue), PriceRoutes(venue), KeyRoutes(venue, keys, cash=10_000),
              NotificationRoutes(venue, doorman))
    return Application({key: handler for group in groups for key, handler in group.table().items()})


@pytest.fixture
def ann(application, clock):
    return Wallet(application, clock)


@pytest.fixture
def bob(application, clock):
    return Wallet(application, clock, "22")
