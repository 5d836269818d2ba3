#!/usr/bin/env python3
"""One POST over a kept-alive connection, by our order transport and by others, in one run. JSON on standard output.

The server is a process of its own that answers every request with the same bytes, so the difference is the client's. CPU is that of
the calling thread. `decision_to_wire` is from the unsigned order to the moment at which the last byte was handed to the system;
budget 250 µs. `four_quotes` is what the desk does when four quotes move: one request cancels four orders, four are signed, and one request
places them; budget 1 ms. `stock_client` is the venue's own client, py-clob-client-v2, building, signing and posting one order.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import multiprocessing
import multiprocessing.connection
import platform
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx
import trustme
import urllib3
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import ApiCreds, CreateOrderOptions, OrderArgs, OrderType
from py_clob_client_v2.http_helpers import helpers as stock_http
from py_clob_client_v2.order_builder.builder import OrderBuilder
from py_clob_client_v2.signer import Signer
from signing import KEY, ORDER, SECRET, account_of

from trader.gateway.dialer import Connection, Dialer
from trader.gateway.settings import GatewaySettings
from trader.gateway.transport import OrderTransport
from trader.model.event import Outcome
from trader.runtime.clock import SystemClock
from trader.venues.polymarket.orders import PolymarketOrders
from trader.venues.polymarket.rest import PolymarketRest
from trader.venues.polymarket.signing import OrderSigner, OwnSigning

ACCOUNT = account_of(0)
SIGNING = OwnSigning(ACCOUNT)
ORDER_ID = SIGNING.order_id(ORDER)
BODY = OrderSigner(ACCOUNT, SIGNING).sign(ORDER_ID, ORDER).body
HEADERS = {**ACCOUNT.headers(1_795_000_000_000, "POST", "/order", BODY), "Content-Type": "application/json", "User-Agent": "bench"}
FOUR = [ORDER._replace(salt=salt) for salt in range(4)]
FOUR_IDS = [SIGNING.order_id(order) for order in FOUR]


def answer_of(said: object) -> bytes:
    body = json.dumps(said).encode()
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
            b"Poly-RateLimit-Remaining: 59\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def accepted(order_id: str) -> dict[str, object]:
    return {"success": True, "errorMsg": "", "orderID": order_id, "status": "live", "makingAmount": "", "takingAmount": "",
            "transactionsHashes": [], "tradeIDs": []}


ANSWERS = {b"POST /order": answer_of(accepted(ORDER_ID)), b"POST /orders": answer_of([accepted(order_id) for order_id in FOUR_IDS]),
           b"DELETE /orders": answer_of({"canceled": FOUR_IDS, "not_canceled": {}})}
Post = Callable[[], object]


# --- the server ---------------------------------------------------------------------------------------------------------


def serve(port_to: multiprocessing.connection.Connection, folder: str, tls: bool) -> None:
    """One connection after the other; each request is a head with a Content-Length and that many bytes."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/server.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    port_to.send(listener.getsockname()[1])
    while True:
        plain, _ = listener.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) if context else plain as connection:
            answer_all(connection)                       # until its client is done


