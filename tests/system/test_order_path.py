"""The order path as the desk builds it, against a running exchange: our encoder, our transport, our heartbeat; plain and over TLS."""

from __future__ import annotations

import secrets
import ssl

import httpx
import pytest

from trader.gateway.dialer import Dialer
from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.settings import GatewaySettings
from trader.gateway.transport import OrderTransport
from trader.model.event import Outcome, VenueStatus
from trader.model.order import OrderSpec, Side
from trader.runtime.clock import SystemClock
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange
from trader.venues.polymarket.account import open_account
from trader.venues.polymarket.comparison import stock_comparison
from trader.venues.polymarket.discovery import GammaDiscovery
from trader.venues.polymarket.heartbeats import PolymarketHeartbeats
from trader.venues.polymarket.orders import PolymarketOrders
from trader.venues.polymarket.rest import PolymarketRest
from trader.venues.polymarket.settings import PolymarketSettings
from trader.venues.polymarket.signing import OrderSigner, PolymarketRules
from trader.venues.polymarket.way_to_sign import account_signing

CLOCK = SystemClock()
SETTINGS = GatewaySettings()


@pytest.fixture(scope="module")
def plain():
    """(urls, what to trust)."""
    with running_exchange(speed=20) as urls:
        yield urls, None


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    ca_file = tmp_path_factory.mktemp("authority") / "ca.pem"
    with running_exchange(speed=20, tls=ca_file) as urls:
        yield urls, ssl.create_default_context(cafile=ca_file)


class OrderPath:
    """What one gateway thread and the heartbeat thread own, with a wallet of its own."""

    def __init__(self, urls, trust):
        http = httpx.Client(verify=trust or True)
        self.urls, self.trust = urls, trust
        self.account = open_account(PolymarketSettings(clob_url=urls.rest_url), "0x" + secrets.token_hex(32), CLOCK, http)
        discovery = GammaDiscovery(urls.gamma_url, httpx.Client(verify=trust or True))
        self.market = discovery.windows(10114, CLOCK.wall_ms()).open[1]           # opens later: nothing is traded there meanwhile
        signing = account_signing(self.account, stock_comparison(self.account.chain_id))
        self.rules = PolymarketRules(signing)
        self.limits = AccountLimits(TokenBucket(CLOCK, 40, 60), TokenBucket(CLOCK, 80, 120))
        self.transport, rest = self.rest()
        self.orders = PolymarketOrders(self.account, rest, OrderSigner(self.account, signing), SETTINGS, CLOCK)

    def rest(self):
        transport = OrderTransport(Dialer(self.urls.rest_url, CLOCK, self.trust), CLOCK)
        return transport, PolymarketRest(self.account, self.urls.rest_url, transport, SETTINGS.connect_ms, CLOCK, self.limits)

    def signed(self, side=Side.BUY, price_bp=3_000):
        spec = OrderSpec(self.market.condition_id, self.market.yes_token, side, price_bp, 10_000_000, secrets.randbits(50),
                         CLOCK.wall_ms(), self.market.protocol, self.market.neg_risk)
        return self.orders.sign(self.rules.order_id(spec), spec)


@pytest.fixture(params=["plain", "secure"])
def path(request):
    path = OrderPath(*request.getfixturevalue(request.param))
    yield path
    path.orders.close()


@pytest.fixture
def plain_path(plain):
    """For faults, which are ordered over plain HTTP; what they do is the same."""
    path = OrderPath(*plain)
    yield path
    path.orders.close()


def test_the_exchange_accepts_what_our_encoder_signed_under_the_id_that_we_gave_it(path):
    signed = path.signed()
    assert path.orders.place([signed])[0].outcome is Outcome.OK
    outcome, order = path.orders.read_order(signed.order_id)
    assert (outcome, order.order_id, order.status, order.price_bp) == (Outcome.OK, signed.order_id, VenueStatus.LIVE, 3_000)


