"""One connection, scripted: what is sent, when it is given up, and when it is used again. The clock moves with every call."""

from __future__ import annotations

import select
import socket
import ssl

import httpx
import pytest

from trader.gateway.transport import OrderTransport
from trader.testing.manual_clock import ManualClock

OK = b"HTTP/1.1 200 OK\r\nPoly-RateLimit-Remaining: 7\r\nContent-Length: 2\r\n\r\n{}"
ONE_S = 1_000_000_000


class ScriptedConnection:
    """Each send takes the next of `takes` bytes, or all; each wait brings the next piece, if there is one. `idle`: what it says when it is
    asked between two requests; its descriptor is that of a socket that has ended, so that it is always asked."""

    def __init__(self, clock, *pieces, takes_ms=10):
        self.clock, self.pieces, self.takes_ms = clock, list(pieces), takes_ms
        self.takes, self.arrived = [], []
        self.ended, other = socket.socketpair()
        other.close()
        self.sent, self.waits, self.idle, self.blocking, self.closed = b"", [], BlockingIOError(), True, False

    def fileno(self):
        return self.ended.fileno()

    def setblocking(self, flag):
        self.blocking = flag

    def wait(self, filenos, events, timeout_ms):
        assert tuple(filenos) == (self.fileno(),)
        self.waits.append((events, timeout_ms))
        if events == select.POLLIN and self.pieces:
            self.arrived.append(self.pieces.pop(0))
        elif events == select.POLLIN or not self.takes:
            self.clock.advance(ms=timeout_ms)
            return
        self.clock.advance(ms=self.takes_ms)

    def send(self, data):
        taken = self.takes.pop(0) if self.takes else len(data)
        if isinstance(taken, Exception):
            raise taken
        self.sent += data[:taken]
        return taken

    def recv(self, count):
        if isinstance(self.idle, Exception):
            raise self.idle
        return self.idle

    def recv_into(self, buffer):
        assert not self.blocking
        piece = self.arrived.pop(0) if self.arrived else BlockingIOError()
        if isinstance(piece, Exception):
            raise piece
        buffer[:len(piece)] = piece
        return len(piece)

    def close(self):
        self.closed = True
        self.ended.close()


class ScriptedDialer:
    """Hands out its connections in order; an exception stands for an attempt that fails."""

    def __init__(self, *connections):
        self.connections, self.timeouts, self.refreshed = list(connections), [], 0

    def refresh(self):
        self.refreshed += 1

    def open(self, timeout_s):
        self.timeouts.append(timeout_s)
        connection = self.connections.pop(0)
        if isinstance(connection, Exception):
            raise connection
        return connection


def line(*pieces_of_each, takes_ms=10):
    clock = ManualClock(ONE_S)
    connections = [p if isinstance(p, Exception) else ScriptedConnection(clock, *p, takes_ms=takes_ms) for p in pieces_of_each]
    transport = OrderTransport(ScriptedDialer(*connections), clock, lambda *wait: transport._connection.wait(*wait))
    return transport, connections


def post(transport, body=b"{}", read_s=2.5, connect_s=1.0):
    request = httpx.Request("POST", "http://venue.test/order", content=body, headers={"A": "b"},
                            extensions={"timeout": {"read": read_s, "connect": connect_s}})
    return transport.handle_request(request)


def test_a_request_leaves_in_one_piece_and_its_answer_has_status_headers_and_body():
    transport, [connection] = line([OK])
    answer = post(transport)
    assert (answer.status_code, answer.headers["poly-ratelimit-remaining"], answer.content) == (200, "7", b"{}")
    assert connection.sent == b"POST /order HTTP/1.1\r\nHost: venue.test\r\nA: b\r\nContent-Length: 2\r\n\r\n{}"


def test_a_connection_that_stays_open_is_used_again():
    transport, [connection] = line([OK, OK])
    post(transport)
    post(transport)
    assert connection.sent.count(b"POST /order") == 2 and transport.opened == 1


@pytest.mark.parametrize("idle", [b"", b"H", ConnectionResetError("reset")])
def test_a_connection_that_the_server_left_is_found_before_anything_is_sent(idle):
    transport, [first, second] = line([OK], [OK])
    post(transport)
    first.idle, sent = idle, first.sent
    assert post(transport).status_code == 200
    assert first.closed and first.sent == sent and second.sent != b""


@pytest.mark.parametrize(("pieces", "error"), [
    ([], httpx.ReadTimeout), ([b""], httpx.RemoteProtocolError), ([OK[:20], b""], httpx.RemoteProtocolError),
    ([ConnectionResetError("reset")], httpx.ReadError), ([b"SSH-2.0-OpenSSH\r\n\r\n"], httpx.RemoteProtocolError),
])
def test_what_may_have_been_done_is_never_sent_again_and_its_late_answer_never_read(pieces, error):
    transport, [first, second] = line(pieces, [OK])
    with pytest.raises(error):
        post(transport)
    assert first.closed and second.sent == b"" and first.sent.count(b"POST") == 1
    assert post(transport).status_code == 200 and second.sent.count(b"POST") == 1


