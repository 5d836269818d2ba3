"""Each API key hears of its own orders and trades, and of nobody else's."""

from __future__ import annotations

import json

import pytest

from trader.exchange.events import OrderChanged, TradeChanged
from trader.exchange.orders import Outcome, Side
from trader.exchange.stream_user import UserStream, UserSubscribe, UserUnsubscribe
from trader.model.units import MICRO


class Client(list):
    def offer(self, frame):
        self.append(json.loads(frame))

    __hash__ = object.__hash__


@pytest.fixture
def heard(engine, order):
    """What Ann (taker) and Bob (maker on the complement) hear of one trade."""
    def run(condition_ids=None, unsubscribe=None):
        stream, clients = UserStream(), {"ann": Client(), "bob": Client()}
        for name, client in clients.items():
            stream.subscribe(UserSubscribe(client, f"key-{name}", condition_ids))
            if unsubscribe:
                stream.unsubscribe(UserUnsubscribe(client, unsubscribe))
        engine.place(order("bob", Side.BUY, 45, 10, Outcome.NO), 1_000)
        engine.place(order("ann", Side.BUY, 55, 10), 2_000)
        engine.advance(4_000)
        for event in engine.events:
            if isinstance(event, OrderChanged):
                stream.order_changed(event)
            elif isinstance(event, TradeChanged):
                stream.trade_changed(event)
        return clients
    return run


def test_the_maker_hears_placement_trade_and_update(heard):
    frames = heard()["bob"]
    assert [(frame["event_type"], frame["type"], frame["status"]) for frame in frames] == [
        ("order", "PLACEMENT", "LIVE"), ("trade", "TRADE", "MATCHED"), ("order", "UPDATE", "MATCHED"), ("trade", "TRADE", "MINED")]
    assert (frames[2]["size_matched"], frames[2]["original_size"]) == ("10", "10")


def test_the_top_of_a_trade_describes_the_taker_and_the_leg_the_maker(heard):
    trade = heard()["bob"][1]
    taker = {"trader_side": "MAKER", "side": "BUY", "price": "0.55", "asset_id": "111", "owner": "key-ann"}
    assert taker.items() <= trade.items()
    leg, = trade["maker_orders"]
    maker = {"owner": "key-bob", "price": "0.45", "asset_id": "222", "matched_amount": "10", "outcome": "Down"}
    assert maker.items() <= leg.items()


def test_a_leg_on_the_complement_carries_no_side(heard):
    assert "side" not in heard()["bob"][1]["maker_orders"][0]


def test_one_trade_has_legs_of_several_owners_and_each_hears_of_it(engine, order):
    stream, clients = UserStream(), {name: Client() for name in ("ann", "bob", "cat")}
    engine.ledger.open("cat")
    engine.ledger.deposit("cat", 100 * MICRO)
    engine.ledger.accounts["cat"].tokens_micro["0x" + "c" * 64, 0] = 10 * MICRO
    for name, client in clients.items():
        stream.subscribe(UserSubscribe(client, f"key-{name}", None))
    engine.place(order("bob", Side.BUY, 45, 10, Outcome.NO), 1_000)
    engine.place(order("cat", Side.SELL, 55, 10), 1_000)
    engine.place(order("ann", Side.BUY, 55, 20), 2_000)
    trade, = (event for event in engine.events if isinstance(event, TradeChanged))
    stream.trade_changed(trade)
    for frame, in clients.values():
        legs = [(leg["owner"], leg.get("side"), leg["price"]) for leg in frame["maker_orders"]]
        assert legs == [("key-bob", None, "0.45"), ("key-cat", "SELL", "0.55")]
    assert [client[0]["trader_side"] for client in clients.values()] == ["TAKER", "MAKER", "MAKER"]


def test_a_hash_of_the_transaction_appears_when_the_trade_is_mined(heard):
    hashes = [frame["transaction_hash"] for frame in heard()["ann"] if frame["event_type"] == "trade"]
    assert hashes[0] == "" and hashes[1].startswith("0x")


def test_nobody_hears_of_markets_that_were_not_asked_for(heard):
    assert heard(condition_ids=("0xother",)) == {"ann": [], "bob": []}


def test_a_market_that_was_unsubscribed_is_silent(heard, spec):
    assert heard(condition_ids=(spec.condition_id,), unsubscribe=(spec.condition_id,)) == {"ann": [], "bob": []}