def test_a_batch_its_cancels_and_the_cancel_of_the_market_use_one_connection(path):
    path.orders.warm()
    batch = [path.signed(price_bp=price_bp) for price_bp in range(1_000, 2_500, 100)]
    ids = [signed.order_id for signed in batch]
    assert {answer.outcome for answer in path.orders.place(batch)} == {Outcome.OK}
    assert [answer.outcome for answer in path.orders.cancel(ids[:2])] == [Outcome.OK] * 2
    outcome, cancelled, _ = path.orders.cancel_market(path.market.condition_id)
    assert outcome is Outcome.OK and set(cancelled) == set(ids[2:])
    assert path.orders.read_open_orders(path.market.condition_id) == (Outcome.OK, ())
    assert path.transport.opened == 1


def test_selling_what_one_does_not_have_is_refused_by_name(path):
    assert path.orders.place([path.signed(Side.SELL, 9_900)])[0].outcome is Outcome.INSUFFICIENT_BALANCE


def test_the_same_order_twice_is_a_duplicate(path):
    signed = path.signed()
    path.orders.place([signed])
    assert path.orders.place([signed])[0].outcome is Outcome.DUPLICATE


def test_beats_are_accepted_and_a_second_heart_of_the_same_key_joins_the_chain(path):
    first, second = (PolymarketHeartbeats(path.rest()[1], 2000) for _ in range(2))
    assert [first.beat(), first.beat(), second.beat(), first.beat()] == [""] * 4


@pytest.mark.parametrize(("fault", "outcome", "retry_after_ms"), [
    ({"kind": "too_early", "retry_after_s": 7}, Outcome.VENUE_MODE, 7000),
    ({"kind": "unavailable", "mode": "cancel_only"}, Outcome.VENUE_MODE, 1000),
    ({"kind": "unavailable", "mode": "disabled"}, Outcome.VENUE_MODE, 1000),
    ({"kind": "rate_limited", "retry_after_s": 3}, Outcome.RATE_LIMITED, 3000),
    ({"kind": "server_error"}, Outcome.UNKNOWN, 0),
])
def test_a_mode_of_the_venue_is_told_with_the_pause_that_it_asks_for(plain_path, fault, outcome, retry_after_ms):
    with exchange_fault(plain_path.urls, **fault):
        answer, = plain_path.orders.place([plain_path.signed()])
    assert (answer.outcome, answer.retry_after_ms) == (outcome, retry_after_ms)


def test_a_rate_limit_of_the_venue_holds_our_own_count_back(plain_path):
    with exchange_fault(plain_path.urls, kind="rate_limited", method="POST", path="/order", retry_after_s=3):
        plain_path.orders.place([plain_path.signed()])
    assert 2_500 < plain_path.limits.place(1) <= 3_000


def test_a_place_whose_answer_is_lost_is_unknown_sent_once_and_found_by_its_id(plain_path):
    signed = plain_path.signed()
    with exchange_fault(plain_path.urls, kind="lost_answer", path="/order"):
        assert plain_path.orders.place([signed])[0].outcome is Outcome.UNKNOWN
    assert plain_path.orders.read_order(signed.order_id)[1].status is VenueStatus.LIVE


def test_in_cancel_only_mode_a_cancel_goes_through(plain_path):
    signed = plain_path.signed()
    plain_path.orders.place([signed])
    with exchange_fault(plain_path.urls, kind="unavailable", mode="cancel_only"):
        assert plain_path.orders.cancel([signed.order_id])[0].outcome is Outcome.OK


def test_a_cancel_whose_answer_is_lost_is_repeated_and_its_order_is_known_to_be_dead(plain_path):
    signed = plain_path.signed()
    plain_path.orders.place([signed])
    with exchange_fault(plain_path.urls, kind="lost_answer", method="DELETE", path="/order"):
        assert plain_path.orders.cancel([signed.order_id])[0].outcome is Outcome.NOT_FOUND
