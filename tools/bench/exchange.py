"""What one process of the embedded exchange does on one core: orders matched, orders taken by REST, frames served.

    python tools/bench/exchange.py [--seconds 4] > exchange.json

`engine`     orders a second through the venue (lock, engine, events), on this thread: one order in two takes the best level of a book
             with the depth that is stated, the other puts it back.
`rest`       signed orders a second over one kept-alive connection; each is authenticated and its signature recovered.
`frames`     price changes a second that reached every one of N clients. The rate is raised until less than 90 % arrive (a few
             moves would cross and are refused) or the p99 of their age passes 250 ms; `frames_per_s` is the last one that held.
             The exchange is pinned to one core; the clients only count, and run here on another.

What is `_per_cpu_s` is divided by the processor time that was used: the figure to compare on a machine that others use too.

Figures depend on the machine; `frame_sender.py` is for loads above these.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs, PartialCreateOrderOptions, RequestArgs
from py_clob_client_v2.headers.headers import create_level_2_headers
from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
from wire import CountingClient, read_for, subscribed

from trader.exchange.child import ExchangeUrls
from trader.exchange.orders import MarketSpec, NewOrder, OrderType, Outcome, Side
from trader.exchange.venue import Venue
from trader.model.units import MICRO
from trader.runtime.clock import SystemClock
from trader.testing.exchange_process import running_exchange

LEVELS = 20
CLIENTS = (1, 10, 50)
RATES = (500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000)
MOST_AGE_MS, LEAST_SHARE = 250, 0.9
REST_ORDERS = 300
SPEC = MarketSpec("0x" + "c" * 64, ("1" * 77, "2" * 77), "v1")


def engine(seconds: float) -> dict[str, Any]:
    venue = Venue(SystemClock(), lambda event: None, settle_ms=1_000, cash_micro=10**9 * MICRO)
    venue.list_market(SPEC)
    for name in ("maker", "taker"):
        venue.open_account(name, internal=True)
    numbers = itertools.count()

    def place(name: str, outcome: Outcome, price_bp: int, order_type: OrderType) -> int:
        order = NewOrder(f"0x{next(numbers):064x}", name, "", "0x0", SPEC, outcome, Side.BUY, price_bp, 10 * MICRO, order_type)
        return len(venue.place(order).trades)

    for level in range(LEVELS):
        for outcome in Outcome:
            place("maker", outcome, 4_900 - 100 * level, OrderType.GTC)
    began_s, began_cpu_s, orders, trades = time.monotonic(), time.process_time(), 0, 0
    while time.monotonic() - began_s < seconds:
        for outcome in Outcome:
            trades += place("taker", outcome.other, 5_100, OrderType.FAK)
            place("maker", outcome, 4_900, OrderType.GTC)
            orders += 2
        if orders % 1_000 == 0:
            venue.run_deadlines()
    took_s, used_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    return {"orders_per_s": round(orders / took_s), "trades_per_s": round(trades / took_s), "orders_per_cpu_s": round(orders / used_s),
            "levels_a_side": LEVELS}


def rest(exchange: ExchangeUrls, token: str) -> dict[str, Any]:
    client = ClobClient(exchange.rest_url, 137, key="0x" + "77" * 32)
    client.set_api_creds(client.create_or_derive_api_key())
    bodies = []
    for number in range(REST_ORDERS):
        args = OrderArgs(token_id=token, price=0.02, size=5 + number % 50, side="BUY")
        order = client.create_order(args, PartialCreateOrderOptions("0.01", False))
        bodies.append(json.dumps(order_to_json_v2(order, client.creds.api_key, "GTC", False)))
    connection = http.client.HTTPConnection(urlsplit(exchange.rest_url).netloc)
    took_s = 0.0
    for body in bodies:
        headers = create_level_2_headers(client.signer, client.creds, RequestArgs("POST", "/order", None, body))
        began_s = time.monotonic()
        connection.request("POST", "/order", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        took_s += time.monotonic() - began_s
        assert answer.status == 200, said
    client.cancel_all()
    return {"orders_per_s": round(REST_ORDERS / took_s), "connections": 1}


def frames(clients: int, seconds: float) -> dict[str, Any]:
    held: dict[str, Any] = {"frames_per_s": 0, "clients": clients}
    for rate in RATES:
        measured = frames_at(rate, clients, seconds)
        if measured["frames_per_s"] < LEAST_SHARE * rate or measured["age_p99_ms"] > MOST_AGE_MS:
            return held | {"broke_at": measured | {"asked_per_s": rate}}
        held = measured | {"asked_per_s": rate}
    return held


def frames_at(rate: int, clients: int, seconds: float) -> dict[str, Any]:
    """One exchange at one rate. Frames are counted a client; the one that got fewest counts."""
    with running_exchange(speed=1, frames_per_s=rate) as exchange:
        pin(exchange.pid)
        tokens = running_tokens(exchange)
        readers = [subscribed(exchange.ws_url, tokens) for _ in range(clients)]
        try:
            read_for(readers, 1.0)              # connecting and the first books
            return measured(exchange, readers, tokens, seconds)
        except ConnectionError:
            return {"frames_per_s": 0, "clients": clients, "age_p99_ms": 10**6,
                    "closed": "the exchange cut off a client that fell behind"}


def measured(exchange: ExchangeUrls, readers: list[CountingClient], tokens: list[str], seconds: float) -> dict[str, Any]:
    before = [reader.frames for reader in readers]
    for reader in readers:
        reader.lags_ms.clear()
    began_cpu_s, began_s = cpu_s(exchange.pid), time.monotonic()
    read_for(readers, seconds)
    took_s, cpu = time.monotonic() - began_s, cpu_s(exchange.pid) - began_cpu_s
    fewest = min(reader.frames - count for reader, count in zip(readers, before, strict=True))
    lags_ms = sorted(lag for reader in readers for lag in reader.lags_ms)
    return {
        "frames_per_s": round(fewest / took_s), "clients": len(readers), "cpu_share": round(cpu / took_s, 2),
        "frames_per_cpu_s": round(fewest * len(readers) / cpu),
        "age_p50_ms": round(lags_ms[len(lags_ms) // 2], 1), "age_p99_ms": round(lags_ms[len(lags_ms) * 99 // 100], 1),
        "levels_a_side": levels(exchange, tokens[0]),
    }


def running_tokens(exchange: ExchangeUrls) -> list[str]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    market = get(exchange, f"/gamma/markets?closed=false&series_id=10114&limit=1&end_date_min={now}")
    return list(json.loads(market[0]["clobTokenIds"]))


def levels(exchange: ExchangeUrls, token: str) -> list[int]:
    book = get(exchange, f"/book?token_id={token}")
    return [len(book["bids"]), len(book["asks"])]


def get(exchange: ExchangeUrls, path: str) -> Any:
    connection = http.client.HTTPConnection(urlsplit(exchange.rest_url).netloc)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def pin(pid: int) -> None:
    """All threads of the exchange on the first core, this process on the others."""
    cores = sorted(os.sched_getaffinity(0))
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores[:1])
    os.sched_setaffinity(0, cores[1:] or cores)


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (default 4)")
    seconds = parser.parse_args().seconds
    cores = os.sched_getaffinity(0)
    result: dict[str, Any] = {"python": platform.python_version(), "cores": len(cores), "load": os.getloadavg()[0]}
    result["engine"] = engine(seconds)
    with running_exchange(speed=1) as exchange:
        pin(exchange.pid)
        result["rest"] = rest(exchange, running_tokens(exchange)[0])
    result["frames"] = []
    for clients in CLIENTS:
        os.sched_setaffinity(0, cores)
        result["frames"].append(frames(clients, seconds))
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
