from __future__ import annotations

import pytest

from trader.errors import ConnectionLost
from trader.testing.fake_socket import FakeNetwork, FakeSocket, server_frame
from trader.testing.manual_clock import ManualClock


def test_what_is_pushed_is_read_once_and_in_order() -> None:
    socket = FakeSocket()
    socket.push("one", "two")
    assert (socket.read(), socket.read()) == (server_frame(b"one") + server_frame(b"two"), b"")


def test_a_scripted_end_comes_after_what_was_pushed_before_it() -> None:
    socket = FakeSocket()
    socket.push("last words")
    socket.push_end("reset")
    assert socket.read() and socket.is_readable
    with pytest.raises(ConnectionLost, match="reset"):
        socket.read()


def test_a_network_refuses_unless_a_socket_was_accepted_for_it() -> None:
    network = FakeNetwork(ManualClock())
    with pytest.raises(ConnectionLost, match="refused"):
        network.connect("ws://a")
    ready = network.accept()
    assert network.connect("ws://b") is ready and network.dialled == ["ws://a", "ws://b"]


def test_a_wait_moves_the_clock_only_when_there_is_nothing_to_read() -> None:
    clock = ManualClock()
    network = FakeNetwork(clock)
    socket = network.accept()
    network.connect("ws://a")
    socket.push("x")
    network.wait((socket.fileno(),), 250)
    assert clock.monotonic_ns() == 0
    socket.read()
    network.wait((socket.fileno(),), 250)
    assert clock.monotonic_ns() == 250_000_000
