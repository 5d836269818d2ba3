"""The role stepped without a thread: its parking event is set from the start, so that only the clock decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from trader.errors import ConnectionLost
from trader.feeds.verify import VerifyRole
from trader.handoff.cache import SnapshotCache
from trader.handoff.orders import Errand, FeedOrders
from trader.model.book import BookTop, FeedHealth, Level, MarketBook
from trader.model.market import LiveMarket, Market
from trader.model.units import PriceBp, SizeMicro
from trader.runtime.role import Declared
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import BookDump, BookSample

MARKET = Market("m", "0xm", "11", "12", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)
FRESH = FeedHealth(True, 0, 0, 0, None, 1, False)


class Hash:
    says: bool | None = True

    def agrees(self, sample: BookSample, market: Market) -> bool | None:
        return self.says


class Rest:
    """Answers with these best bids; what is missing does not answer."""

    deadline_ms = 2000

    def __init__(self) -> None:
        self.bids = {"11": 4000, "12": 4000}
        self.asked: list[str] = []
        self.closed = False
        self.while_asked: Callable[[], None] = lambda: None

    def read(self, token_id: str) -> BookDump:
        self.asked.append(token_id)
        self.while_asked()
        if token_id not in self.bids:
            raise ConnectionLost("/book answered HTTP 500.", remedy="It is asked again later.")
        return BookDump(token_id, ((PriceBp(self.bids[token_id]), SizeMicro(5)),), (), None, 1, "h")

    def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self) -> None:
        self.clock, self.hash, self.rest, self.orders = ManualClock(), Hash(), Rest(), FeedOrders()
        self.live, self.books = SnapshotCache[LiveMarket]("live"), SnapshotCache[MarketBook]("books")
        self.health, self.samples = SnapshotCache[FeedHealth]("health"), SnapshotCache[tuple[BookSample, ...]]("samples")
        parked = threading.Event()
        parked.set()
        self.role = VerifyRole(self.hash, self.rest, live=self.live, books=self.books, health=self.health, samples=self.samples,
                               orders=self.orders, clock=self.clock, parked=parked)
        self.role.on_start()
        self.live.publish(LiveMarket(MARKET, None))
        self.health.publish(FRESH)
        self.publish(1)

    def publish(self, seq: int, yes_micro: int = 5) -> None:
        top = [BookTop(token, (Level(PriceBp(4000), SizeMicro(size)),), (), PriceBp(100))
               for token, size in zip(MARKET.tokens, (yes_micro, 5), strict=True)]
        self.books.publish(MarketBook("0xm", top[0], top[1], 1, seq, self.clock.monotonic_ns(), 0))

    def sample(self, token_id: str = "11") -> None:
        self.samples.publish((BookSample(token_id, "h", 1, PriceBp(100), (), (), "", True, None),))

    def step(self, ms: int = 250) -> None:
        self.clock.advance(ms=ms)
        self.role.do_work()

    def errands(self) -> list[tuple[Errand, str]]:
        found = []
        while (errand := self.orders.take_errand()) is not None:
            found.append(errand[:2])
        return sorted(found)

    def accuse(self) -> None:
        """A hash that differs; REST is asked in the same cycle."""
        self.hash.says = False
        self.sample()
        self.step(1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.role.on_stop()
    made.orders.close()


def test_a_sample_of_each_token_is_asked_for_once_a_second(bench: Bench) -> None:
    bench.step(999)
    assert bench.errands() == []
    bench.step(1)
    assert bench.errands() == [(Errand.SAMPLE, "11"), (Errand.SAMPLE, "12")]
    bench.step(999)
    assert bench.errands() == []


def test_a_sample_is_checked_once_and_one_of_another_market_not_at_all(bench: Bench) -> None:
    bench.sample()
    bench.step(1)
    bench.step(1)
    bench.sample("99")
    bench.step(1)
    stats = bench.role.stats()
    assert (stats["hash_checks"], stats["hash_matches"], stats["judgements"]) == (1, 1, {})


def test_a_hash_that_differs_asks_rest_and_rest_that_agrees_ends_it(bench: Bench) -> None:
    bench.accuse()
    assert bench.rest.asked == ["11", "12"]
    assert bench.role.stats()["judgements"] == {"same": 1} and bench.errands() == []


def test_two_answers_half_a_second_apart_that_differ_have_the_book_fetched_anew(bench: Bench) -> None:
    bench.rest.bids["11"] = 4100
    bench.accuse()
    bench.step(499)
    assert bench.errands() == [] and len(bench.rest.asked) == 2
    bench.step(1)
    assert bench.errands() == [(Errand.RESUBSCRIBE, "11")] and bench.role.stats()["repairs"] == 1


def test_a_book_that_is_wrong_again_has_the_connection_opened_anew(bench: Bench) -> None:
    bench.rest.bids["11"] = 4100
    bench.accuse()
    bench.step(500)
    bench.errands()
    bench.step(5000)
    bench.accuse()
    bench.step(500)
    assert (Errand.RECONNECT, "") in bench.errands() and bench.role.stats()["reconnects"] == 1


def test_a_market_that_moves_meanwhile_is_not_repaired(bench: Bench) -> None:
    bench.rest.bids["11"] = 4100
    bench.accuse()
    for seq in range(6, 13):
        bench.publish(seq, yes_micro=seq)
        bench.step(500)
    assert bench.role.stats()["judgements"] == {"moved": 1} and bench.role.stats()["repairs"] == 0


def test_five_seconds_without_a_new_book_ask_rest_whether_it_is_only_quiet(bench: Bench) -> None:
    bench.step(4999)
    assert bench.rest.asked == []
    bench.step(1)
    assert bench.rest.asked == ["11", "12"] and bench.role.stats()["judgements"] == {"same": 1}


def test_a_stream_that_is_silent_while_rest_moves_on_is_found_within_six_seconds(bench: Bench) -> None:
    bench.rest.bids = {"11": 4100, "12": 3900}
    while not bench.role.stats()["repairs"]:
        bench.step(250)
    assert bench.clock.monotonic_ns() <= 6_000_000_000
    assert (Errand.RESUBSCRIBE, "12") in bench.errands()


def test_one_token_that_went_silent_is_found_within_six_seconds_although_the_other_one_is_busy(bench: Bench) -> None:
    bench.rest.bids = {"11": 4000, "12": 3900}
    for seq in range(2, 100):
        bench.publish(seq, yes_micro=seq)
        bench.step(250)
        if bench.role.stats()["repairs"]:
            break
    assert bench.clock.monotonic_ns() <= 6_000_000_000
    assert [errand for errand in bench.errands() if errand[0] is Errand.RESUBSCRIBE] == [(Errand.RESUBSCRIBE, "12")]


def test_a_book_that_is_not_quoted_on_anyway_is_not_judged(bench: Bench) -> None:
    for health in (FRESH._replace(connected=False), FRESH._replace(suspect=True)):
        bench.health.publish(health)
        bench.accuse()
        bench.step(6000)
    bench.live.publish(LiveMarket(None, None))
    bench.step(6000)
    assert bench.rest.asked == []


def test_rest_that_does_not_answer_is_counted_and_asked_again_later(bench: Bench) -> None:
    bench.rest.bids = {}
    bench.accuse()
    bench.step(4999)
    assert (bench.role.stats()["rest_unanswered"], bench.rest.asked) == (1, ["11"])
    bench.accuse()
    assert bench.role.stats()["rest_unanswered"] == 2


def test_a_check_that_gave_up_asks_for_no_more_samples(bench: Bench) -> None:
    bench.hash.says = False
    for _ in range(20):
        bench.sample()
        bench.step(1)
    bench.errands()
    bench.step(1000)
    assert bench.errands() == [] and bench.role.stats()["hash_on"] is False


def test_while_rest_is_asked_the_role_says_so_with_the_limit_of_both_requests(bench: Bench) -> None:
    said: list[Declared] = []
    bench.rest.while_asked = lambda: said.append(bench.role.posture.now)
    bench.accuse()
    assert said[0].doing == "asking REST for the books" and said[0].limit_ms == 5000
    assert bench.role.posture.now.doing == "cycle"


def test_the_connection_to_rest_is_closed_at_the_end() -> None:
    bench = Bench()
    bench.role.on_stop()
    bench.orders.close()
    assert bench.rest.closed
