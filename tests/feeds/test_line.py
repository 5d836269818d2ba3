from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate
from typing import NamedTuple

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
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


def test_two_threads_may_wait_for_nothing_at_once() -> None:
    """As two desks in one process do while their reference feeds have no connection, or read snapshots."""
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: wait_readable((), 50), range(2))) == [None, None]


def test_a_refused_connection_is_called_that() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionLost, match=r"^refused "):
            open_line(f"ws://127.0.0.1:{free.getsockname()[1]}/ws/market")


def test_an_address_that_is_none_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost):
        open_line("nonsense")


class TlsPair:
    """A line over TLS, and the venue's end of it as bytes on the wire, so that a test decides where they are cut."""

    def __init__(self) -> None:
        authority = trustme.CA()
        theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("venue").configure_cert(theirs)
        authority.configure_trust(ours)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._venue = theirs.wrap_bio(self._incoming, self._outgoing, server_side=True)
        plain, self.wire = socket.socketpair()
        plain.setblocking(False)
        self.socket = ours.wrap_socket(plain, server_hostname="venue", do_handshake_on_connect=False)
        for _ in range(3):
            with suppress(ssl.SSLWantReadError):
                self.socket.do_handshake()
            self._incoming.write(self.wire.recv(65_536))
            with suppress(ssl.SSLWantReadError):
                self._venue.do_handshake()
                break
            self.wire.sendall(self._outgoing.read())
        self.wire.sendall(self._outgoing.read())
        self.line = WebSocketLine(FakeWebSocket(self.socket))

    def sealed(self, text: bytes) -> bytes:
        self._venue.write(text)
        return self._outgoing.read()

    def drained(self) -> int:
        """As `Connection` reads: until nothing comes, or nothing more is there."""
        size = 0
        while data := self.line.read():
            size += len(data)
            if not self.line.has_more():
                break
        return size


@pytest.fixture(scope="module")
def tls() -> Iterator[TlsPair]:
    pair = TlsPair()
    with pair.socket, pair.wire:
        yield pair


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 16_384), min_size=1, max_size=4), cuts=st.lists(st.integers(0, 66_000), max_size=4))
def test_over_tls_everything_whose_record_is_complete_is_read_wherever_the_wire_is_cut(tls: TlsPair, sizes: list[int],
                                                                                                cuts: list[int]) -> None:
    records = [tls.sealed(b"x" * size) for size in sizes]
    wire, ends, got, sent = b"".join(records), list(accumulate(map(len, records))), 0, 0
    for cut in (*sorted(cut for cut in cuts if cut < len(wire)), len(wire)):
        tls.wire.sendall(wire[sent:cut])
        sent = cut
        got += tls.drained()
        assert got == sum(size for size, end in zip(sizes, ends, strict=True) if end <= sent)
