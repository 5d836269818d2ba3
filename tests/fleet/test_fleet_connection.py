from __future__ import annotations

import json

import pytest

from trader.fleet.connection import ANSWER_NS, PoolConnection, Row
from trader.fleet.letters import LineLost, Resolved
from trader.runtime.backoff import Backoff
from trader.testing.fake_socket import FakeNetwork
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.pool_stream import PolymarketPoolStream

QUIET_S = 10.0


class FakeLink:
    """Implements what the router uses of a WorkerLink."""

    def __init__(self) -> None:
        self.parcels: list[bytes] = []
        self.words: list[dict] = []
        self.has_room = True

    def offer(self, parcel: bytes) -> bool:
        if self.has_room:
            self.parcels.append(parcel)
        return self.has_room

    def tell(self, word: dict) -> bool:
        self.words.append(word)
        return True


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.network = FakeNetwork(self.clock)
        self.link, self.letters, self.born = FakeLink(), [], []
        self.connection = PoolConnection(
            4, PolymarketPoolStream("ws://venue"), [self.link], self.letters.append, self.born.append, self.clock,
            rows=[Row(0, ("1", "2"))], backoff=Backoff(), quiet_s=QUIET_S, connect=self.network.connect, wait=self.network.wait)

    def opened(self):
        line = self.network.accept()
        self.step()
        return line

    def step(self) -> None:
        self.connection.do_work()

    def pong(self, line) -> None:
        """Half a second of a line on which nothing but PONG comes."""
        self.clock.advance(ms=500)
        line.push("PONG")
        self.step()

    def run_for(self, ms: int) -> None:
        end_ns = self.clock.monotonic_ns() + ms * 1_000_000
        while self.clock.monotonic_ns() < end_ns:
            self.step()


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.connection.on_stop()


def subscriptions(line) -> list[dict]:
    return [json.loads(text) for text in line.sent if text != "PING"]


BOOK = '{"market":"0x1","asset_id":"1","event_type":"book","bids":[],"asks":[]}'


def test_it_opens_with_everything_that_it_carries(bench):
    line = bench.opened()
    assert subscriptions(line)[0]["assets_ids"] == ["1", "2"] and bench.connection.is_up


def test_a_market_that_is_added_is_subscribed_on_the_open_line(bench):
    line = bench.opened()
    bench.connection.order_carry([Row(0, ("3", "4"))])
    bench.step()
    assert subscriptions(line)[-1] == {"operation": "subscribe", "assets_ids": ["3", "4"], "custom_feature_enabled": True}


def test_a_market_that_is_removed_is_unsubscribed(bench):
    line = bench.opened()
    bench.connection.order_leave(["1", "2"])
    bench.step()
    assert subscriptions(line)[-1] == {"operation": "unsubscribe", "assets_ids": ["1", "2"]}


def test_a_refetch_tells_the_worker_first_and_then_subscribes_anew(bench):
    line = bench.opened()
    bench.connection.order_refetch(["1"])
    bench.step()
    assert bench.link.words == [{"do": "forget", "conn": 4, "tokens": ["1", "2"]}]
    assert [one["operation"] for one in subscriptions(line)[-2:]] == ["unsubscribe", "subscribe"]


def test_a_refill_fetches_everything_of_that_worker(bench):
    line = bench.opened()
    bench.connection.order_refill(0)
    bench.step()
    assert subscriptions(line)[-1]["assets_ids"] == ["1", "2"]


def test_a_lost_line_is_told_to_workers_and_keeper_and_dialled_again(bench):
    line = bench.opened()
    line.push_end()
    bench.step()
    assert bench.link.words == [{"do": "lost", "conn": 4}] and bench.letters == [LineLost(4)] and not bench.connection.is_up
    bench.network.accept()
    bench.run_for(1000)
    assert bench.connection.is_up and subscriptions(bench.network.sockets[-1])[0]["assets_ids"] == ["1", "2"]


def test_a_line_that_never_opened_is_not_lost(bench):
    bench.step()
    assert bench.letters == [] and not bench.connection.is_up


def test_a_quiet_market_is_asked_for_a_book_and_its_answer_is_life(bench):
    line = bench.opened()
    while len(subscriptions(line)) < 3:
        bench.pong(line)
    assert bench.clock.monotonic_ns() >= QUIET_S * 1e9 and subscriptions(line)[-1]["assets_ids"] == ["1"]
    line.push(BOOK)
    bench.run_for(ANSWER_NS // 1_000_000)
    assert bench.connection.is_up and bench.connection.freezes == 0


def test_a_stream_that_answers_pings_but_sends_no_book_is_frozen(bench):
    line = bench.opened()
    while bench.connection.is_up:
        bench.pong(line)
    assert bench.connection.freezes == 1 and bench.letters == [LineLost(4)]


def test_of_markets_that_have_ended_nothing_is_expected(bench):
    line = bench.opened()
    bench.connection.order_retire(["1", "2"])
    for _ in range(200):
        bench.pong(line)
    assert bench.connection.is_up and len(subscriptions(line)) == 1


def test_news_of_markets_goes_to_those_who_want_it(bench):
    line = bench.opened()
    line.push('{"event_type":"new_market","event_message":{"slug":"born"}}', '{"event_type":"market_resolved","market":"0x2a"}')
    bench.step()
    assert bench.born == ["born"] and bench.letters == [Resolved("0x2a".ljust(66, "0"))]


def test_an_unreadable_frame_costs_every_book_of_the_connection_but_not_the_line(bench):
    line = bench.opened()
    line.push("{half a frame")
    bench.step()
    assert bench.connection.unparsable == 1 and bench.connection.is_up
    assert bench.link.words == [{"do": "forget", "conn": 4, "tokens": ["1", "2"]}]


def test_unreadable_frames_that_repeat_end_the_line(bench):
    line = bench.opened()
    for _ in range(5):
        line.push("{half a frame")
        bench.step()
    assert not bench.connection.is_up
