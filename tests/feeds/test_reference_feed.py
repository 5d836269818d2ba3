from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.feeds.reference_feed import FROZEN_NS, RENEW_NS, ReferenceFeed
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.model.book import FeedHealth, ReferencePrice
from trader.testing.fake_socket import FakeNetwork, FakeSocket
from trader.testing.manual_clock import ManualClock
from trader.venues.binance.market_stream import BinanceMarketStream


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.network, self.bell = FakeNetwork(self.clock), Doorbell()
        self.reference, self.health = SnapshotCache[ReferencePrice]("reference"), SnapshotCache[FeedHealth]("health")
        self.feed = ReferenceFeed(BinanceMarketStream("ws://binance.test", "BTCUSDT"), FeedSettings(), self.reference, self.health,
                                  self.bell, self.clock, self.network.connect, self.network.wait)
        self.feed.on_start()

    def connected(self) -> FakeSocket:
        socket = self.network.accept()
        while not self.network.sockets or self.network.sockets[-1] is not socket:
            self.feed.do_work()
        return socket

    @property
    def price(self) -> ReferencePrice:
        price = self.reference.read()
        assert price is not None
        return price


@pytest.fixture
def bench() -> Bench:
    return Bench()


def frame(**data: Any) -> bytes:
    return orjson.dumps({"stream": "x", "data": data})


def quoted(bid: str = "60000.00", ask: str = "60000.01") -> bytes:
    return frame(u=1, s="BTCUSDT", b=bid, a=ask)


KLINE = frame(e="kline", s="BTCUSDT", k={"t": 3_600_000, "i": "1h", "o": "59000.5", "x": False})
TRADED = frame(e="aggTrade", s="BTCUSDT", p="60000.00500000", T=5)


def test_there_is_no_price_before_the_first_bid_and_ask(bench: Bench) -> None:
    bench.connected().push(KLINE, TRADED)
    bench.feed.do_work()
    assert bench.reference.read() is None and not bench.bell.wait(0)


def test_bid_ask_last_and_open_are_one_snapshot_and_one_ring(bench: Bench) -> None:
    bench.connected().push(KLINE, TRADED, quoted())
    bench.feed.do_work()
    assert bench.price == ReferencePrice("BTCUSDT", 60_000_000_000, 60_000_010_000, 60_000_005_000, 59_000_500_000, 3_600_000, 0)
    assert bench.bell.wait(0) and not bench.bell.wait(0)


def test_its_age_is_that_of_the_newest_bid_and_ask_not_of_a_trade(bench: Bench) -> None:
    socket = bench.connected()
    socket.push(quoted())
    bench.feed.do_work()
    bench.clock.advance(ms=400)
    socket.push(TRADED)
    bench.feed.do_work()
    assert bench.price.received_ns == 0 and bench.price.last_micro == 60_000_005_000


def test_a_ping_of_the_server_is_answered(bench: Bench) -> None:
    socket = bench.connected()
    socket.push_ping(b"1795")
    bench.feed.do_work()
    assert socket.pongs == [b"1795"]


def test_silence_is_probed_with_a_ping_frame_and_not_with_a_text(bench: Bench) -> None:
    socket = bench.connected()
    while bench.clock.monotonic_ns() < 1_000_000_000:
        bench.feed.do_work()
    assert (socket.pings, socket.sent) == (1, [])


def test_an_announced_shutdown_reconnects_at_once_and_keeps_the_strike(bench: Bench) -> None:
    first = bench.connected()
    bench.clock.advance(ms=60_000)
    first.push(KLINE, quoted(), b'{"e":"serverShutdown","E":1}')
    second = bench.network.accept()
    bench.feed.do_work()
    bench.feed.do_work()
    second.push(quoted("61000", "61001"))
    bench.feed.do_work()
    assert first.closed and bench.price.bid_micro == 61_000_000_000 and bench.price.open_micro == 59_000_500_000
    assert bench.clock.monotonic_ns() == 60_000_000_000


def test_a_connection_is_renewed_before_the_venue_cuts_it(bench: Bench) -> None:
    first = bench.connected()
    bench.clock.advance(ms=RENEW_NS // 1_000_000)
    first.push(quoted())
    bench.feed.do_work()
    assert first.closed and bench.price.bid_micro == 60_000_000_000


def test_a_loss_keeps_the_last_price_and_says_disconnected(bench: Bench) -> None:
    socket = bench.connected()
    socket.push(quoted())
    socket.push_end()
    bench.feed.do_work()
    bench.feed.do_work()
    health = bench.health.read()
    assert health is not None and health.stale_reason(bench.clock.monotonic_ns(), 1000) == "disconnected" and bench.price


def stale_reason(bench: Bench) -> str | None:
    health = bench.health.read()
    assert health is not None
    return health.stale_reason(bench.clock.monotonic_ns(), 1000)


def test_a_new_connection_counts_only_when_its_own_first_price_came(bench: Bench) -> None:
    first = bench.connected()
    first.push(quoted())
    first.push_end()
    bench.feed.do_work()
    bench.clock.advance(ms=30_000)
    second = bench.connected()
    second.push(TRADED, KLINE)
    bench.feed.do_work()
    assert stale_reason(bench) == "disconnected" and bench.price.last_micro is None      # the old price is not shown as a new one
    second.push(quoted("61000", "61001"))
    bench.feed.do_work()
    assert stale_reason(bench) is None and bench.price.received_ns >= 30_000_000_000


def test_a_stream_whose_bid_and_ask_stand_still_for_five_seconds_is_opened_anew_although_trades_come(bench: Bench) -> None:
    socket = bench.connected()
    socket.push(quoted())
    while bench.feed.stats()["connected"] and bench.clock.monotonic_ns() < 2 * FROZEN_NS:
        socket.push(TRADED)
        socket.push_pong()
        bench.feed.do_work()
        bench.clock.advance(ms=250)
    assert FROZEN_NS <= bench.clock.monotonic_ns() <= FROZEN_NS + 500_000_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([KLINE, TRADED, quoted(), b"{", b"[]", b"\xff", quoted("7", "6"), frame(e="x")]), max_size=4))
def test_corrupt_frames_never_leave_do_work_and_are_counted(frames: list[bytes]) -> None:
    bench = Bench()
    socket = bench.connected()
    socket.push(*frames)
    bench.feed.do_work()
    assert bench.feed.stats()["unparsable"] == sum(f in (b"{", b"[]", b"\xff", quoted("7", "6")) for f in frames)
