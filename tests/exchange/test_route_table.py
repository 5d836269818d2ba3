"""Every route, asked for by somebody who knows the keys and nothing of manners: an answer always, never a failure of ours."""

from __future__ import annotations

import logging

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.conftest import Wallet
from trader.exchange.audit import Audit
from trader.exchange.command_line import Options
from trader.exchange.credentials import KeyRing
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Application
from trader.exchange.market_life import MarketLife
from trader.exchange.population import load_population
from trader.exchange.route_table import all_routes
from trader.exchange.venue import Venue
from trader.exchange.windows import Series
from trader.model.units import MICRO
from trader.testing.manual_clock import ManualClock

PARAMETERS = ("token_id", "side", "market", "asset_id", "id", "next_cursor", "after", "before", "asset_type", "signature_type", "limit",
              "offset", "order", "ascending", "closed", "end_date_min", "after_cursor", "series_id", "symbol", "interval", "startTime",
              "since_ms", "address", "ids", "order_id", "clob_token_ids")
ODD_TEXTS = st.sampled_from(["", "0", "-1", "1e9", "\u00b2", "\u0663", "9" * 5_000, "nan", "null", "0x" + "f" * 64, "MA==", "LTE=", "BUY",
                             "true", "COLLATERAL", "CONDITIONAL", "BTCUSDT", "1h", "0001-01-01", "9999-12-31T23:59:59-23:59",
                             "OTk5OTk5OTk5OQ=="])
TEXTS = ODD_TEXTS | st.text(st.characters(exclude_characters="'", codec="utf-8"), max_size=20)     # the client signs ' as "
ATOMS = st.none() | st.booleans() | st.integers(-2**63, 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
BODIES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
    st.sampled_from(["orderID", "market", "asset_id", "heartbeat_id", "cash", "signature_type", "address", "kind", "channel", "for_ms",
                     "token_id", "side", "order", "orderType", "owner", "closed_only", "allowance_micro"]) | TEXTS, inner, max_size=5),
    max_leaves=12)
ORDER_FIELDS = ("salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side", "signatureType", "timestamp", "expiration",
                "metadata", "builder", "signature")


class World:
    """All routes over one exchange whose time stands still."""

    def __init__(self):
        self.clock = ManualClock()
        audit, faults, keys = Audit(self.clock), FaultBoard(self.clock), KeyRing(1)
        self.venue = Venue(self.clock, audit.hear, settle_ms=1_000, cash_micro=1_000 * MICRO)
        series = Series(seed=1, origin_ms=self.clock.wall_ms(), speed=72, protocol="v1")
        life = MarketLife(self.clock, self.venue, audit.hear, series, load_population(), seed=1, speed=72)
        self.token = life.now().windows[0].spec.token_ids[0]
        self.routes = all_routes(Options(), self.venue, keys, life.now, self.clock, faults, audit, None, series.stale())
        self.application = Application(self.routes, faults)
        self.wallet = Wallet(self.application, self.clock)

    def check(self):
        with self.venue.engine() as (engine, _):
            assert engine.conserved()


@pytest.fixture(scope="module")
def world():
    return World()


QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@QUICK
@given(st.data())
def test_no_request_makes_a_route_fail(world, caplog, data):
    method, path = data.draw(st.sampled_from(sorted(world.routes.keys() - {("DELETE", "/auth/api-key")})))      # it would end the fun
    argument = data.draw(TEXTS) if path.endswith("/") and path != "/" else ""
    query = data.draw(st.dictionaries(st.sampled_from(PARAMETERS), TEXTS, max_size=4))
    with caplog.at_level(logging.ERROR):
        status, answer = world.wallet.call(method, path + argument.replace("/", ""), data.draw(BODIES), **query)
    orjson.dumps(answer)
    assert status < 500 or (status, path) == (501, path), (status, answer)
    assert not caplog.records
    world.wallet.call("DELETE", "/control/faults", headers={})     # what was ordered by chance
    world.check()


@QUICK
@given(st.sampled_from(ORDER_FIELDS), st.one_of(ATOMS, BODIES), st.sampled_from(["GTC", "GTD", "FOK", "FAK"]))
def test_an_order_with_one_odd_field_is_answered_and_money_is_conserved(world, field, value, order_type):
    order = world.wallet.order(token=world.token, order_type=order_type)
    order["order"][field] = value
    status, answer = world.wallet.call("POST", "/order", order)
    assert status in (200, 400), answer
    world.check()


@pytest.mark.parametrize("header", ["POLY_TIMESTAMP", "POLY_NONCE", "POLY_ADDRESS", "POLY_SIGNATURE", "POLY_API_KEY"])
@pytest.mark.parametrize("value", ["9" * 5_000, "\u00b2", "", "0x", "zz"])
@pytest.mark.parametrize("path", ["/auth/derive-api-key", "/data/orders"])
def test_odd_headers_are_refused(world, header, value, path):
    headers = {"POLY_ADDRESS": world.wallet.signer.address(), "POLY_TIMESTAMP": str(world.wallet.now_s()), "POLY_SIGNATURE": "0x00",
               "POLY_API_KEY": world.wallet.creds.api_key, header: value}
    assert world.wallet.call("GET", path, headers=headers)[0] == 401
