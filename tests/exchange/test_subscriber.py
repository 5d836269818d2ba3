"""The queue between the publisher and one client. The sender thread is real; the socket is not."""

from __future__ import annotations

import socket
import threading

import pytest

from trader.exchange.faults import FaultBoard
from trader.exchange.subscriber import MOST_AT_ONCE, QUEUE_LIMIT, SocketSubscriber
from trader.testing.manual_clock import ManualClock

PATIENCE_S = 5


class StuckConnection:
    """A client that reads nothing: `send` returns when the socket is cut, as sendall would."""

    def __init__(self):
        self.sent, self.cut, self.closed = [], threading.Event(), threading.Event()
        self.socket = self

    def send(self, frame):
        self.sent.append(frame)
        if not self.cut.wait(PATIENCE_S):
            pytest.fail("nobody cut the connection")
        raise OSError

    def send_many(self, frames):
        for frame in frames:
            self.send(frame)

    def shutdown(self, how):
        assert how == socket.SHUT_RDWR
        self.cut.set()

    def close(self, code):
        self.closed.set()


class FastConnection(StuckConnection):
    def send(self, frame):
        self.sent.append(frame)


def test_a_client_that_does_not_read_is_cut_off_and_the_publisher_never_waits():
    connection = StuckConnection()
    subscriber = SocketSubscriber(connection, "ws-out-test", FaultBoard(ManualClock()), "market")
    for number in range(QUEUE_LIMIT + MOST_AT_ONCE + 2):
        subscriber.offer(str(number))
    assert connection.cut.wait(PATIENCE_S) and connection.closed.wait(PATIENCE_S)


def test_frames_leave_in_order_and_the_goodbye_comes_last():
    connection = FastConnection()
    subscriber = SocketSubscriber(connection, "ws-out-test", FaultBoard(ManualClock()), "market")
    for number in range(100):
        subscriber.offer(str(number))
    subscriber.finish()
    assert connection.closed.wait(PATIENCE_S)
    assert connection.sent == [str(number) for number in range(100)]
