"""Many connections' threads on one way to a worker: each one's parcels arrive whole and in its own order, whoever sends them."""

from __future__ import annotations

import contextlib
import select
import socket
import threading

from trader.fleet.links import WorkerLink
from trader.fleet.parcels import Frames, Unpacker, pack_frames

WRITERS = 13
PARCELS = 400
ROUNDS = 1_000


class Reader:
    """The worker's end, and `fl-crew`'s part: it drains the link when it is woken and there is room, and at no other time."""

    def __init__(self) -> None:
        self.ours, self._theirs = socket.socketpair()
        self._wake_in, self._wake_out = socket.socketpair()
        self.link = WorkerLink(0, 1 << 30, lambda: self._wake_in.send(b"!"))
        self.link.attach(self.ours)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)      # full again and again
        self.numbers: dict[int, list[int]] = {}

    def read(self) -> None:
        unpacker, missing = Unpacker(), WRITERS * PARCELS
        while missing:
            readable, writable, _ = select.select([self._theirs, self._wake_out], [self.ours] if self.link.depth else [], [], 5.0)
            assert readable or writable, f"{missing} parcels never came"
            if self._wake_out in readable:
                self._wake_out.recv(4096)
            if writable:
                self.link.flush()
            for parcel in unpacker.feed(self._theirs.recv(8192)) if self._theirs in readable else ():
                assert isinstance(parcel, Frames)
                self.numbers.setdefault(parcel.connection, []).append(parcel.received_ns)
                missing -= 1

    def drop(self) -> None:
        """Whatever has come is of no interest."""
        while select.select([self._theirs], [], [], 0)[0]:
            with contextlib.suppress(BlockingIOError):       # the other writer was faster
                self._theirs.recv(8192, socket.MSG_DONTWAIT)

    def close(self) -> None:
        self.link.detach()
        for end in (self._theirs, self._wake_in, self._wake_out):
            end.close()


def test_parcels_of_many_writers_arrive_complete_and_each_writers_in_its_order(run_together):
    reader = Reader()

    def write(writer: int) -> None:
        for number in range(PARCELS):
            assert reader.link.offer(pack_frames(writer, number, [b"x" * (number * 37 % 3000)]))

    run_together(reader=reader.read, **{f"writer-{one}": lambda one=one: write(one) for one in range(WRITERS)})
    assert reader.numbers == {one: list(range(PARCELS)) for one in range(WRITERS)}
    assert (reader.link.unsent_bytes, reader.link.depth) == (0, 0)
    reader.close()


def test_what_is_put_while_another_thread_lets_go_of_the_socket_is_not_left_behind(run_together):
    reader, together, left = Reader(), threading.Barrier(2), []

    def write(writer: int) -> None:
        for number in range(ROUNDS):
            together.wait()
            reader.link.offer(pack_frames(writer, number, [b"x"]))
            together.wait()
            left.append(reader.link.depth)
            reader.drop()

    run_together(one=lambda: write(0), other=lambda: write(1))
    assert set(left) == {0}
    reader.close()


def test_a_worker_that_is_replaced_while_many_write_gets_whole_parcels_only(run_together):
    link, ends, writing = WorkerLink(0, 1 << 30, lambda: None), [], [True] * WRITERS

    def write(writer: int) -> None:
        for number in range(PARCELS):
            link.offer(pack_frames(writer, number, [b"x" * 100]))
            assert link.unsent_bytes >= 0            # what is sent counts for the worker that it was for
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
