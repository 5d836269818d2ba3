"""What the venue's own top cannot show: a stream that stands still, and a wrong level deep in the book. In scripted time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import orjson
import pytest

from trader.exchange.hashes import BookMirror
from trader.exchange.orders import MarketSpec, Outcome, Side
from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.feeds.verify import VerifyRole
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import Errand, FeedOrders, Subscription
from trader.model.book import FeedHealth, MarketBook
from trader.model.intent import StrategyPulse
from trader.model.market import LiveMarket, Market
from trader.model.units import PriceBp, SizeMicro, price_to_wire, size_to_wire
from trader.testing.fake_socket import FakeNetwork, FakeSocket
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import BookDump, BookSample
from trader.venues.polymarket.book_hash import PolymarketBookHash
from trader.venues.polymarket.market_stream import PolymarketMarketStream, book_dump

SPEC = MarketSpec("0xc0", ("11", "12"), "v1")
MARKET = Market("m", "0xc0", "11", "12", PriceBp(SPEC.tick_bp), SizeMicro(SPEC.min_size_micro), 0, 1, "v1", SPEC.neg_risk)
STALE_MS = FeedSettings().book_stale_ms


class Venue:
    """The exchange's own mirror of a book, which hashes as the live venue does; also the REST that judges."""

    deadline_ms = 2000

    def __init__(self) -> None:
        self.mirror = BookMirror(SPEC, 1_790_658_661_234)
        for cent in range(20, 40):
            self.mirror.set(Side.BUY, cent * 100, 7_000_000)
            self.mirror.set(Side.SELL, 10_000 - cent * 100, 7_000_000)

    def dumps(self) -> list[str]:
        texts = [self.mirror.text(outcome) for outcome in Outcome]
        return [text.frame_json(text.sha1(), after_trade=False) for text in texts]

    def change(self, cent: int, shares: int) -> bytes:
        """A bid for YES, told for both outcomes."""
        self.mirror.set(Side.BUY, cent * 100, shares * 1_000_000)
        self.mirror.changed_ms += 1
        rows = []
        for outcome, side, price_bp in ((Outcome.YES, "BUY", cent * 100), (Outcome.NO, "SELL", 10_000 - cent * 100)):
            bid_bp, ask_bp = self.mirror.best_bp(outcome)
            rows.append({"asset_id": SPEC.token_ids[outcome], "price": price_to_wire(price_bp), "size": size_to_wire(shares * 10**6),
                         "side": side, "hash": self.mirror.text(outcome).sha1(), "best_bid": price_to_wire(bid_bp or 0),
                         "best_ask": price_to_wire(ask_bp or 0)})
        return orjson.dumps({"event_type": "price_change", "timestamp": str(self.mirror.changed_ms), "price_changes": rows})

    def read(self, token_id: str) -> BookDump:
        return book_dump(orjson.loads(self.mirror.text(SPEC.outcome_of(token_id)).rest_json()))

    def close(self) -> None:
        """Nothing is open."""


