"""Frames of the market channel, read back by a client-side book that knows nothing but frames."""

from __future__ import annotations

import hashlib
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader.exchange.engine import Engine
from trader.exchange.events import BookChanged, MarketListed, MarketResolved, TickChanged
from trader.exchange.hashes import mirror_of
from trader.exchange.orders import MarketSpec, NewOrder, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.exchange.stream_market import MarketStream, MarketSubscribe, MarketUnsubscribe
from trader.model.units import MICRO

SPEC = MarketSpec("0x" + "c" * 64, ("111", "222"), "v1")


class Client:
    """A subscriber that keeps every frame, parsed."""

    def __init__(self):
        self.frames = []

    def offer(self, frame):
        self.frames.append(json.loads(frame))

    def take(self):
        frames, self.frames = self.frames, []
        return frames

    def types(self):
        return [frame["event_type"] for frame in self.take()]


class Rig:
    """An engine, its stream and one client."""

    def __init__(self, **subscription):
        numbers = itertools.count(1)
        self.engine = Engine(settle_ms=1_000, new_trade_id=lambda: f"t{next(numbers)}")
        self.engine.list_market(SPEC, 0)
        for name in ("ann", "bob"):
            self.engine.ledger.open(name)
            self.engine.ledger.deposit(name, 10**6 * MICRO)
        self.stream, self.client = MarketStream(), Client()
        self.stream.market_listed(MarketListed(SPEC, "slug", "question", 0))
        self.stream.subscribe(MarketSubscribe(self.client, SPEC.token_ids, **subscription))

    def place(self, name, side, cents, size, outcome=Outcome.YES, order_type=OrderType.GTC, now_ms=5):
        number = len(self.engine.records.orders)
        new = NewOrder(f"o{number}", name, f"k-{name}", name, SPEC, outcome, side, round(cents * 100), size * MICRO, order_type)
        self.engine.place(new, now_ms)
        self.relay()

    def relay(self):
        for event in self.engine.events:
            if isinstance(event, BookChanged):
                self.stream.book_changed(event)
            elif isinstance(event, TickChanged):
                self.stream.tick_changed(event)
        self.engine.events.clear()


@pytest.fixture
def rig():
    rig = Rig()
    rig.client.take()
    return rig


def test_the_first_frame_is_an_array_of_books():
    rig = Rig()
    frame, = rig.client.take()
    assert [(book["event_type"], book["asset_id"]) for book in frame] == [("book", "111"), ("book", "222")]
    assert frame[0]["tick_size"] == "0.01" and frame[0]["last_trade_price"] == ""


def test_one_change_names_both_outcomes(rig):
    rig.place("ann", Side.BUY, 40, 10)
    frame, = rig.client.take()
    assert frame["event_type"] == "price_change" and frame["timestamp"] == "5"
    assert [(change["asset_id"], change["price"], change["side"], change["size"], change["best_bid"], change["best_ask"])
            for change in frame["price_changes"]] == [("111", "0.4", "BUY", "10", "0.4", ""), ("222", "0.6", "SELL", "10", "", "0.6")]


def test_a_trade_is_a_burst_with_one_timestamp_and_one_final_hash(rig):
    rig.place("bob", Side.BUY, 60, 10, Outcome.NO)
    rig.client.take()
    rig.place("ann", Side.BUY, 45, 30, now_ms=9)
    frames = rig.client.take()
    changes = [frame for frame in frames if frame["event_type"] == "price_change"]
    books = [frame for frame in frames if frame["event_type"] == "book"]
    assert [frame["price_changes"][0]["size"] for frame in changes] == ["20", "0"]      # the taker's rest first: crossed in between
    assert {frame["price_changes"][0]["hash"] for frame in changes} == {books[0]["hash"]}
    assert {frame["timestamp"] for frame in frames} == {"9"}
    assert "tick_size" not in books[0] and "last_trade_price" not in books[0]
    assert frames[-1]["event_type"] == "last_trade_price" and frames[-1]["price"] == "0.400"


def test_a_second_subscription_of_the_same_asset_is_refused_but_its_setting_counts(rig):
    rig.stream.subscribe(MarketSubscribe(rig.client, ("111",), custom_features=True))
    refused, = rig.client.take()
    assert (refused["message"], refused["assets_ids"]) == ("duplicate assets", ["111"])
    rig.place("ann", Side.BUY, 40, 10)
    assert rig.client.types() == ["price_change", "best_bid_ask", "best_bid_ask"]


def test_a_connection_takes_500_assets_and_not_one_more(rig):
    more = tuple(map(str, range(1_000, 1_498)))
    rig.stream.subscribe(MarketSubscribe(rig.client, more))
    assert rig.client.take() == []
    rig.stream.subscribe(MarketSubscribe(rig.client, ("9",)))
    refused, = rig.client.take()
    assert (refused["message"], refused["assets_ids"]) == ("too many assets, at most 500 on one connection", ["9"])
    rig.stream.unsubscribe(MarketUnsubscribe(rig.client, more[:1]))
    rig.stream.subscribe(MarketSubscribe(rig.client, ("9",)))
    assert rig.client.take() == []


def test_unsubscribe_and_subscribe_brings_a_fresh_snapshot(rig):
    rig.stream.unsubscribe(MarketUnsubscribe(rig.client, ("111",)))
    rig.stream.subscribe(MarketSubscribe(rig.client, ("111",)))
    frame, = rig.client.take()
    assert [book["asset_id"] for book in frame] == ["111"]


def test_a_client_that_left_hears_nothing(rig):
    rig.stream.unsubscribe(MarketUnsubscribe(rig.client, None))
    rig.place("ann", Side.BUY, 40, 10)
    assert rig.client.frames == []


