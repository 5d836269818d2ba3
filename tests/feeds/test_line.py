from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from websocket import WebSocketConnectionClosedException

from trader.errors import ConnectionLost
from trader.feeds.line import READ_BYTES, SEND_S, WebSocketLine, open_line, wait_readable


class FakeWebSocket:
    """What the library would hold after a handshake, on one end of a socket pair."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.send_timeout: float | None = None
        self.said_goodbye = self.is_shut = False

    def send(self, text: str) -> None:
        self.send_timeout = self.sock.gettimeout()
        self.sock.sendall(text.encode())

    def pong(self, payload: bytes) -> None:
        raise WebSocketConnectionClosedException("socket is already closed.")

    def send_close(self) -> None:
        self.said_goodbye = True
        raise BrokenPipeError

    def shutdown(self) -> None:
        self.is_shut = True


class Pair(NamedTuple):
    line: WebSocketLine
    ws: FakeWebSocket
    venue: socket.socket


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, venue = socket.socketpair()
    ws = FakeWebSocket(ours)
    with ours, venue:
        yield Pair(WebSocketLine(ws), ws, venue)


def test_reading_never_waits(pair: Pair) -> None:
    assert pair.line.read() == b""


def test_everything_that_has_arrived_is_read_at_once(pair: Pair) -> None:
    pair.venue.sendall(b"one")
    pair.venue.sendall(b"two")
    assert pair.line.read() == b"onetwo"


def test_more_is_there_as_long_as_something_is_unread_and_an_end_counts_as_something(pair: Pair) -> None:
    assert not pair.line.has_more()
    pair.venue.sendall(b"x" * (READ_BYTES + 1))
    assert pair.line.has_more() and len(pair.line.read()) == READ_BYTES
    assert pair.line.has_more() and pair.line.read() == b"x"
    assert not pair.line.has_more()
    pair.venue.close()
    assert pair.line.has_more()


def test_the_end_of_the_other_side_is_a_lost_connection(pair: Pair) -> None:
    pair.venue.close()
    with pytest.raises(ConnectionLost, match="closed by the other side"):
        pair.line.read()


def test_sending_has_a_deadline_and_reading_stays_without_waiting(pair: Pair) -> None:
    pair.line.send("PING")
    assert (pair.venue.recv(10), pair.ws.send_timeout, pair.line.read()) == (b"PING", SEND_S, b"")


def test_what_the_library_raises_becomes_a_lost_connection(pair: Pair) -> None:
    with pytest.raises(ConnectionLost, match="sending failed: socket is already closed"):
        pair.line.pong(b"")


def test_closing_a_broken_line_still_frees_it(pair: Pair) -> None:
    pair.line.close()
    assert pair.ws.said_goodbye and pair.ws.is_shut


def test_a_wait_ends_when_any_of_its_sockets_has_something(pair: Pair) -> None:
    pair.venue.sendall(b"x")
    wait_readable((pair.line.fileno(), pair.venue.fileno()), 60_000)
    assert pair.line.read() == b"x"


def test_a_refused_connection_is_called_that() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionLost, match=r"^refused "):
            open_line(f"ws://127.0.0.1:{free.getsockname()[1]}/ws/market")


def test_an_address_that_is_none_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost):
        open_line("nonsense")