class Bench:
    """Feed and verify on one clock; `run` lets the venue answer probes until the time is over."""

    def __init__(self) -> None:
        self.clock, self.venue, self.until_ms = ManualClock(), Venue(), 10**9
        self.network = FakeNetwork(self.clock)
        self.orders, self.pulse = FeedOrders(), SnapshotCache[StrategyPulse]("pulse")
        self.books, self.health = SnapshotCache[MarketBook]("books"), SnapshotCache[FeedHealth]("health")
        samples, live, parked = SnapshotCache[tuple[BookSample, ...]]("samples"), SnapshotCache[LiveMarket]("live"), threading.Event()
        parked.set()
        live.publish(LiveMarket(MARKET, None))
        self.feed = BookFeed(PolymarketMarketStream("ws://v"), FeedSettings(), self.orders, self.books, self.health, Doorbell(),
                             self.clock, self.network.connect, self.wait, pulse=self.pulse, samples=samples)
        self.verify = VerifyRole(PolymarketBookHash(), self.venue, live=live, books=self.books, health=self.health, samples=samples,
                                 orders=self.orders, clock=self.clock, parked=parked)
        self.fair(5000)
        self.answers_pings, self.answers_subscriptions = True, False
        self.socket = self.network.accept()
        self.orders.put(Subscription(MARKET))
        self.feed.do_work()
        self.socket.push(*self.venue.dumps())
        self.feed.do_work()
        self.heard = len(self.socket.sent)

    def wait(self, filenos: Sequence[int], timeout_ms: int) -> None:
        """Never beyond the end of `run`."""
        self.network.wait(filenos, min(timeout_ms, max(0, self.until_ms - self.now_ms)))

    def fair(self, fair_bp: int) -> None:
        self.pulse.publish(StrategyPulse(self.clock.monotonic_ns(), 1, 0, PriceBp(fair_bp)))

    @property
    def now_ms(self) -> int:
        return self.clock.monotonic_ns() // 1_000_000

    @property
    def state(self) -> FeedHealth:
        health = self.health.read()
        assert health is not None
        return health

    def step(self, *, verifying: bool = False) -> None:
        self.feed.do_work()
        for text in self.socket.sent[self.heard:]:
            if text == "PING" and self.answers_pings:
                self.socket.push("PONG")
            elif '"subscribe"' in text and self.answers_subscriptions:
                self.socket.push(*self.venue.dumps())
        self.heard = len(self.socket.sent)
        if verifying:
            self.verify.do_work()

    def run(self, until_ms: int, *, verifying: bool = False) -> None:
        self.until_ms = until_ms
        while self.now_ms < until_ms:
            self.step(verifying=verifying)
        self.until_ms = 10**9

    def step_until(self, holds: Callable[[], bool], *, verifying: bool = False) -> None:
        end_ms = self.now_ms + 30_000
        while not holds():
            assert self.now_ms < end_ms, "it never came to be"
            self.step(verifying=verifying)

    def is_frozen(self) -> bool:
        return self.state.frozen is not None

    def reconnected(self) -> FakeSocket:
        """The next attempt succeeds and is told the whole book."""
        socket = self.network.accept()
        while not self.state.connected:
            self.feed.do_work()
        socket.push(*self.venue.dumps())
        self.feed.do_work()
        self.socket, self.heard = socket, len(socket.sent)
        return socket


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.feed.on_stop()
    made.orders.close()


# --- silent connections ---------------------------------------------------------------------------------------------


def pings(bench: Bench) -> int:
    return bench.socket.sent.count("PING")


def stale(bench: Bench) -> str | None:
    return bench.state.stale_reason(bench.clock.monotonic_ns(), STALE_MS)