@pytest.mark.parametrize(("failure", "error"), [
    (ConnectionRefusedError("refused"), httpx.ConnectError), (TimeoutError("slow"), httpx.ConnectTimeout),
])
def test_without_a_connection_nothing_was_sent(failure, error):
    transport, _ = line(failure)
    with pytest.raises(error):
        post(transport)


def test_the_deadline_covers_the_whole_request_however_many_pieces_come():
    """A server that trickles must not hold the thread: httpx's own transport begins anew with every piece."""
    transport, [connection] = line([bytes([byte]) for byte in OK * 99], takes_ms=100)
    with pytest.raises(httpx.ReadTimeout, match="deadline"):
        post(transport, read_s=2.5)
    assert connection.clock.monotonic_ns() - ONE_S <= 2_600_000_000 and connection.closed


def test_every_wait_is_as_long_as_what_is_left():
    transport, [connection] = line([OK[:5], OK[5:]])
    post(transport)
    assert connection.waits == [(select.POLLIN, 2500), (select.POLLIN, 2490)]


def test_a_request_that_goes_in_pieces_arrives_whole_and_tls_may_want_to_read_before_it_writes():
    transport, [connection] = line([OK, OK])
    post(transport)
    whole, connection.sent, connection.waits = connection.sent, b"", []
    connection.takes = [5, BlockingIOError(), ssl.SSLWantWriteError(), 3, ssl.SSLWantReadError(), 4]
    assert post(transport).status_code == 200
    assert connection.sent == whole
    assert [events for events, _ in connection.waits[:3]] == [select.POLLOUT, select.POLLOUT, select.POLLIN]


def test_a_server_that_takes_nothing_is_given_up_at_the_deadline():
    transport, [connection] = line([OK])
    connection.takes = [5, *[BlockingIOError()] * 999]
    with pytest.raises(httpx.WriteTimeout, match="deadline"):
        post(transport, read_s=2.5)
    assert connection.closed and connection.clock.monotonic_ns() - ONE_S <= 2_600_000_000


def test_connecting_takes_no_longer_than_its_own_deadline_or_the_whole():
    transport, _ = line([OK], [OK])
    post(transport, read_s=2.5, connect_s=1.0)
    transport.close()
    post(transport, read_s=0.4, connect_s=1.0)
    assert transport._dialer.timeouts == [1.0, 0.4]


def test_a_server_that_says_close_is_not_asked_again_on_the_same_connection():
    transport, [first, second] = line([OK.replace(b"Content", b"Connection: close\r\nContent")], [OK])
    post(transport)
    post(transport)
    assert first.closed and second.sent


def test_bytes_beyond_the_answer_end_the_connection():
    transport, [first, _] = line([OK + b"HTTP/1.1 200 OK"], [OK])
    assert post(transport).content == b"{}"
    assert first.closed and post(transport).status_code == 200


def test_warming_opens_once_and_costs_a_look_after_that():
    transport, [connection] = line([OK])
    for _ in range(3):
        transport.warm(1.0)
    assert transport.opened == 1 and transport._dialer.refreshed == 1 and connection.sent == b""
    assert post(transport).status_code == 200 and transport.opened == 1


def test_warming_replaces_a_connection_that_the_server_closed_in_the_silence():
    transport, [first, second] = line([OK], [OK])
    transport.warm(1.0)
    first.idle = b""
    first.clock.advance(ms=1000)
    transport.warm(1.0)
    assert first.closed and transport.opened == 2
    assert post(transport).status_code == 200 and second.sent


def test_a_server_that_is_away_is_tried_once_a_second_and_the_request_says_why():
    transport, _ = line(*[ConnectionRefusedError("refused")] * 5)
    for _ in range(10):
        transport.warm(1.0)
        transport._clock.advance(ms=250)
    assert len(transport._dialer.timeouts) == 3
    with pytest.raises(httpx.ConnectError, match="refused"):
        post(transport)


def test_a_secret_with_a_line_break_never_reaches_the_wire():
    transport, [connection] = line([OK])
    request = httpx.Request("GET", "http://venue.test/", headers={"POLY_PASSPHRASE": "a\r\nX: y"})
    with pytest.raises(ValueError, match="line break"):
        transport.handle_request(request)
    assert connection.sent == b""


def test_closing_twice_is_closing_once():
    transport, [connection] = line([OK])
    post(transport)
    transport.close()
    transport.close()
    assert connection.closed
