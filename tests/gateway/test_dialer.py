"""Real sockets on loopback, without a second thread: the system completes a connection before anybody accepts it."""

from __future__ import annotations

import socket

import pytest

from trader.gateway.dialer import Dialer, tls_context
from trader.runtime.clock import SystemClock


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def dialer_to(server, host="127.0.0.1"):
    return Dialer(f"http://{host}:{server.getsockname()[1]}", SystemClock(), None)


def test_a_connection_sends_at_once_and_notices_a_dead_path(listener):
    connection = dialer_to(listener).open(1.0)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
    connection.close()


def test_a_name_of_several_addresses_is_tried_until_one_answers(listener):
    """`localhost` is ::1 first on many machines, and nobody listens there."""
    dialer_to(listener, "localhost").open(1.0).close()


def test_where_nobody_listens_the_attempt_fails_and_the_name_is_asked_again(listener):
    dialer = dialer_to(listener)
    dialer.open(1.0).close()
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        dialer.open(1.0)
    assert dialer._doubted
    dialer.refresh()
    assert not dialer._doubted


def test_a_name_that_nobody_knows_is_an_oserror_like_any_other():
    with pytest.raises(OSError):
        Dialer("http://no-such-host.invalid:1", SystemClock(), None).open(0.1)


def test_without_time_nothing_is_tried(listener):
    dialer = dialer_to(listener)
    dialer.refresh()
    with pytest.raises(TimeoutError):
        dialer.open(0)


@pytest.mark.parametrize(("origin", "port"), [
    ("https://venue.test", 443), ("http://venue.test", 80), ("https://venue.test:8443/", 8443),
])
def test_the_port_is_that_of_the_address_or_of_its_scheme(origin, port):
    assert Dialer(origin, SystemClock(), tls_context(origin))._port == port


def test_tls_speaks_http_1_1_and_demands_a_certificate():
    context = tls_context("https://venue.test")
    assert context.check_hostname and context.verify_mode.name == "CERT_REQUIRED"
    assert tls_context("http://venue.test") is None
