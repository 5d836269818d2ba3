from __future__ import annotations

import socket

import pytest

from trader.errors import WireError
from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Unpacker
from trader.fleet.router import FLUSH_FRAMES, Router
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.pool_stream import PolymarketPoolStream


class Wiring:
    """A router with real links over socket pairs; what has arrived at each worker can be read."""

    def __init__(self, workers: int = 2, limit_bytes: int = 1 << 20) -> None:
        self.clock, self.wakes = ManualClock(), 0
        self.links = [WorkerLink(number, limit_bytes, self._wake) for number in range(workers)]
        self.ends: list[socket.socket] = []
        self.unpackers = [Unpacker() for _ in range(workers)]
        for link in self.links:
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            link.attach(ours)
            self.ends.append(theirs)
        self.router = Router(9, PolymarketPoolStream("ws://fleet"), self.links, self.clock)
        self.router.carry(0, ("11", "12"))
        self.router.carry(1, ("21", "22"))

    def _wake(self) -> None:
        self.wakes += 1

    def came(self, worker: int) -> list:
        found = []
        while True:
            self.links[worker].flush()
            try:
                found += self.unpackers[worker].feed(self.ends[worker].recv(1 << 20))
            except BlockingIOError:
                return found

    def close(self) -> None:
        for link, end in zip(self.links, self.ends, strict=True):
            link.detach()
            end.close()


@pytest.fixture
def wiring():
    wired = Wiring()
    yield wired
    wired.close()


@pytest.fixture
def narrow():
    """Links that are full as soon as the socket itself is."""
    wired = Wiring(limit_bytes=0)
    yield wired
    wired.close()


def frame(token: str, filler: int = 0) -> bytes:
    return b'{"market":"0x1","price_changes":[{"asset_id":"%s"}],"event_type":"price_change","x":"%s"}' % (token.encode(), b"x" * filler)


def test_a_batch_is_one_parcel_a_worker(wiring):
    wiring.router.route([frame("11"), frame("22"), frame("12")], 5)
    assert wiring.came(0) == [Frames(9, 5, [frame("11"), frame("12")])]
    assert wiring.came(1) == [Frames(9, 5, [frame("22")])]


def test_a_flood_is_flushed_before_its_end(wiring):
    wiring.router.route([frame("11")] * (FLUSH_FRAMES + 1), 5)
    assert [len(parcel.payloads) for parcel in wiring.came(0)] == [FLUSH_FRAMES, 1]


def test_what_concerns_no_book_comes_back(wiring):
    news = b'{"event_type":"new_market","event_message":{"slug":"s"}}'
    assert wiring.router.route([b"PONG", frame("11"), news], 5) == [b"PONG", news]


def test_tokens_that_are_not_carried_are_counted(wiring):
    wiring.router.route([frame("77")], 5)
    assert (wiring.router.foreign, wiring.router.routed) == (1, 0)


def test_what_came_before_an_unreadable_frame_is_handed_on(wiring):
    with pytest.raises(WireError):
        wiring.router.route([frame("11"), b"{half", frame("12")], 5)
    assert [parcel.payloads for parcel in wiring.came(0)] == [[frame("11")]]


def overflow(wired: Wiring) -> None:
    while not wired.router.dirty:
        wired.router.route([frame("11", 60_000)], 5)


def test_a_worker_that_is_behind_makes_the_whole_market_dirty_and_the_loss_is_counted(narrow):
    overflow(narrow)
    assert narrow.router.dirty == 2 and narrow.router.dropped == 1
    narrow.router.route([frame("12"), frame("21")], 6)
    assert narrow.router.dropped == 2 and narrow.came(1) == [Frames(9, 6, [frame("21")])]


def test_dirty_tokens_wait_for_room_and_the_worker_is_told_before_they_are_fetched_anew(narrow):
    overflow(narrow)
    assert narrow.router.take_refetch() == []
    narrow.came(0)
    assert narrow.router.take_refetch() == ["11", "12"] and not narrow.router.dirty
    assert narrow.came(0) == [{"do": "forget", "conn": 9, "tokens": ["11", "12"]}]


def test_frames_after_the_refetch_flow_again(narrow):
    overflow(narrow)
    narrow.came(0)
    narrow.router.take_refetch()
    narrow.router.route([frame("11")], 7)
    assert narrow.came(0)[-1] == Frames(9, 7, [frame("11")])


def test_a_full_link_asks_to_be_drained_once(narrow):
    overflow(narrow)
    assert narrow.wakes == 1


def test_words_are_never_refused_and_keep_the_order(narrow):
    overflow(narrow)
    assert narrow.links[0].tell({"do": "stop"})
    assert narrow.came(0)[-1] == {"do": "stop"}


def test_without_a_worker_its_markets_are_dirty_until_there_is_one(wiring):
    wiring.links[0].detach()
    wiring.router.route([frame("11")], 5)
    assert wiring.router.dirty == 2 and wiring.router.take_refetch() == []


def test_a_lost_line_is_told_to_every_worker_in_line_with_its_frames(wiring):
    wiring.router.route([frame("11")], 5)
    wiring.router.line_lost()
    assert wiring.came(0) == [Frames(9, 5, [frame("11")]), {"do": "lost", "conn": 9}]
    assert wiring.came(1) == [{"do": "lost", "conn": 9}]


def test_tokens_that_left_are_neither_routed_nor_fetched(wiring):
    wiring.router.doubt(["11"])
    assert wiring.router.leave(["11", "12", "77"]) == ["11", "12"]
    wiring.router.route([frame("11")], 5)
    assert (wiring.router.foreign, wiring.router.dirty, wiring.router.tokens) == (1, 0, ["21", "22"])
