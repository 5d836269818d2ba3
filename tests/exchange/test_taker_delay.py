"""Orders that would trade at once and have to wait: what they may meet, and what becomes of them."""

from __future__ import annotations

import pytest

from trader.exchange.events import OrderChanged, TradeChanged
from trader.exchange.orders import OrderStatus, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal


@pytest.fixture
def slow(engine):
    """The engine of the other tests with a delay of 200 ms, and an offer of 10 at 55 ¢ that comes from Bob."""
    engine.delay.delay_ms = 200
    return engine


@pytest.fixture
def offer(slow, order):
    return slow.place(order("bob", Side.BUY, 45, 10, Outcome.NO, order_id="offer"), 0)


def told(engine):
    return [(event.change.value, event.order.status.value) for event in engine.events if isinstance(event, OrderChanged)]


def test_an_order_that_would_trade_waits_and_then_trades(slow, offer, order):
    assert slow.place(order("ann", Side.BUY, 55, 10, order_id="taker"), 0).order.status is OrderStatus.DELAYED
    assert not slow.advance(199) and slow.records.orders["taker"].status is OrderStatus.DELAYED
    assert slow.advance(200) and slow.records.orders["taker"].status is OrderStatus.MATCHED
    assert slow.conserved()


def test_a_maker_may_step_aside_before_the_order_arrives(slow, offer, order):
    slow.place(order("ann", Side.BUY, 55, 10, order_id="taker"), 0)
    slow.cancel("bob", ["offer"], 100)
    slow.events.clear()
    slow.advance(200)
    assert told(slow) == [("UPDATE", "LIVE")] and list(slow.records.open["ann"]) == ["taker"]


def test_an_order_that_rests_is_not_delayed(slow, offer, order):
    assert slow.place(order("ann", Side.BUY, 54, 10), 0).order.status is OrderStatus.LIVE


def test_a_held_order_cannot_be_cancelled(slow, offer, order):
    slow.place(order("ann", Side.BUY, 55, 10, order_id="taker"), 0)
    assert slow.cancel("ann", ["taker"], 100) == ([], {"taker": "order is delayed and cannot be canceled until it is matched"})


def test_a_held_order_keeps_its_money_reserved(slow, offer, order):
    slow.place(order("ann", Side.BUY, 55, 10_000), 0)
    with pytest.raises(Refusal, match="not enough balance"):
        slow.place(order("ann", Side.BUY, 50, 10_000), 100)


@pytest.mark.parametrize(("order_type", "status"), [
    (OrderType.FOK, "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."), (OrderType.FAK, "CANCELED")])
def test_a_market_order_that_finds_nothing_any_more_is_killed_and_says_why(slow, offer, order, order_type, status):
    slow.place(order("ann", Side.BUY, 55, 10, order_type=order_type), 0)
    slow.cancel("bob", ["offer"], 100)
    slow.events.clear()
    slow.advance(200)
    assert told(slow) == [("CANCELLATION", status)]
    assert slow.ledger.accounts["ann"].reserved_cash_micro == 0


def test_a_market_that_closes_takes_held_orders_with_it(slow, offer, order, spec):
    slow.place(order("ann", Side.BUY, 55, 10, order_id="taker"), 0)
    slow.close_market(spec.condition_id, 100)
    assert slow.records.orders["taker"].status is OrderStatus.RESOLVED
    assert not slow.advance(200) and slow.ledger.accounts["ann"].reserved_cash_micro == 0


def test_the_population_is_not_delayed(slow, offer, order):
    slow.ledger.open("bot", internal=True)
    slow.ledger.deposit("bot", 10**9)
    assert slow.place(order("bot", Side.BUY, 55, 10), 0).order.status is OrderStatus.MATCHED


def test_a_held_order_survives_a_restart(slow, offer, order):
    slow.place(order("ann", Side.BUY, 55, 10, order_id="taker"), 0)
    held = slow.records.orders["taker"]
    slow.delay.due(200)
    slow.ledger.accounts["ann"].reserved_cash_micro = 0
    slow.restore(held)
    slow.advance(200)
    assert held.status is OrderStatus.MATCHED and any(isinstance(event, TradeChanged) for event in slow.events)


def test_the_answer_of_a_held_order_is_delayed(ann, bob, venue):
    venue._engine.delay.delay_ms = 200
    bob.post(token="222", price=0.6)
    assert ann.post()[1]["status"] == "delayed"
