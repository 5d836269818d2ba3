from __future__ import annotations

import select
import socket
import struct
import sys
import threading
import time

import pytest

from trader.runtime.sockets import Receiver, has_arrived, send_at_once, wait_ready


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_read_takes_what_has_arrived_up_to_its_size_then_says_that_nothing_has_then_the_end(pair):
    ours, theirs = pair
    receiver = Receiver(4)
    theirs.sendall(b"abc\0ef")
    first = receiver.read(ours.fileno())
    assert (first, receiver.read(ours.fileno())) == (b"abc\0", b"ef") and first == b"abc\0"
    with pytest.raises(BlockingIOError):
        receiver.read(ours.fileno())
    theirs.close()
    assert receiver.read(ours.fileno()) == b""


def test_a_send_takes_what_there_is_room_for_and_then_says_that_it_is_full(pair):
    ours, theirs = pair
    message, sent = bytes(range(256)) * 4096, 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += send_at_once(ours.fileno(), message[sent:] or b"x")
    theirs.setblocking(False)
    got = bytearray()
    with pytest.raises(BlockingIOError):
        while True:
            got += theirs.recv(1 << 20)
    assert 0 < sent == len(got) and bytes(got[:len(message)]) == message[:len(got)]


def test_errors_are_those_of_the_socket_library(pair):
    ours, theirs = pair
    theirs.close()
    with pytest.raises(BrokenPipeError):
        send_at_once(ours.fileno(), b"x")


def test_a_look_finds_bytes_and_an_end_and_takes_nothing_away(pair):
    ours, theirs = pair
    assert not has_arrived(ours.fileno())
    theirs.sendall(b"x")
    assert has_arrived(ours.fileno()) and has_arrived(ours.fileno()) and ours.recv(9) == b"x"
    theirs.close()
    assert has_arrived(ours.fileno())


def test_a_look_tells_the_error_that_a_read_behind_it_would_not_hear_of():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        wait_ready((ours.fileno(),), select.POLLIN, 60_000)
        with pytest.raises(ConnectionResetError):
            has_arrived(ours.fileno())
        assert ours.recv(1) == b""


def test_a_closed_socket_is_an_error_to_each_of_them():
    for call in (lambda: has_arrived(-1), lambda: Receiver(1).read(-1), lambda: send_at_once(-1, b"x"),
                 lambda: wait_ready((-1,), select.POLLIN, 0)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()


def test_a_wait_says_whether_something_came(pair):
    ours, theirs = pair
    assert not wait_ready((ours.fileno(),), select.POLLIN, 1) and wait_ready((ours.fileno(),), select.POLLOUT, 60_000)
    theirs.sendall(b"x")
    assert wait_ready((ours.fileno(), theirs.fileno()), select.POLLIN, 60_000)


def test_no_other_thread_runs_meanwhile(pair):
    """With an interval that never ends, another thread gets the interpreter only from one that gives it up."""
    ours, theirs = pair
    turns, is_over, receiver, before = [0], threading.Event(), Receiver(64), sys.getswitchinterval()

    def take_turns() -> None:
        while not is_over.is_set():
            turns[0] += 1
            wait_ready((), 0, 0)                 # gives it up

    def turns_during(call, *, at_least: int, at_most_s: float) -> int:
        began, end_s = turns[0], time.monotonic() + at_most_s
        while time.monotonic() < end_s and turns[0] - began < at_least:
            call()
        return turns[0] - began

    def keep_it() -> None:
        send_at_once(theirs.fileno(), b"x")
        assert has_arrived(ours.fileno()) and receiver.read(ours.fileno()) == b"x"

    def give_it() -> None:
        theirs.send(b"x")
        ours.recv(1)

    sys.setswitchinterval(3600)
    other = threading.Thread(target=take_turns)
    try:
        other.start()
        turns_during(give_it, at_least=1, at_most_s=20)      # from now on it waits for its turn
        assert turns_during(keep_it, at_least=1, at_most_s=0.1) == 0
        assert turns_during(give_it, at_least=1, at_most_s=20) > 0
    finally:
        is_over.set()
        sys.setswitchinterval(before)
        other.join()
