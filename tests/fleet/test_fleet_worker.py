from __future__ import annotations

import socket

import orjson
import pytest

from trader.errors import ConfigError, RoleFailed
from trader.fleet.books import FleetBooks
from trader.fleet.handler import WatchedMarket, WatchOnly, handler_named
from trader.fleet.parcels import Frames, Unpacker, pack_frames, pack_word
from trader.fleet.worker import Worker, end_alone, serve
from trader.fleet.worker_pipe import Pipe
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream

SECOND_NS = 1_000_000_000


def book_frame(token: str, bid: str = "0.4", ms: int = 1790658661234) -> bytes:
    return orjson.dumps({"market": "0x1", "asset_id": token, "timestamp": str(ms), "hash": "h", "bids": [{"price": bid, "size": "7"}],
                         "asks": [{"price": "0.6", "size": "5"}], "tick_size": "0.01", "event_type": "book"})


class Watcher:
    """A handler that remembers, and fails when told to."""

    def __init__(self) -> None:
        self.markets, self.books, self.gone, self.fails = [], [], [], False

    def on_market(self, market):
        self.markets.append(market)

    def on_book(self, condition_id, book, received_ns):
        if self.fails:
            raise RuntimeError("a user's mistake")
        self.books.append((condition_id, book.token_id, book.top().bid_bp))

    def on_trade(self, condition_id, trade):
        pass

    def on_gone(self, condition_id):
        self.gone.append(condition_id)

    def take_actions(self):
        return [{"seen": len(self.books)}] if self.books else []


ASSIGNED = {"do": "assign", "conn": 1, "assets": [["11", "0x1", 100], ["12", "0x1", 100]],
            "market": ["0x1", ["11", "12"], "rain-in-may", "rain", "", "rain"]}


class Bench:
    def __init__(self) -> None:
        self.clock, self.said, self.handler = ManualClock(), [], Watcher()
        self.books = FleetBooks(PolymarketMarketStream("ws://fleet").decode)
        self.worker = Worker(self.books, self.handler, self.said.append, self.clock, 5 * SECOND_NS)
        self.worker.take(ASSIGNED)

    def heard(self, kind: str) -> list:
        return [word[kind] for word in self.said if kind in word]


@pytest.fixture
def bench():
    return Bench()


def test_first_books_are_told_together_at_the_end_of_the_cycle(bench):
    bench.worker.take(Frames(1, 0, [book_frame("11")]))
    bench.worker.take(Frames(1, 0, [book_frame("12")]))
    bench.worker.end_cycle()
    assert bench.heard("owned") == [[(1, "11"), (1, "12")]]


def test_the_handler_sees_whole_books_and_its_actions_go_up(bench):
    bench.worker.take(Frames(1, 0, [book_frame("11"), book_frame("11", "0.45")]))
    assert bench.handler.books == [("0x1", "11", 4500)] and bench.heard("actions") == [[{"seen": 1}]]


def test_a_handler_that_fails_is_counted_and_stops_no_book(bench):
    bench.handler.fails = True
    bench.worker.take(Frames(1, 0, [book_frame("11")]))
    bench.worker.take({"do": "beat"})
    assert bench.heard("beat")[0]["handler_errors"] == 1 and bench.heard("beat")[0]["whole"] == 1


def test_a_market_that_is_gone_is_told_to_the_handler_once(bench):
    bench.worker.take({"do": "drop", "tokens": ["11", "12", "77"]})
    assert bench.handler.gone == ["0x1"]


def test_the_handler_hears_of_a_market_once_until_it_is_gone(bench):
    bench.worker.take({**ASSIGNED, "conn": 2})
    assert bench.handler.markets == [WatchedMarket("0x1", ("11", "12"), "rain-in-may", "rain", "", "rain")]
    bench.worker.take({"do": "drop", "tokens": ["11", "12"]})
    bench.worker.take(ASSIGNED)
    assert len(bench.handler.markets) == 2


def test_it_reports_at_its_heartbeat_and_not_before(bench):
    bench.clock.advance(ms=4_999)
    bench.worker.end_cycle()
    assert not bench.heard("beat")
    bench.clock.advance(ms=1)
    bench.worker.end_cycle()
    assert bench.heard("beat")[0]["assets"] == 2 and bench.heard("beat")[0]["rss_kb"] > 0


