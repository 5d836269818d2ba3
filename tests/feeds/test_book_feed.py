from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import FeedHealth, MarketBook
from trader.model.market import Market
from trader.model.units import PriceBp, SizeMicro
from trader.testing.fake_socket import FakeNetwork, FakeSocket
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream


def market(name: str, yes: str, no: str) -> Market:
    return Market(name, f"0x{name}", yes, no, PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)


NOW, NEXT = market("now", "11", "12"), market("next", "21", "22")


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.network = FakeNetwork(self.clock)
        self.orders, self.bell = FeedOrders(), Doorbell()
        self.books, self.health = SnapshotCache[MarketBook]("books"), SnapshotCache[FeedHealth]("health")
        stream = PolymarketMarketStream("ws://venue.test")
        self.feed = BookFeed(stream, FeedSettings(), self.orders, self.books, self.health, self.bell, self.clock,
                             self.network.connect, self.network.wait)
        self.feed.on_start()

    def subscribed(self, live: Market | None = NOW, *ahead: Market) -> FakeSocket:
        socket = self.network.accept()
        self.orders.put(Subscription(live, ahead))
        self.feed.do_work()
        return socket

    def quoting(self, *ahead: Market) -> FakeSocket:
        socket = self.subscribed(NOW, *ahead)
        socket.push(*(dump(token) for m in (NOW, *ahead) for token in m.tokens))
        self.feed.do_work()
        return socket

    @property
    def book(self) -> MarketBook:
        book = self.books.read()
        assert book is not None
        return book

    @property
    def state(self) -> FeedHealth:
        health = self.health.read()
        assert health is not None
        return health


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.feed.on_stop()
    made.orders.close()


def dump(token: str, bid: str = "0.40", ask: str = "0.60", **more: Any) -> bytes:
    return orjson.dumps([{"event_type": "book", "asset_id": token, "timestamp": "1790658661234", "hash": "d",
                          "bids": [{"price": bid, "size": "100"}], "asks": [{"price": ask, "size": "100"}]} | more])


def change(token: str, price: str, size: str, bid: str, ask: str, side: str = "BUY", hash: str = "h") -> bytes:
    return orjson.dumps({"event_type": "price_change", "timestamp": "1790658661300", "price_changes": [
        {"asset_id": token, "price": price, "size": size, "side": side, "hash": hash, "best_bid": bid, "best_ask": ask}]})


def sent(socket: FakeSocket) -> list[dict[str, Any]]:
    return [orjson.loads(text) for text in socket.sent if text != "PING"]


def test_without_a_subscription_it_does_not_connect(bench: Bench) -> None:
    bench.feed.do_work()
    assert bench.network.dialled == [] and not bench.state.connected


def test_it_subscribes_to_the_live_market_and_those_ahead(bench: Bench) -> None:
    [hello] = sent(bench.subscribed(NOW, NEXT))
    assert bench.network.dialled == ["ws://venue.test/ws/market"] and hello["assets_ids"] == ["11", "12", "21", "22"]


def test_both_books_are_published_and_the_bell_rings_once_a_batch(bench: Bench) -> None:
    bench.quoting()
    assert (bench.book.condition_id, bench.book.yes.bid_bp, bench.book.no.ask_bp, bench.book.seq) == ("0xnow", 4000, 6000, 1)
    assert bench.bell.wait(0) and not bench.bell.wait(0)


def test_many_frames_of_one_batch_are_one_snapshot_of_the_last_state(bench: Bench) -> None:
    socket = bench.quoting()
    socket.push(change("11", "0.41", "5", "0.41", "0.60"), change("11", "0.42", "5", "0.42", "0.60", hash="i"))
    bench.feed.do_work()
    assert (bench.book.seq, bench.book.yes.bid_bp) == (2, 4200)


def test_a_half_applied_burst_is_never_published(bench: Bench) -> None:
    socket = bench.quoting()
    socket.push(change("11", "0.40", "3", "", "0.40", side="SELL"))
    bench.feed.do_work()
    assert bench.book.yes.ask_bp == 6000
    socket.push(change("11", "0.40", "0", "", "0.40"))
    bench.feed.do_work()
    assert (bench.book.yes.bid_bp, bench.book.yes.ask_bp) == (None, 4000)


def test_a_burst_that_stays_open_for_five_milliseconds_is_repaired_by_a_new_subscription(bench: Bench) -> None:
    socket = bench.quoting()
    socket.push(change("11", "0.41", "5", "0.45", "0.60"))
    bench.feed.do_work()
    assert not bench.state.suspect
    bench.feed.do_work()
    assert bench.clock.monotonic_ns() == 5_000_000 and bench.state.suspect
    assert [(s["operation"], s["assets_ids"]) for s in sent(socket)[1:]] == [("unsubscribe", ["11"]), ("subscribe", ["11"])]


def test_the_dump_after_a_repair_ends_the_suspicion_with_a_new_generation(bench: Bench) -> None:
    socket = bench.quoting()
    before = bench.book.generation
    socket.push(change("11", "0.41", "5", "0.45", "0.60"))
    bench.feed.do_work()
    bench.feed.do_work()
    socket.push(dump("11", "0.45"))
    bench.feed.do_work()
    assert not bench.state.suspect and bench.book.yes.bid_bp == 4500 and bench.book.generation == before + 1


