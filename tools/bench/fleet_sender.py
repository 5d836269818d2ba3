"""A venue for the fleet's benchmark: a listing and a market channel that sends pre-rendered frames at any rate to any number of clients.

    python tools/bench/fleet_sender.py --markets 2500 --levels 20

A process of its own, steered by lines on stdin: `rate N` (frames/s in all), `stop`. It prints one JSON line with its addresses, and
one with what it has sent for each line that it reads. Every subscription is answered with whole books; then each connection sends
changes of one level behind the top of its markets in turn, so that the venue's own top stays right. Market m has the tokens 2m+1 and
2m+2; the size of that level says how many changes of m were sent, so that a lost or reordered one shows in the book.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

SLICE_S = 0.002              # how often a connection sends what has become due
PAGE = 100


def condition(market: int) -> str:
    return f"0x{market:064x}"


def framed(text: str) -> bytes:
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class Market:
    """Its state is the number of changes that were sent."""

    def __init__(self, number: int, levels: int) -> None:
        self.number, self.sent = number, 0
        self._rest = [f'{{"price":"0.{10 + one:02d}","size":"100"}}' for one in range(1, min(levels, 30))]
        self._asks = ",".join(f'{{"price":"0.{89 - one:02d}","size":"100"}}' for one in range(min(levels, 30)))
        self._top = f"0.{10 + len(self._rest):02d}", f"0.{89 - min(levels, 30) + 1:02d}"

    def dump(self, token: int) -> str:
        bids = ",".join([f'{{"price":"0.05","size":"{self.sent + 1}"}}', *self._rest])
        return (f'{{"market":"{condition(self.number)}","asset_id":"{token}","timestamp":"1795000000000","hash":"h","bids":[{bids}],'
                f'"asks":[{self._asks}],"tick_size":"0.01","event_type":"book","last_trade_price":"0.5"}}')

    def change(self) -> bytes:
        """Of both tokens, which are no mirrors of each other here: their books are alike."""
        self.sent += 1
        rows = ",".join(
            f'{{"asset_id":"{2 * self.number + side}","price":"0.05","size":"{self.sent + 1}","side":"BUY",'
            f'"hash":"{"b7623b6417b3ae46dbe5d608a65474c9cec84ef9"}","best_bid":"{self._top[0]}","best_ask":"{self._top[1]}"}}'
            for side in (1, 2))
        return framed(f'{{"market":"{condition(self.number)}","price_changes":[{rows}],"timestamp":"1795000000000",'
                      f'"event_type":"price_change"}}')


class Sender:
    def __init__(self, markets: int, levels: int) -> None:
        self.markets = [Market(number, levels) for number in range(markets)]
        self.clients: list[Client] = []
        self.rate = 0.0

    def state(self) -> dict[str, Any]:
        return {"sent": sum(client.sent for client in self.clients), "clients": len(self.clients), "rate": self.rate,
                "late_ms": max((client.late_ms for client in self.clients), default=0.0)}


class Client:
    """One connection: a thread reads what it wants, another sends. The lock keeps dumps and changes in order."""

    def __init__(self, sender: Sender, connection: socket.socket) -> None:
        self._sender, self._socket, self._lock = sender, connection, threading.Lock()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wanted: dict[int, None] = {}
        self._markets: list[Market] = []
        self._protocol = ServerProtocol()
        self.sent, self.late_ms = 0, 0.0
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._send, daemon=True).start()

    def _read(self) -> None:
        while data := self._received():
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if not isinstance(event, Frame):
                    self._protocol.send_response(self._protocol.accept(event))
                elif event.opcode is Opcode.TEXT:
                    self._obey(bytes(event.data))
            with self._lock:
                for out in self._protocol.data_to_send():
                    if out:
                        self._socket.sendall(out)
        self._markets = []

    def _received(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except OSError:
            return b""

    def _obey(self, text: bytes) -> None:
        if text == b"PING":
            with self._lock:
                self._socket.sendall(framed("PONG"))
            return
        wanted = json.loads(text)
        tokens = [int(token) for token in wanted["assets_ids"]]
        with self._lock:
            if wanted.get("operation") == "unsubscribe":
                for token in tokens:
                    self._wanted.pop(token, None)
            else:
                self._wanted.update(dict.fromkeys(tokens))
                books = [self._sender.markets[(token - 1) // 2].dump(token) for token in tokens]
                self._socket.sendall(framed(f"[{','.join(books)}]"))
            self._markets = [self._sender.markets[number] for number in sorted({(token - 1) // 2 for token in self._wanted})]

    def _send(self) -> None:
        at, owed, last_s = 0, 0.0, time.monotonic()
        while True:
            time.sleep(SLICE_S)
            now_s = time.monotonic()
            rate, passed_s, last_s = self._sender.rate, now_s - last_s, now_s
            if not rate or not self._markets:
                owed = 0.0
                continue
            owed += rate * passed_s * len(self._markets) / len(self._sender.markets)
            with self._lock:
                markets, count = self._markets, int(owed)
                owed -= count
                self._socket.sendall(b"".join(markets[(at + one) % len(markets)].change() for one in range(count)))
            at += count
            self.sent += count
            self.late_ms = max(self.late_ms * 0.999, passed_s * 1000)


def serve_listing(sender: Sender) -> ThreadingHTTPServer:
    class Gamma(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            start = int(query.get("after_cursor", ["0"])[0])
            page = sender.markets[start:start + PAGE]
            answer: dict[str, Any] = {"events": [{"seriesSlug": "bench", "tags": [], "markets": [_row(market)]} for market in page]}
            if start + PAGE < len(sender.markets):
                answer["next_cursor"] = str(start + PAGE)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gamma)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _row(market: Market) -> dict[str, Any]:
    tokens = json.dumps([str(2 * market.number + side) for side in (1, 2)])
    return {"conditionId": condition(market.number), "slug": f"bench-{market.number}", "clobTokenIds": tokens, "version": "v1",
            "orderPriceMinTickSize": 0.01, "endDate": "2099-01-01T00:00:00Z", "acceptingOrders": True, "closed": False, "volume": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--markets", type=int, default=2500)
    parser.add_argument("--levels", type=int, default=20, help="a side, at most 30")
    options = parser.parse_args()
    sender = Sender(options.markets, options.levels)
    listing = serve_listing(sender)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=_accept, args=(listener, sender), daemon=True).start()
    print(json.dumps({"ws_url": f"ws://127.0.0.1:{listener.getsockname()[1]}",
                      "gamma_url": f"http://127.0.0.1:{listing.server_address[1]}"}), flush=True)
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "stop":
            return
        if word == "rate":
            sender.rate = float(value)
        print(json.dumps(sender.state()), flush=True)


def _accept(listener: socket.socket, sender: Sender) -> None:
    while True:
        connection, _ = listener.accept()
        sender.clients.append(Client(sender, connection))


if __name__ == "__main__":
    main()