def test_a_connection_is_probed_when_nothing_came_for_half_the_stale_threshold(bench: Bench) -> None:
    bench.run(1500)
    bench.socket.push(bench.venue.change(25, 3))
    bench.step()
    before = pings(bench)
    bench.run(1500 + STALE_MS // 2 - 1)
    assert pings(bench) == before
    bench.run(2000)                      # at most one a second: the last one went out at 1000
    assert pings(bench) == before + 1


def test_an_unanswered_probe_makes_the_book_stale_after_the_threshold_and_not_a_millisecond_earlier(bench: Bench) -> None:
    bench.answers_pings = False
    bench.run(1000)
    bench.step()
    assert pings(bench) == 1
    bench.run(1000 + STALE_MS - 1)
    assert stale(bench) is None
    bench.run(1000 + STALE_MS)
    assert stale(bench) == f"probe unanswered for {STALE_MS} ms"


def test_a_connection_that_falls_silent_right_after_a_pong_is_stale_within_a_second_and_a_half(bench: Bench) -> None:
    bench.run(1000)
    bench.step()
    bench.step()
    silent_ms, bench.answers_pings = bench.now_ms, False
    bench.run(silent_ms + 1500)
    assert silent_ms < 1300 and stale(bench) is not None


# --- frozen data ----------------------------------------------------------------------------------------------------


def test_data_that_stands_still_while_the_fair_price_moves_is_found_after_five_seconds_in_spite_of_pongs(bench: Bench) -> None:
    bench.step()
    bench.fair(5000 + 2 * MARKET.tick_bp)
    bench.run(4999)
    assert bench.state.frozen is None and not bench.state.suspect
    bench.step_until(bench.is_frozen)
    assert bench.now_ms <= 6000 and bench.state.suspect
    assert bench.state.stale_reason(bench.clock.monotonic_ns(), STALE_MS) is None


def test_a_quiet_market_is_neither_stale_nor_frozen(bench: Bench) -> None:
    bench.step()
    bench.fair(5000 + 2 * MARKET.tick_bp - 1)
    bench.run(60_000, verifying=True)
    assert bench.state.connected and bench.state.frozen is None and not bench.state.suspect
    assert bench.verify.stats()["judgements"]["same"] >= 5 and bench.feed.stats()["repairs"] == 0


def frozen(bench: Bench) -> None:
    bench.step()
    bench.fair(5000)
    bench.step()
    bench.fair(5500)
    bench.step_until(bench.is_frozen)


def test_a_frozen_stream_is_subscribed_anew_and_thaws_with_the_dump(bench: Bench) -> None:
    frozen(bench)
    said = [orjson.loads(text) for text in bench.socket.sent if text != "PING"][1:]
    assert [(s["operation"], s["assets_ids"]) for s in said] == [("unsubscribe", ["11", "12"]), ("subscribe", ["11", "12"])]
    bench.socket.push(*bench.venue.dumps())
    bench.step()
    assert bench.state.frozen is None and not bench.state.suspect


def test_a_frozen_stream_that_does_not_answer_the_subscription_is_opened_anew_after_two_seconds(bench: Bench) -> None:
    frozen(bench)
    found_ms = bench.now_ms
    bench.run(found_ms + 1999)
    assert bench.state.connected
    bench.run(found_ms + 2001)
    assert not bench.state.connected and bench.state.frozen is not None
    bench.reconnected()
    assert bench.state.connected and bench.state.frozen is None and not bench.state.suspect


def test_a_stream_that_freezes_again_after_a_mere_dump_is_opened_anew_at_once(bench: Bench) -> None:
    frozen(bench)
    bench.answers_subscriptions = True
    bench.socket.push(*bench.venue.dumps())
    for _ in range(3):
        bench.step()
        bench.fair(5500)
    bench.fair(6000)
    bench.step_until(lambda: not bench.state.connected)
    assert bench.now_ms < 12_000 and bench.feed.stats()["freezes"] == 2


def test_a_busy_next_market_does_not_make_a_frozen_live_one_look_alive(bench: Bench) -> None:
    bench.step()
    bench.orders.put(Subscription(MARKET, (MARKET._replace(condition_id="0xnext", yes_token="21", no_token="22"),)))
    bench.step()
    bench.fair(5500)
    busy = bench.venue.dumps()[0].replace('"asset_id":"11"', '"asset_id":"21"')
    while not bench.is_frozen():
        assert bench.now_ms < 6_000
        bench.socket.push(busy)
        bench.step()
        bench.clock.advance(ms=100)


def test_frames_of_other_kinds_do_not_make_a_frozen_book_look_alive(bench: Bench) -> None:
    """`new_market` comes for unrelated markets on the same connection."""
    bench.step()
    bench.fair(5500)
    while not bench.is_frozen():
        bench.socket.push(orjson.dumps({"event_type": "new_market"}))
        bench.clock.advance(ms=100)
        bench.step()
        assert bench.now_ms <= 6000


def test_a_switch_of_market_does_not_take_the_other_price_for_a_move(bench: Bench) -> None:
    bench.step()
    bench.run(4000)
    bench.fair(9500)
    bench.orders.put(Subscription(MARKET))
    bench.run(9000)
    assert bench.state.frozen is None
    bench.fair(9700)
    bench.step()
    assert bench.state.frozen is not None


def test_the_book_of_the_market_ahead_is_not_believed_either_after_a_freeze(bench: Bench) -> None:
    ahead = MARKET._replace(condition_id="0xahead", yes_token="21", no_token="22")
    bench.orders.put(Subscription(MARKET, (ahead,)))
    bench.step()
    bench.socket.push(*(dump.replace('"asset_id":"1', '"asset_id":"2') for dump in bench.venue.dumps()))
    frozen(bench)
    bench.orders.put(Subscription(ahead))
    bench.step()
    book = bench.books.read()
    assert book is not None and book.condition_id == "0xc0" and bench.state.suspect


# --- errands --------------------------------------------------------------------------------------------------------


def test_a_book_that_is_to_be_fetched_anew_is_suspect_until_its_dump_and_has_a_new_generation(bench: Bench) -> None:
    generation = bench.state.generation
    bench.orders.ask(Errand.RESUBSCRIBE, "11", "REST differs")
    bench.step()
    assert bench.state.suspect and bench.state.generation == generation + 1
    bench.socket.push(*bench.venue.dumps())
    bench.step()
    assert not bench.state.suspect and bench.feed.stats()["repairs"] == 1


def test_a_connection_that_is_to_be_opened_anew_is(bench: Bench) -> None:
    bench.orders.ask(Errand.RECONNECT, "", "wrong again")
    bench.step()
    assert bench.socket.closed and not bench.state.connected


def test_errands_for_a_connection_that_is_gone_are_void(bench: Bench) -> None:
    bench.socket.push_end()
    bench.step()
    for errand in Errand:
        bench.orders.ask(errand, "11", "late")
    bench.reconnected()
    bench.step()
    assert bench.state.connected and not bench.state.suspect


def test_errands_for_a_token_that_is_not_wanted_do_nothing(bench: Bench) -> None:
    bench.orders.ask(Errand.RESUBSCRIBE, "99", "late")
    bench.orders.ask(Errand.SAMPLE, "99", "late")
    bench.step()
    assert not bench.state.suspect and bench.feed.stats()["repairs"] == 0


# --- hashes ---------------------------------------------------------------------------------------------------------


def test_every_update_of_a_stream_that_is_in_order_matches_its_hash(bench: Bench) -> None:
    for number in range(40):
        bench.socket.push(bench.venue.change(20 + number % 19, number % 4))
        bench.run(bench.now_ms + 250, verifying=True)
    stats = bench.verify.stats()
    assert stats["hash_matches"] >= 16 and stats["hash_mismatches"] == 0 == stats["hash_untold"]


def test_a_late_duplicate_deep_in_the_book_is_found_by_the_hash_and_by_nothing_else(bench: Bench) -> None:
    """The top stays right, so no comparison of tops can see it, and nothing would, until the next dump."""
    late = bench.venue.change(25, 3)
    bench.socket.push(late, bench.venue.change(25, 9), late, bench.venue.change(24, 1))
    bench.step_until(lambda: bench.verify.stats()["hash_mismatches"] > 0, verifying=True)
    assert bench.now_ms < 2500
    assert bench.feed.stats()["mismatches"] == 0 and not bench.state.suspect


def test_a_late_duplicate_among_the_levels_that_are_quoted_on_is_judged_by_rest_and_repaired(bench: Bench) -> None:
    bench.answers_subscriptions = True
    late = bench.venue.change(37, 3)
    bench.socket.push(late, bench.venue.change(37, 9), late, bench.venue.change(24, 1))
    bench.step_until(lambda: bench.feed.stats()["repairs"] > 0, verifying=True)
    bench.step()
    book = bench.books.read()
    assert book is not None and book.yes.bids[2] == (3700, 9_000_000) and not bench.state.suspect
    assert bench.verify.stats()["judgements"] == {"wrong": 1} and bench.now_ms < 4000
