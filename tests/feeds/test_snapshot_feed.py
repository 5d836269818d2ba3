from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from trader.feeds.settings import FeedSettings
from trader.feeds.snapshot_feed import SnapshotFeed
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.model.book import FeedHealth, ReferencePrice
from trader.testing.fake_socket import FakeNetwork
from trader.testing.manual_clock import ManualClock
from trader.venues.binance.settings import BinanceSettings
from trader.venues.binance.snapshot import BinanceSnapshot

ROW = {"symbol": "BTCUSDT", "ts_ms": 1_795_000_000_123, "bid": 60000.01, "ask": 60000.02, "age_ms": 12, "stale": False}


class Bench:
    """A source that answers with `row`, or fails with `failure`."""

    def __init__(self, **row: Any) -> None:
        self.clock = ManualClock()
        self.row: dict[str, Any] = ROW | row
        self.failure: httpx.Response | Exception | None = None
        self.polls = 0
        self.reference, self.health, self.bell = SnapshotCache[ReferencePrice]("r"), SnapshotCache[FeedHealth]("h"), Doorbell()
        source = BinanceSnapshot(BinanceSettings(snapshot_url="http://source.test/snapshot"))
        self.feed = SnapshotFeed(source, FeedSettings(), self.reference, self.health, self.bell, self.clock,
                                 httpx.Client(transport=httpx.MockTransport(self._answer)), FakeNetwork(self.clock).wait)
        self.feed.on_start()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.polls += 1
        if isinstance(self.failure, Exception):
            raise self.failure
        return self.failure or httpx.Response(200, json=self.row)

    def run_until(self, ms: int) -> None:
        while self.clock.monotonic_ns() < ms * 1_000_000:
            self.feed.do_work()

    def stale_reason(self) -> str | None:
        health = self.health.read()
        assert health is not None
        return health.stale_reason(self.clock.monotonic_ns(), 1000)


def test_it_polls_at_its_rate() -> None:
    bench = Bench()
    bench.run_until(1000)
    assert bench.polls == 50


def test_the_age_of_a_price_is_the_sources_own() -> None:
    bench = Bench()
    bench.run_until(20)
    price = bench.reference.read()
    assert price is not None and (price.bid_micro, price.received_ns) == (60_000_010_000, 8_000_000)


def test_a_frozen_source_becomes_stale_although_it_answers_every_poll() -> None:
    bench = Bench()
    bench.run_until(500)
    assert bench.stale_reason() is None
    for age_ms in range(0, 1100, 20):
        bench.row["age_ms"] = age_ms
        bench.feed.do_work()
    assert bench.stale_reason() is not None and "unanswered" in (bench.stale_reason() or "")


def test_a_source_that_keeps_giving_the_same_answer_becomes_stale_whatever_age_it_claims() -> None:
    bench = Bench()
    bench.run_until(900)
    assert bench.stale_reason() is None
    bench.run_until(1100)
    assert bench.stale_reason() is not None
    bench.row["ts_ms"] += 1
    bench.run_until(1200)
    assert bench.stale_reason() is None


def test_a_source_that_calls_itself_stale_is() -> None:
    bench = Bench(stale=True)
    bench.run_until(100)
    assert bench.stale_reason() == "disconnected"


def test_a_source_that_fails_is_stale_at_once_and_is_asked_again_after_a_pause(caplog: Any) -> None:
    bench = Bench()
    bench.failure = httpx.ConnectError("refused")
    bench.run_until(5000)
    assert bench.stale_reason() == "disconnected" and bench.polls < 15
    assert caplog.text.count("no snapshot from") == 1


def test_a_source_that_returns_is_good_again() -> None:
    bench = Bench()
    bench.failure = httpx.Response(500)
    bench.run_until(100)
    bench.failure = None
    bench.run_until(1900)
    bench.row["ts_ms"] += 1
    bench.run_until(2000)
    assert bench.stale_reason() is None


class Drip(httpx.SyncByteStream):
    """Never ends, and each byte takes its time."""

    def __init__(self, clock: ManualClock, part: bytes, ms: int) -> None:
        self._clock, self._part, self._ms = clock, part, ms

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self._clock.advance(ms=self._ms)
            yield self._part


@pytest.mark.parametrize(("part", "ms"), [(b" ", 100), (b" " * 10_000, 0)], ids=["slow", "long"])
def test_an_answer_without_end_is_a_failure_at_its_deadline(part: bytes, ms: int) -> None:
    bench = Bench()
    bench.failure = httpx.Response(200, stream=Drip(bench.clock, part, ms))
    bench.run_until(20)
    assert bench.feed.stats()["failures"] == 1 and bench.clock.monotonic_ns() <= 1_200_000_000


def test_an_answer_that_cannot_be_read_is_a_failure() -> None:
    bench = Bench(symbol="ETHUSDT")
    bench.run_until(100)
    assert bench.reference.read() is None and bench.feed.stats()["failures"] == bench.polls


def test_the_bell_rings_for_a_new_price_and_not_for_the_same_one() -> None:
    bench = Bench()
    bench.run_until(20)
    assert bench.bell.wait(0)
    bench.run_until(60)
    assert not bench.bell.wait(0)
    bench.row["bid"] = 60000.0
    bench.run_until(80)
    assert bench.bell.wait(0)
