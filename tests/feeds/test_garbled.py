"""A stream of frames that cannot be read: every feed says so in its health, for the guard `garbled_frames`."""

from __future__ import annotations

import pytest

from trader.feeds.reference_feed import ReferenceFeed
from trader.feeds.settings import FeedSettings
from trader.feeds.unreadable import HOLD_NS
from trader.feeds.user_feed import UserFeed
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import FeedHealth
from trader.model.market import Market
from trader.model.setting import Secret
from trader.model.units import PriceBp, SizeMicro
from trader.testing.fake_socket import FakeNetwork
from trader.testing.manual_clock import ManualClock
from trader.venues.binance.market_stream import BinanceMarketStream
from trader.venues.polymarket.account import ApiCredentials
from trader.venues.polymarket.user_stream import PolymarketUserStream

MARKET = Market("now", "0xnow", "1", "2", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)
SETTINGS = FeedSettings(garbled_frames=3)


class Bench:
    """One feed, on a network of its own."""

    def __init__(self, kind: str) -> None:
        self.clock = ManualClock()
        self.network, self.health = FakeNetwork(self.clock), SnapshotCache[FeedHealth]("health")
        orders, on_net = FeedOrders(), (self.network.connect, self.network.wait)
        orders.put(Subscription(MARKET, ()))
        self.feed: UserFeed | ReferenceFeed
        if kind == "user":
            stream = PolymarketUserStream("ws://venue.test", ApiCredentials("me", Secret("c2VjcmV0"), Secret("pass"), b"secret"))
            self.feed = UserFeed(stream, SETTINGS, orders, self.health, ExecutorInbox(), self.clock, *on_net)
        else:
            self.feed = ReferenceFeed(BinanceMarketStream("ws://binance.test", "BTCUSDT"), SETTINGS, SnapshotCache("reference"),
                                      self.health, Doorbell(), self.clock, *on_net)
        self.feed.on_start()

    def says_rubbish(self, frames: int) -> None:
        socket = self.network.accept()
        while not self.network.sockets or self.network.sockets[-1] is not socket:
            self.feed.do_work()
        for _ in range(frames):
            socket.push("{rubbish")
        self.feed.do_work()

    def garbled(self) -> str | None:
        health = self.health.read()
        assert health is not None
        return health.garbled


@pytest.mark.parametrize("kind", ["user", "reference"])
def test_rubbish_that_repeats_is_told_in_the_health_for_half_a_minute(kind: str) -> None:
    bench = Bench(kind)
    bench.says_rubbish(3)
    assert bench.garbled() == "3 frames within 10 s could not be read"
    bench.clock.advance(ms=HOLD_NS // 1_000_000)
    bench.feed.do_work()
    assert bench.garbled() is None


@pytest.mark.parametrize("kind", ["user", "reference"])
def test_two_bad_frames_are_no_reason(kind: str) -> None:
    bench = Bench(kind)
    bench.says_rubbish(2)
    assert bench.garbled() is None


def test_rubbish_right_after_the_hello_is_not_taken_for_a_refused_key() -> None:
    bench = Bench("user")
    for _ in range(3):
        bench.says_rubbish(3)
    assert bench.garbled() is not None
