"""A market, funded accounts and an order factory: what most tests of the core start from."""

from __future__ import annotations

import itertools

import pytest

from trader.exchange.engine import Engine
from trader.exchange.orders import MarketSpec, NewOrder, Outcome, Side
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
