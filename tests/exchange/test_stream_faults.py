"""A connection that is told to misbehave, over a pair of sockets without a server."""

from __future__ import annotations

import contextlib
import socket

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.server import ServerProtocol

from trader.exchange.stream_faults import FaultyConnection


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    protocol = ServerProtocol()
    protocol.state = State.OPEN
    with ours, theirs:
        yield FaultyConnection(ours, protocol, None, close_timeout=0.1), theirs


def test_half_a_frame_is_its_head_and_the_first_half_of_it(pair):
    connection, client = pair
    with contextlib.suppress(ConnectionClosed):
        connection.send_half("x" * 100)
    received = client.recv(1_000)
    assert received[:2] == b"\x81\x64" and len(received) == 51
    assert client.recv(1_000) == b""


def test_half_a_frame_for_a_client_that_is_gone_is_no_news(pair, caplog):
    connection, client = pair
    client.close()
    with contextlib.suppress(ConnectionClosed):
        connection.send_half("x" * 100)
    assert not caplog.records
