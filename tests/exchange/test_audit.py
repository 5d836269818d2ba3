"""What the exchange writes down about its clients, and what can be asked of it."""

from __future__ import annotations

import pytest

from trader.exchange.audit import KEPT, Audit, AuditedApplication
from trader.exchange.events import MarketClosed, MarketListed, MarketResolved
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Application
from trader.exchange.orders import OrderType, Outcome, Side
from trader.exchange.request import Request
from trader.exchange.routes_control import ControlRoutes
from trader.exchange.stream_market import MarketSubscribe, MarketUnsubscribe
from trader.exchange.venue import Venue
from trader.model.units import MICRO
from trader.testing.exchange_audit import ExchangeAudit


class World:
    """A venue whose events the audit hears; time in milliseconds since the start."""

    def __init__(self, clock, spec):
        self.clock, self.spec, self.audit, self.faults = clock, spec, Audit(clock), FaultBoard(clock)
        self.venue = Venue(clock, self.audit.hear, settle_ms=1_000, cash_micro=1_000 * MICRO, faults=self.faults)
        self.venue.list_market(spec)
        self.audit.hear(MarketListed(spec, "slug", "?", clock.wall_ms()))
        self.start_ms = clock.wall_ms()
        for name in ("ann", "bob"):
            self.venue.open_account(name)
        self.control = Application(ControlRoutes(self.venue, None, self.faults, self.audit).table())

    def pass_ms(self, ms):
        self.clock.advance(ms=ms)

    def read(self, **query):
        status, said = self.control.answer(Request("GET", "/control/audit", "", query, {}, b""))
        assert status == 200
        return ExchangeAudit(said)

    def at(self, ms):
        return self.start_ms + ms


@pytest.fixture
def world(clock, spec):
    return World(clock, spec)


def test_an_order_is_live_from_its_placement_to_its_end(world, order):
    world.venue.place(order("ann", Side.BUY, 40, 10, order_id="a"))
    world.pass_ms(500)
    assert [row["id"] for row in world.read().live_orders(world.at(250))] == ["a"]
    world.venue.cancel("ann", ["a"])
    world.pass_ms(500)
    row, = world.read().orders
    assert (row["from_ms"], row["to_ms"], row["end"], row["price"]) == (world.at(0), world.at(500), "CANCELED", "0.4")
    assert world.read().live_orders(world.at(499)) and not world.read().live_orders(world.at(500))
    assert world.read().last_end_ms(world.at(100)) == world.at(500)


def test_a_fill_ends_the_orders_that_it_fills_and_says_how_much(world, order):
    world.venue.place(order("ann", Side.BUY, 40, 10, order_id="a"))
    world.venue.place(order("bob", Side.BUY, 60, 4, order_id="b", outcome=Outcome.NO, order_type=OrderType.FAK))
    rows = {row["id"]: (row["matched"], row["end"]) for row in world.read().orders}
    assert rows == {"a": ("4", None), "b": ("4", "MATCHED")}


def test_each_client_can_be_asked_about_alone(world, order):
    world.venue.place(order("ann", Side.BUY, 40, 10))
    world.venue.place(order("bob", Side.BUY, 41, 10))
    assert [row["account"] for row in world.read(address="BOB").orders] == ["bob"]


def test_an_order_that_was_live_while_its_book_was_not_heard_is_found(world, order):
    world.audit.hear(MarketSubscribe("ws-1", world.spec.token_ids))
    world.venue.place(order("ann", Side.BUY, 40, 10, order_id="a"))
    world.pass_ms(1_000)
    world.audit.hear(MarketUnsubscribe("ws-1", None))
    world.pass_ms(700)
    assert world.read().live_while_blind(grace_ms=700) == []
    world.pass_ms(100)
    exposure, = world.read().live_while_blind(grace_ms=700)
    assert exposure.order["id"] == "a" and exposure.during.from_ms == world.at(1_000) and exposure.overlap_ms == 100
    world.audit.hear(MarketSubscribe("ws-2", world.spec.token_ids))
    world.pass_ms(100)
    assert world.read().live_while_blind(grace_ms=800) == []


def test_a_freeze_makes_blind_although_the_subscription_stands(world, order):
    world.audit.hear(MarketSubscribe("ws-1", world.spec.token_ids))
    world.venue.place(order("ann", Side.BUY, 40, 10))
    world.faults.add({"kind": "freeze", "channel": "market", "for_ms": 2_000})
    world.pass_ms(100)
    assert world.faults.strike("market", "freeze")
    world.pass_ms(5_000)
    exposure, = world.read().live_while_blind(grace_ms=500)
    assert (exposure.during.from_ms, exposure.overlap_ms) == (world.at(0), 1_500)


def test_an_order_in_a_closed_market_would_be_found(world, order):
    world.venue.place(order("ann", Side.BUY, 40, 10))
    world.pass_ms(10)
    world.audit.hear(MarketClosed(world.spec, world.clock.wall_ms()))       # as if the engine had left it open
    world.pass_ms(10)
    assert world.read().live_in_closed_market()[0].overlap_ms == 11
    world.venue.close_market(world.spec.condition_id)


def test_the_engine_leaves_no_order_in_a_closed_market(world, order):
    world.venue.place(order("ann", Side.BUY, 40, 10))
    world.pass_ms(10)
    world.venue.close_market(world.spec.condition_id)
    world.audit.hear(MarketResolved(world.spec, Outcome.YES, world.clock.wall_ms()))
    world.pass_ms(10)
    assert world.read().live_in_closed_market() == []
    assert world.read().markets[0]["winner"] == "Up" and world.read().orders[0]["end"] == "CANCELED_MARKET_RESOLVED"


def test_requests_are_written_down_with_their_answer_and_control_is_not(world, clock):
    def lost(environ, start_response):
        raise ConnectionAbortedError

    def answer(environ, start_response):
        clock.advance(ms=7)
        start_response("404 Not Found", [])
        return []
    for path, application in (("/order", answer), ("/control/state", answer), ("/orders", lost)):
        environ = {"PATH_INFO": path, "REQUEST_METHOD": "DELETE", "HTTP_POLY_ADDRESS": "0xA"}
        try:
            AuditedApplication(application, world.audit, clock)(environ, lambda *_: None)
        except ConnectionAbortedError:
            assert path == "/orders"
    first, second = world.read(address="0xa").cancels(0)
    assert (first["path"], first["status"], first["took_ms"]) == ("/order", 404, 7)
    assert (second["path"], second["status"]) == ("/orders", 0)


def test_the_audit_is_bounded_and_says_what_it_forgot(world):
    for number in range(KEPT + 5):
        world.audit.request({"at_ms": number, "address": ""})
    audit = world.read()
    assert len(audit.requests) == KEPT and audit.forgotten["requests"] == 5


def test_a_moment_that_is_none_is_refused(world):
    assert world.control.answer(Request("GET", "/control/audit", "", {"since_ms": "noon"}, {}, b""))[0] == 400
