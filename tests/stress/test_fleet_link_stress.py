"""Many connections' threads on one way to a worker: each one's parcels arrive whole and in its own order, whoever sends them."""

from __future__ import annotations

import select
import socket

from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Unpacker, pack_frames

WRITERS = 13
PARCELS = 400


class Reader:
    """The worker's end, and `fl-crew`'s part: room is waited for here."""

    def __init__(self, link: WorkerLink, end: socket.socket, theirs: socket.socket) -> None:
        self._link, self._end, self._theirs = link, end, theirs
        self.numbers: dict[int, list[int]] = {}

    def read(self) -> None:
        unpacker, missing = Unpacker(), WRITERS * PARCELS
        while missing:
            self._link.flush()
            assert select.select([self._theirs], [], [], 5.0)[0], f"{missing} parcels never came"
            for parcel in unpacker.feed(self._theirs.recv(8192)):
                assert isinstance(parcel, Frames)
                self.numbers.setdefault(parcel.connection, []).append(parcel.received_ns)
                missing -= 1


def test_parcels_of_many_writers_arrive_complete_and_each_writers_in_its_order(run_together):
    ours, theirs = socket.socketpair()
    link = WorkerLink(0, 1 << 30, lambda: None)
    link.attach(ours)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)       # full again and again
    reader = Reader(link, ours, theirs)

    def write(writer: int) -> None:
        for number in range(PARCELS):
            assert link.offer(pack_frames(writer, number, [b"x" * (number * 37 % 3000)]))

    run_together(reader=reader.read, **{f"writer-{one}": lambda one=one: write(one) for one in range(WRITERS)})
    assert reader.numbers == {one: list(range(PARCELS)) for one in range(WRITERS)}
    assert (link.unsent_bytes, link.depth) == (0, 0)
    link.detach()
    theirs.close()


def test_a_worker_that_is_replaced_while_many_write_gets_whole_parcels_only(run_together):
    link, ends, writing = WorkerLink(0, 1 << 30, lambda: None), [], [True] * WRITERS

    def write(writer: int) -> None:
        for number in range(PARCELS):
            link.offer(pack_frames(writer, number, [b"x" * 100]))
        writing[writer] = False

    def replace() -> None:
        while any(writing):
            ours, theirs = socket.socketpair()
            link.detach()
            link.attach(ours)
            ends.append(theirs)

    run_together(replacer=replace, **{f"writer-{one}": lambda one=one: write(one) for one in range(WRITERS)})
    link.flush()
    link.detach()
    for end in ends:
        unpacker, newest = Unpacker(), dict[int, int]()
        while data := end.recv(1 << 20):
            for parcel in unpacker.feed(data):
                assert parcel.received_ns > newest.get(parcel.connection, -1)
                newest[parcel.connection] = parcel.received_ns
        end.close()