def test_best_bid_ask_comes_only_with_custom_features_and_only_when_the_best_moves():
    rig = Rig(custom_features=True)
    rig.place("ann", Side.BUY, 40, 10)
    rig.client.take()
    rig.place("ann", Side.BUY, 39, 10)
    assert rig.client.types() == ["price_change"]


def test_new_and_resolved_markets_are_told_to_clients_with_custom_features():
    rig = Rig(custom_features=True)
    rig.client.take()
    rig.stream.market_listed(MarketListed(SPEC._replace(condition_id="0xd", token_ids=("3", "4")), "next", "?", 1))
    rig.stream.market_resolved(MarketResolved(SPEC, Outcome.NO, 2))
    listed, resolved = rig.client.take()
    assert (listed["event_type"], listed["assets_ids"], listed["slug"]) == ("new_market", ["3", "4"], "next")
    assert (resolved["event_type"], resolved["winning_asset_id"], resolved["winning_outcome"]) == ("market_resolved", "222", "Down")


def test_a_price_that_leaves_4_to_96_cents_makes_the_tick_fine_and_brings_fresh_books(rig):
    rig.place("bob", Side.BUY, 1, 10, Outcome.NO)
    rig.place("ann", Side.BUY, 93, 10)      # the middle is 96 ¢: still inside
    assert rig.client.types() == ["price_change", "price_change"]
    rig.place("ann", Side.BUY, 94, 10, now_ms=8)
    change, *rest = rig.client.take()
    assert change["event_type"] == "price_change"
    assert [(frame["event_type"], frame["asset_id"]) for frame in rest] == [
        ("tick_size_change", "111"), ("book", "111"), ("tick_size_change", "222"), ("book", "222")]
    assert (rest[0]["old_tick_size"], rest[0]["new_tick_size"], rest[0]["timestamp"]) == ("0.01", "0.001", "8")
    view = rig.engine.markets[SPEC.condition_id].view()
    assert rest[1]["tick_size"] == "0.001" and rest[1]["hash"] == mirror_of(view).text(Outcome.YES).sha1()


def test_the_tick_stays_fine_when_the_price_comes_back_and_orders_follow_it(rig):
    rig.place("bob", Side.BUY, 1, 10, Outcome.NO)
    rig.place("ann", Side.BUY, 97, 10)
    rig.client.take()
    rig.place("bob", Side.BUY, 50, 10, Outcome.NO)
    rig.place("ann", Side.BUY, 48.7, 10)
    assert "tick_size_change" not in rig.client.types()
    with pytest.raises(Refusal, match=r"Price \(0\.4875\) breaks minimum tick size rule: 0\.001"):
        rig.place("ann", Side.BUY, 48.75, 10)


class ClientBook:
    """One asset's book, from frames alone, and the venue's recipe for its hash."""

    def __init__(self, asset_id):
        self.asset_id, self.sides, self.last_trade = asset_id, {"BUY": {}, "SELL": {}}, ""
        self.claim = None

    def hear(self, frame):
        for each in frame if isinstance(frame, list) else [frame]:
            kind = each["event_type"]
            if kind == "book" and each["asset_id"] == self.asset_id:
                self.sides = {side: {level["price"]: level["size"] for level in each[half]}
                              for side, half in (("BUY", "bids"), ("SELL", "asks"))}
                self.claim = each["timestamp"], each["hash"]
            elif kind == "price_change":
                for change in each["price_changes"]:
                    self._apply(change, each["timestamp"])
            elif kind == "last_trade_price":
                price = float(each["price"])
                self.last_trade = f"{price if each['asset_id'] == self.asset_id else 1 - price:.3f}"

    def _apply(self, change, timestamp):
        if change["asset_id"] == self.asset_id:
            self.sides[change["side"]][change["price"]] = change["size"]
            self.claim, self.claimed_best = (timestamp, change["hash"]), (change["best_bid"], change["best_ask"])

    def levels(self, side):
        return sorted(((price, size) for price, size in self.sides[side].items() if size != "0"), key=lambda level: float(level[0]),
                      reverse=side == "SELL")

    def sha1(self):
        bids, asks = ([{"price": price, "size": size} for price, size in self.levels(side)] for side in ("BUY", "SELL"))
        book = {"market": SPEC.condition_id, "asset_id": self.asset_id, "timestamp": self.claim[0], "hash": "",
                "bids": bids, "asks": asks, "min_order_size": "5", "tick_size": "0.01", "neg_risk": False,
                "last_trade_price": self.last_trade}
        return hashlib.sha1(json.dumps(book, separators=(",", ":")).encode()).hexdigest()


STEPS = st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(list(Side)), st.integers(45, 55), st.integers(5, 30),
                  st.sampled_from(list(Outcome)), st.sampled_from([OrderType.GTC, OrderType.GTC, OrderType.FAK]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=1, max_size=40))
def test_every_hash_and_every_best_price_fits_the_book_that_a_client_builds_from_frames(steps):
    rig, books = Rig(), [ClientBook(token) for token in SPEC.token_ids]
    for number, step in enumerate(steps):
        try:
            rig.engine.advance(number * 400)
            rig.place(*step, now_ms=number * 400)
        except Refusal:
            rig.relay()
        frames = rig.client.take()
        for outcome, book in zip(Outcome, books, strict=True):
            for frame in frames:
                book.hear(frame)
            assert book.sha1() == book.claim[1] == mirror_of(rig.engine.markets[SPEC.condition_id].view()).text(outcome).sha1()
        if any(isinstance(frame, dict) and frame["event_type"] == "price_change" for frame in frames):
            for book in books:
                assert book.claimed_best == tuple(book.levels(side)[-1][0] if book.levels(side) else "" for side in ("BUY", "SELL"))