def answer_all(connection: socket.socket) -> None:
    waiting = b""
    while True:
        end = waiting.find(b"\r\n\r\n")
        if end >= 0:
            length = int(waiting[:end].lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(waiting) >= end + 4 + length:
                answer = ANSWERS[waiting[:waiting.index(b" HTTP/")]]
                waiting = waiting[end + 4 + length:]
                connection.sendall(answer)
                continue
        piece = connection.recv(65536)
        if not piece:
            return
        waiting += piece


# --- the clients --------------------------------------------------------------------------------------------------------


class Stamped:
    """A connection that notes when the last byte of a request was handed over."""

    def __init__(self, connection: Connection) -> None:
        self.sent_ns, self._connection = 0, connection
        self.fileno, self.setblocking, self.recv_into, self.recv, self.close = (
            connection.fileno, connection.setblocking, connection.recv_into, connection.recv, connection.close)

    def send(self, data: memoryview) -> int:
        sent = self._connection.send(data)
        self.sent_ns = time.perf_counter_ns()
        return sent


class StampingDialer(Dialer):
    def open(self, timeout_s: float) -> Connection:
        self.stamped = Stamped(super().open(timeout_s))
        return self.stamped


def order_transport(origin: str, trust: ssl.SSLContext | None) -> OrderTransport:
    clock = SystemClock()
    return OrderTransport(Dialer(origin, clock, trust), clock)


def ours_whole(origin: str, trust: ssl.SSLContext | None) -> Post:
    """What a gateway thread does after signing: HMAC, request, answer as an `Answer`."""
    clock = SystemClock()
    rest = PolymarketRest(ACCOUNT, origin, order_transport(origin, trust), 1000, clock)
    orders = PolymarketOrders(ACCOUNT, rest, OrderSigner(ACCOUNT, SIGNING), GatewaySettings(), clock)
    signed = orders.sign(ORDER_ID, ORDER)
    return lambda: orders.place([signed])


def sign_and_post(origin: str, trust: ssl.SSLContext | None) -> Post:
    """The same with the signature: the whole work of one quote."""
    clock = SystemClock()
    rest = PolymarketRest(ACCOUNT, origin, order_transport(origin, trust), 1000, clock)
    orders = PolymarketOrders(ACCOUNT, rest, OrderSigner(ACCOUNT, SIGNING), GatewaySettings(), clock)
    numbers = itertools.count()

    def post() -> object:
        order = ORDER._replace(salt=next(numbers))
        return orders.place([orders.sign(SIGNING.order_id(order), order)])
    return post


def four_quotes(origin: str, trust: ssl.SSLContext | None) -> Post:
    clock = SystemClock()
    rest = PolymarketRest(ACCOUNT, origin, order_transport(origin, trust), 1000, clock)
    orders = PolymarketOrders(ACCOUNT, rest, OrderSigner(ACCOUNT, SIGNING), GatewaySettings(), clock)

    def requote() -> None:
        answers = orders.cancel(FOUR_IDS) + orders.place([orders.sign(SIGNING.order_id(order), order) for order in FOUR])
        assert [answer.outcome for answer in answers] == [Outcome.OK] * 8, answers
    return requote


def stock_client(origin: str, trust: ssl.SSLContext | None) -> Post:
    """Its HTTP client is one of its module: here the same, trusting this run's certificate. Building asks the venue nothing."""
    stock_http._http_client = httpx.Client(http2=True, verify=trust or True)
    client, builder = ClobClient(origin, 137, key=KEY, creds=ApiCreds("key", SECRET, "pass")), OrderBuilder(Signer(KEY, 137))
    arguments, options = OrderArgs(token_id=ORDER.token_id, price=0.51, size=10, side="BUY"), CreateOrderOptions("0.01", False)
    return lambda: client.post_order(builder.build_order(arguments, options, version=2), OrderType.GTC, post_only=True)


def ours(origin: str, trust: ssl.SSLContext | None) -> Post:
    transport, url = order_transport(origin, trust), httpx.URL(origin + "/order")
    return lambda: transport.handle_request(httpx.Request("POST", url, content=BODY, headers=HEADERS)).content


def ours_in_httpx_client(origin: str, trust: ssl.SSLContext | None) -> Post:
    client = httpx.Client(transport=order_transport(origin, trust))
    return lambda: client.post(origin + "/order", content=BODY, headers=HEADERS).content


def httpx_default(origin: str, trust: ssl.SSLContext | None) -> Post:
    client = httpx.Client(verify=trust or True, http2=False)
    return lambda: client.post(origin + "/order", content=BODY, headers=HEADERS).content


def urllib3_pool(origin: str, trust: ssl.SSLContext | None) -> Post:
    pool = urllib3.PoolManager(ssl_context=trust)
    return lambda: pool.request("POST", origin + "/order", body=BODY, headers=HEADERS).data


def http_client(origin: str, trust: ssl.SSLContext | None) -> Post:
    url = httpx.URL(origin)
    connection = (http.client.HTTPSConnection(url.host, url.port, context=trust) if trust
                  else http.client.HTTPConnection(url.host, url.port))
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post() -> bytes:
        connection.request("POST", "/order", body=BODY, headers=HEADERS)
        return connection.getresponse().read()
    return post


CLIENTS = (sign_and_post, four_quotes, stock_client, ours_whole, ours, ours_in_httpx_client, httpx_default, urllib3_pool, http_client)


# --- measuring ----------------------------------------------------------------------------------------------------------


def microseconds(samples_ns: list[int], name: str) -> dict[str, float]:
    ordered = sorted(samples_ns)
    return {f"{name}_p50_us": round(statistics.median(ordered) / 1000, 1),
            f"{name}_p99_us": round(ordered[len(ordered) * 99 // 100] / 1000, 1)}


def measure(post: Post, requests: int) -> dict[str, float]:
    for _ in range(50):
        post()
    wall, cpu = [], []
    for _ in range(requests):
        cpu_ns, wall_ns = time.thread_time_ns(), time.perf_counter_ns()
        post()
        wall.append(time.perf_counter_ns() - wall_ns)
        cpu.append(time.thread_time_ns() - cpu_ns)
    return {"cpu_mean_us": round(statistics.fmean(cpu) / 1000, 1), **microseconds(wall, "wall")}


def decision_to_wire(origin: str, trust: ssl.SSLContext | None, requests: int) -> dict[str, float]:
    clock = SystemClock()
    dialer = StampingDialer(origin, clock, trust)
    rest = PolymarketRest(ACCOUNT, origin, OrderTransport(dialer, clock), 1000, clock)
    orders = PolymarketOrders(ACCOUNT, rest, OrderSigner(ACCOUNT, SIGNING), GatewaySettings(), clock)
    orders.warm()
    samples = []
    for number in range(requests):
        order = ORDER._replace(salt=number)
        started_ns = time.perf_counter_ns()
        orders.place([orders.sign(SIGNING.order_id(order), order)])
        samples.append(dialer.stamped.sent_ns - started_ns)
    return microseconds(samples[50:], "wall")


def run(folder: str, tls: bool, requests: int) -> dict[str, dict[str, float]]:
    trust = ssl.create_default_context(cafile=f"{folder}/ca.pem") if tls else None
    context = multiprocessing.get_context("spawn")
    port_from, port_to = context.Pipe(duplex=False)
    rows = {}
    for client in (*CLIENTS, None):                      # a server each: it serves one connection at a time
        server = context.Process(target=serve, args=(port_to, folder, tls), daemon=True)
        server.start()
        origin = f"{'https' if tls else 'http'}://127.0.0.1:{port_from.recv()}"
        if client is None:
            rows["decision_to_wire"] = decision_to_wire(origin, trust, requests)
        else:
            rows[client.__name__] = measure(client(origin, trust), requests)
        server.kill()
        server.join()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000, help="of each client (default 2000)")
    requests = max(100, parser.parse_args().requests)
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        authority.cert_pem.write_to_path(str(Path(folder, "ca.pem")))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(Path(folder, "server.pem")))
        result = {
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("httpx", "urllib3")} | {"openssl": ssl.OPENSSL_VERSION},
            "request_bytes": len(BODY), "requests": requests, "budget_us": {"decision_to_wire": 250, "four_quotes": 1000},
            "plain": run(folder, tls=False, requests=requests), "tls": run(folder, tls=True, requests=requests),
        }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
