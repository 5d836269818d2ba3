"""Sends pre-rendered market frames over a WebSocket, faster than the exchange makes them: the load of a feed's benchmark.

    python tools/bench/frame_sender.py --rate 40000 --seconds 5 [--port N] [--markets 1] [--levels 20] [--tls CERT KEY] [--touch-every N]

A process of its own. It prints one JSON line with its URL and asset ids, waits for one client to connect and to send anything
(a subscription: what it names does not matter), sends an initial dump and then `price_change` frames at the rate, and prints what
was sent. Frames come from the exchange's own stream code, so that sizes, hashes and best prices are right; the last one of each
cycle leads back to the first book, so that a cycle can be repeated for ever without a fault. Only their timestamps repeat.

With `--touch-every N` each N-th frame moves the touch: a bid of 50 ¢ comes, of 101, 102, … shares, and goes again with the next N-th. When
each of those that come was sent is printed at the end, in nanoseconds of the clock that all processes of a machine share.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from trader.exchange.events import BookChanged, LevelChange, MarketListed
from trader.exchange.orders import MarketSpec, Side
from trader.exchange.stream_market import MarketStream, MarketSubscribe
from trader.model.units import MICRO

CYCLE = 2_000               # changes of each market before the book is the first one again
FIRST_MS = 1_795_000_000_000
TOUCH_BP, FIRST_SHARES = 5_000, 101
_TOUCH = re.compile(rb'"price":"0.5","size":"[1-9]').search
MOST_AT_ONCE, FINISH_S = 500, 10.0
LATE_S = 0.001              # a batch is what became due since the last one, at least this long ago


Move = tuple[Side, int, int]        # of the YES book: side, price, absolute size


class Collector:
    """Stands where a client would, and keeps its frames."""

    def __init__(self) -> None:
        self.frames: list[str] = []

    def offer(self, frame: str) -> None:
        self.frames.append(frame)


def rendered(markets: int, levels: int, moves: Iterable[Move]) -> tuple[list[str], list[bytes], list[bytes]]:
    """(asset ids, frames of the initial dump, frames of one cycle), ready for the socket. A cycle is the `moves` of each market."""
    specs = [MarketSpec(f"0x{number:064x}", (str(10**76 + 2 * number), str(10**76 + 2 * number + 1)), "v1") for number in range(markets)]
    stream, client = MarketStream(), Collector()
    for spec in specs:
        stream.market_listed(MarketListed(spec, f"market-{spec.condition_id[-4:]}", "?", 0))
        for level in range(levels):
            for side, yes_bp in ((Side.BUY, 4_900 - 100 * level), (Side.SELL, 5_100 + 100 * level)):
                stream.book_changed(BookChanged(spec, (LevelChange(side, yes_bp, 100 * MICRO),), (), 0))
    assets = [token for spec in specs for token in spec.token_ids]
    for begin in range(0, len(assets), 100):
        stream.subscribe(MarketSubscribe(client, tuple(assets[begin:begin + 100])))      # type: ignore[arg-type]
    dump, client.frames = client.frames, []
    for change, (side, yes_bp, size_micro) in enumerate(moves):
        for spec in specs:
            stream.book_changed(BookChanged(spec, (LevelChange(side, yes_bp, size_micro),), (), FIRST_MS + change))
    return assets, [on_wire(frame) for frame in dump], [on_wire(frame) for frame in client.frames]


def cycle(levels: int) -> Iterator[Move]:
    """The second half undoes the first."""
    for change in range(CYCLE):
        step = change % (CYCLE // 2)
        side, level = (Side.BUY, Side.SELL)[step % 2], step // 2 % levels
        yes_bp = 4_900 - 100 * level if side is Side.BUY else 5_100 + 100 * level
        yield side, yes_bp, (100 + step % 97 + 1 if change < CYCLE // 2 else 100) * MICRO


def reference(open_ms: int) -> tuple[list[str], list[bytes], list[bytes]]:
    """As Binance sends them: the candle that began at `open_ms`, then best bids and asks that move by a cent."""
    candle = {"e": "kline", "E": open_ms, "s": "BTCUSDT", "k": {"t": open_ms, "i": "1h", "o": "60000.00000000", "x": False}}
    quotes = [{"u": number, "s": "BTCUSDT", "b": f"60000.0{cent}000000", "B": "1.5", "a": f"60000.0{cent + 1}000000", "A": "1.5"}
              for number in range(1_000) for cent in [number % 9]]
    return [], [on_wire(json.dumps({"stream": "btcusdt@kline_1h", "data": candle}))], [
        on_wire(json.dumps({"stream": "btcusdt@bookTicker", "data": quote})) for quote in quotes]


def touching(levels: int, every: int) -> Iterator[Move]:
    """`cycle`, of which each N-th move is one of the touch."""
    touches = itertools.count()
    for number, move in enumerate(cycle(levels)):
        if number % every == every - 1:
            touch = next(touches)
            yield Side.BUY, TOUCH_BP, 0 if touch % 2 else (FIRST_SHARES + touch // 2) * MICRO
        yield move
    if next(touches) % 2:
        yield Side.BUY, TOUCH_BP, 0              # the last bid goes too, or the next cycle would begin with it


def on_wire(frame: str) -> bytes:
    return Frame(Opcode.TEXT, frame.encode()).serialize(mask=False)


def accepted(listener: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    """One client after its handshake and its first message."""
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        connection = tls.wrap_socket(connection, server_side=True)
    protocol = ServerProtocol()
    while not any(isinstance(event, Frame) for event in pump(protocol, connection)):
        pass
    return connection


def pump(protocol: ServerProtocol, connection: socket.socket) -> list[object]:
    protocol.receive_data(connection.recv(65_536))
    events = protocol.events_received()
    for event in events:
        if not isinstance(event, Frame):
            protocol.send_response(protocol.accept(event))
    for data in protocol.data_to_send():
        connection.sendall(data)
    return events


def send(connection: socket.socket, frames: list[bytes], rate: float, seconds: float) -> dict[str, Any]:
    """At absolute times, so that a late batch is followed by a larger one. Ends early when the client goes."""
    began_s, sent, touch_ns = time.monotonic(), 0, list[int]()
    is_touch = [_TOUCH(frame) is not None for frame in frames]
    try:
        while (passed_s := time.monotonic() - began_s) < seconds:
            due = min(int(rate * passed_s), sent + MOST_AT_ONCE)
            if due > sent:
                batch = [number % len(frames) for number in range(sent, due)]
                touch_ns += [time.monotonic_ns()] * sum(is_touch[number] for number in batch)
                connection.sendall(b"".join(frames[number] for number in batch))
                sent = due
            if sent > rate * (passed_s - LATE_S):        # behind by more than a batch: no pause
                time.sleep(LATE_S)
    except OSError:
        pass
    took_s = time.monotonic() - began_s
    return {"sent": sent, "seconds": round(took_s, 3), "frames_per_s": round(sent / took_s), "touch_ns": touch_ns}


def finish(connection: socket.socket) -> None:
    """Says that nothing more comes, and closes when the client has: a close with its PINGs unread would tear the connection down, and
    what is still under way with it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(FINISH_S)
        while connection.recv(65_536):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=10_000.0, help="frames a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--markets", type=int, default=1)
    parser.add_argument("--levels", type=int, default=20, help="a side; at most 48")
    parser.add_argument("--touch-every", type=int, default=0, metavar="N", help="each N-th frame moves the touch")
    parser.add_argument("--reference", type=int, metavar="OPEN_MS", help="Binance's frames instead, of the hour that began then")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve WSS with this certificate")
    arguments = parser.parse_args()
    tls = None
    if arguments.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*arguments.tls)
    levels = min(arguments.levels, 48)
    moves = touching(levels, arguments.touch_every) if arguments.touch_every else cycle(levels)
    assets, dump, frames = reference(arguments.reference) if arguments.reference else rendered(arguments.markets, levels, moves)
    with socket.create_server(("127.0.0.1", arguments.port)) as listener:
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{listener.getsockname()[1]}"
        print(json.dumps({"event": "ready", "ws_url": url, "assets_ids": assets}), flush=True)
        with accepted(listener, tls) as connection:
            connection.sendall(b"".join(dump))
            sent = send(connection, frames, arguments.rate, arguments.seconds)
            finish(connection)
            json.dump({"event": "done", "asked_per_s": arguments.rate, **sent}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