def test_a_book_is_told_on_request(bench):
    bench.worker.take(Frames(1, 0, [book_frame("11")]))
    bench.worker.take({"do": "book", "token": "11", "asked": 4})
    bench.worker.take({"do": "book", "token": "unknown", "asked": 5})
    known, unknown = bench.heard("book")
    assert (known["asked"], known["is_whole"], known["bids"], known["asks"]) == (4, True, [(4000, 7_000_000)], [(6000, 5_000_000)])
    assert not unknown["is_whole"] and unknown["bids"] == [] and orjson.dumps(known)


def test_a_book_that_does_not_come_is_asked_for_again(bench):
    bench.clock.advance(ms=5_000)
    bench.worker.end_cycle()
    assert sorted(bench.heard("doubted")[0]) == [(1, "11"), (1, "12")]


def test_a_burst_that_stays_open_sets_its_deadline(bench):
    assert bench.worker.park_ms() == 250
    bench.worker.take(Frames(1, 0, [book_frame("11")]))
    change = {"market": "0x1", "price_changes": [{"asset_id": "11", "price": "0.45", "size": "1", "side": "BUY", "hash": "x",
                                                  "best_bid": "0.46", "best_ask": "0.6"}],
              "timestamp": "1790658661235", "event_type": "price_change"}
    bench.worker.take(Frames(1, bench.clock.monotonic_ns(), [orjson.dumps(change)]))
    assert bench.worker.park_ms() == 5
    bench.clock.advance(ms=5)
    bench.worker.end_cycle()
    assert bench.heard("doubted") == [[(1, "11")]]


def test_a_worker_ends_when_told_to_after_what_came_before(bench):
    ours, theirs = socket.socketpair()
    pipe = Pipe(theirs)
    worker = Worker(bench.books, bench.handler, pipe.say, bench.clock, 5 * SECOND_NS)
    ours.sendall(pack_frames(1, 0, [book_frame("11")]) + pack_word({"do": "stop"}))
    serve(pipe, worker)
    assert {"owned": [[1, "11"]]} in list(Unpacker().feed(ours.recv(1 << 16)))
    ours.close()
    theirs.close()


def test_a_worker_ends_when_the_fleet_is_gone(bench):
    ours, theirs = socket.socketpair()
    ours.close()
    serve(Pipe(theirs), bench.worker)
    assert not bench.worker.is_stopping
    theirs.close()


def test_a_slow_handler_does_not_pass_for_one_that_hangs(bench):
    ours, theirs = socket.socketpair()
    pipe = Pipe(theirs)
    worker = Worker(bench.books, bench.handler, pipe.say, bench.clock, 5 * SECOND_NS)
    worker.take(ASSIGNED)
    bench.handler.on_book = lambda *book: bench.clock.advance(ms=2_000)
    ours.sendall(pack_frames(1, 0, [book_frame("11")]) * 6 + pack_word({"do": "stop"}))
    serve(pipe, worker)
    said = list(Unpacker().feed(ours.recv(1 << 16)))
    assert [word["beat"]["frames"] for word in said if "beat" in word] == [3, 6]
    assert said[0] == {"owned": [[1, "11"]]}
    ours.close()
    theirs.close()


def test_a_worker_whose_handler_hangs_ends_when_the_fleet_is_gone(capfd):
    ours, theirs = socket.socketpair()
    ours.close()
    codes = []
    end_alone(theirs, 0.0, codes.append)
    assert codes == [RoleFailed.exit_code] and "end_alone" in capfd.readouterr().err
    theirs.close()


@pytest.mark.parametrize("name", ["no_such_module_anywhere:make", "json", "json:nothing", "builtins:int", "os:getcwd"])
def test_a_factory_that_makes_no_handler_is_refused_by_its_name(name):
    with pytest.raises(ConfigError, match="handler_factory was"):
        handler_named(name, 0)


def test_without_a_name_there_are_only_books():
    assert isinstance(handler_named("", 0), WatchOnly)