def test_a_repair_without_an_answer_ends_in_a_reconnect(bench: Bench) -> None:
    socket = bench.quoting()
    socket.push(change("11", "0.41", "5", "0.45", "0.60"))
    for _ in range(12):
        bench.feed.do_work()
        socket.push(dump("12"))
        bench.clock.advance(ms=249)
    assert socket.closed and not bench.state.connected


def test_a_switch_to_the_market_ahead_publishes_its_book_at_once(bench: Bench) -> None:
    socket = bench.quoting(NEXT)
    bench.orders.put(Subscription(NEXT))
    bench.feed.do_work()
    assert bench.book.condition_id == "0xnext" and sent(socket)[1]["operation"] == "unsubscribe"


def test_a_switch_does_not_make_an_old_book_look_fresh(bench: Bench) -> None:
    bench.quoting(NEXT)
    bench.feed.do_work()
    received_ns = bench.clock.monotonic_ns()
    bench.clock.advance(ms=100)
    bench.orders.put(Subscription(NEXT))
    bench.feed.do_work()
    assert (bench.book.condition_id, bench.book.received_ns) == ("0xnext", received_ns)


def test_nothing_of_the_old_market_is_published_after_a_switch(bench: Bench) -> None:
    socket = bench.quoting()
    bench.orders.put(Subscription(NEXT))
    bench.feed.do_work()
    socket.push(change("11", "0.41", "5", "0.41", "0.60"), dump("21"))
    bench.feed.do_work()
    assert bench.book.seq == 1 and bench.state.suspect
    socket.push(dump("22"))
    bench.feed.do_work()
    assert bench.book.condition_id == "0xnext" and not bench.state.suspect


def test_a_loss_forgets_the_books_and_the_next_connection_starts_from_dumps(bench: Bench) -> None:
    socket = bench.quoting()
    generation = bench.book.generation
    socket.push_end("reset")
    bench.feed.do_work()
    assert not bench.state.connected and bench.state.suspect
    again = bench.network.accept()
    while not bench.state.connected:
        bench.feed.do_work()
    again.push(dump("11"), dump("12"))
    bench.feed.do_work()
    assert bench.book.generation > generation and sent(again)[0]["type"] == "market"


def test_a_new_tick_stops_publishing_until_its_dump(bench: Bench) -> None:
    socket = bench.quoting()
    tick = {"event_type": "tick_size_change", "asset_id": "11", "old_tick_size": "0.01", "new_tick_size": "0.001", "timestamp": "1"}
    socket.push(orjson.dumps(tick), change("12", "0.41", "5", "0.41", "0.60"))
    bench.feed.do_work()
    assert bench.book.seq == 1 and bench.state.suspect
    socket.push(dump("11", "0.405", tick_size="0.001"))
    bench.feed.do_work()
    assert (bench.book.yes.tick_bp, bench.book.yes.bid_bp) == (10, 4050)


def test_a_quiet_market_is_probed_and_stays_fresh(bench: Bench) -> None:
    socket = bench.quoting()
    answered = 0
    while bench.clock.monotonic_ns() < 4_000_000_000:
        bench.feed.do_work()
        if socket.sent.count("PING") > answered:
            socket.push("PONG")
            answered += 1
    health = bench.state
    assert health.connected and answered >= 3
    assert health.stale_reason(bench.clock.monotonic_ns(), 500) is None and health.last_data_ns == 0


def test_a_dead_connection_becomes_stale_and_is_then_replaced(bench: Bench) -> None:
    bench.quoting()
    reasons = []
    while bench.state.connected:
        bench.feed.do_work()
        reasons.append(bench.state.stale_reason(bench.clock.monotonic_ns(), 500))
    assert "probe unanswered for 500 ms" in reasons and reasons[-1] == "disconnected"


def test_an_unreadable_frame_is_counted_and_the_next_one_is_read(bench: Bench) -> None:
    socket = bench.quoting()
    socket.push("{]", change("11", "0.41", "5", "0.41", "0.60"))
    bench.feed.do_work()
    assert bench.feed.stats()["unparsable"] == 1 and bench.book.yes.bid_bp == 4100


def test_stats_name_what_happened(bench: Bench) -> None:
    socket = bench.quoting()
    socket.push(orjson.dumps({"event_type": "new_market"}), change("11", "0.41", "5", "0.41", "0.60"))
    bench.feed.do_work()
    stats = bench.feed.stats()
    assert stats["events"] == {"BookDump": 2, "new_market": 1, "LevelChange": 1}
    assert (stats["connects"], stats["frames"], stats["publishes"], stats["checks"], stats["mismatches"]) == (1, 4, 2, 3, 0)
    assert bench.feed.latency.summary()["count"] == 2


def test_each_cycle_publishes_health_even_when_nothing_happens(bench: Bench) -> None:
    bench.feed.do_work()
    assert bench.state.as_of_ns == bench.clock.monotonic_ns() == 250_000_000
