"""A desk whose book connection goes wrong in every way that a network knows, behind a relay that does it on order."""

import socket
import threading
import time
from contextlib import closing, suppress
from urllib.parse import urlsplit

import httpx
import pytest

FAST = ("--set", "feeds.reconnect_min_s=0.2", "--set", "executor.cooldown_ms=500", "--set", "executor.caution_ms=500")
SLACK_S = 0.5            # the log line travels through a pipe of a busy machine


def whole_frames(data):
    """(complete server frames, the rest)"""
    frames, at = [], 0
    while len(data) - at >= 2:
        length, start = data[at + 1], at + 2
        if length >= 126:
            width = 2 if length == 126 else 8
            length, start = int.from_bytes(data[start:start + width], "big"), start + width
        if len(data) < start + length:
            break
        frames.append(data[at:start + length])
        at = start + length
    return frames, data[at:]


class Pipe:
    """One connection through the relay, frame by frame. `mode` is changed by the test while two threads pump."""

    def __init__(self, near, far_address):
        self.near, self.far = near, socket.create_connection(far_address)
        self.head, self.mode, self.cut_after = near.recv(4096), "flow", 0
        self.far.sendall(self.head)
        for pump in (self._up, self._down):
            threading.Thread(target=pump, daemon=True).start()

    def _up(self):
        with suppress(OSError):
            while data := self.near.recv(65536):
                if self.mode != "dead":
                    self.far.sendall(data)
        self.close()

    def _down(self):
        with suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += self.far.recv(4096)
            handshake, _, data = data.partition(b"\r\n\r\n")
            self.near.sendall(handshake + b"\r\n\r\n")
            while more := self.far.recv(65536):
                frames, data = whole_frames(data + more)
                for frame in frames:
                    self._pass(frame)
        self.close()

    def _pass(self, frame):
        if self.mode == "flow" or (self.mode == "only_pongs" and frame.endswith(b"PONG")):
            self.near.sendall(frame)
        elif self.mode == "cut":
            self.near.sendall(frame[:self.cut_after])
            self.close()

    def close(self):
        for end in (self.near, self.far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Relay:
    """Listens on loopback and pipes to `far_url`. New connections always flow."""

    def __init__(self, far_url):
        far = urlsplit(far_url)
        self._far = far.hostname, far.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self.pipes = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                self.pipes.append(Pipe(self._listener.accept()[0], self._far))

    def spoil(self, mode, cut_after=0):
        """From now on, for the book connections that are open now. Returns when that was."""
        for pipe in self.pipes:
            if b"/ws/market" in pipe.head:
                pipe.cut_after, pipe.mode = cut_after, mode
        return time.monotonic()

    def close(self):
        self._listener.close()
        for pipe in self.pipes:
            pipe.close()


@pytest.fixture
def relay(exchange):
    with closing(Relay(exchange.ws_url)) as made:
        yield made


@pytest.fixture
def quoting(start_desk, wallet, relay):
    """A desk behind the relay that has orders in the market."""
    desk = start_desk(wallet.conf, "--set", f"polymarket.ws_url={relay.url}", *FAST)
    desk.wait_for("quoting starts")
    until(lambda: wallet.open_orders() > 0, 15, desk)
    return desk


def until(holds, timeout_s, desk):
    """Seconds that it took."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() - began_s < timeout_s, desk.log
        time.sleep(0.02)
    return time.monotonic() - began_s


def quotes_again(desk, wallet, after):
    """On a new connection, and for real: the exchange counts new orders."""
    desk.wait_for("pm-book: connected", 15, after=after)
    placed = wallet.ledger()["placed"]
    until(lambda: wallet.ledger()["placed"] > placed and wallet.open_orders() > 0, 15, desk)


@pytest.mark.parametrize(("mode", "found_by", "within_s"), [
    ("dead", "guard book_stale", 1.5),
    ("silent", "guard book_stale", 1.5),                 # the other side hears us and does not answer
    ("only_pongs", "guard book_", 6.0),                  # frozen by the fair price, or suspect by REST's word
])
def test_a_connection_that_says_nothing_is_found_its_orders_are_cancelled_and_quoting_goes_on(
    quoting, wallet, relay, mode, found_by, within_s,
):
    said = len(quoting.said)
    spoilt_s = relay.spoil(mode)
    found = quoting.wait_for(found_by, within_s + 5, after=said)
    assert time.monotonic() - spoilt_s <= within_s + SLACK_S, quoting.log
    until(lambda: wallet.open_orders() == 0, 3, quoting)
    quotes_again(quoting, wallet, found)
    code, summary = quoting.interrupt()
    assert code == 0 and summary["open_orders_at_exit"] == 0 == wallet.open_orders()
    assert summary["feeds"]["pm-book"]["mismatches"] == 0


def test_a_connection_that_is_cut_at_any_byte_is_opened_anew(quoting, wallet, relay):
    for cut_after in (0, 1, 3, 40):
        said = len(quoting.said)
        relay.spoil("cut", cut_after)
        lost = quoting.wait_for("pm-book: lost", 5, after=said)
        quotes_again(quoting, wallet, lost)
    code, summary = quoting.interrupt()
    assert code == 0 and summary["open_orders_at_exit"] == 0
    assert summary["feeds"]["pm-book"]["unparsable"] == 0 and summary["verify"]["hash_mismatches"] == 0


def test_the_exchange_conserved_its_money_all_the_while(exchange):
    assert httpx.get(f"{exchange.rest_url}/control/state").json()["conserved"] is True
