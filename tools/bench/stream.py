#!/usr/bin/env python3
"""Socket → snapshot over TLS on one feed's thread, beside the naive design on the same stream. JSON on standard output.

    python tools/bench/stream.py [--seconds 5] [--rate 40000]

`saturated`   as fast as the thread can; CPU of the process a frame, and frames a second.
`steady`      at the rate: frames lost, and the time from the sender's `send` to the published snapshot.

The sender has the first core, this process the others. Naive: websocket-client's `recv` with its defaults, then the naive book of book.py.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import websocket
from book import Naive
from frame_sender import FIRST_SHARES, TOUCH_BP, touching
from loads import Sender, certificate, lags_ns, pin_to_the_others, quantiles_us, sending

from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import FeedHealth, MarketBook
from trader.model.market import Market
from trader.model.units import MICRO
from trader.runtime.clock import SystemClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream

EVERY, LEVELS = 50, 20
A_CYCLE = sum(1 for side, price_bp, size in touching(LEVELS, EVERY) if price_bp == TOUCH_BP and size)
SATURATED = 10_000_000.0
BUDGET = {"cpu_us_a_frame": 8.0, "lag_p99_us": 1_000}


class NotingCache(SnapshotCache[MarketBook]):
    """Notes when each new touch is there for readers."""

    def __init__(self) -> None:
        super().__init__("book")
        self.seen: list[tuple[int, int]] = []
        self._size = 0

    def publish(self, snapshot: MarketBook) -> None:
        super().publish(snapshot)
        best = snapshot.yes.bids[0]
        size = best.size_micro if best.price_bp == TOUCH_BP else 0
        if size and size != self._size:
            self.seen.append((size // MICRO - FIRST_SHARES, time.monotonic_ns()))
        self._size = size


def market_of(sender: Sender) -> Market:
    yes, no = sender.ready["assets_ids"]
    now_ms = int(time.time() * 1000)
    return Market("bench", "0x" + "0" * 64, yes, no, 100, 5 * MICRO, now_ms - 600_000, now_ms + 3_000_000, "v2", False)


def ours(sender: Sender) -> dict[str, Any]:
    orders, cache = FeedOrders(), NotingCache()
    feed = BookFeed(PolymarketMarketStream(sender.ready["ws_url"]), FeedSettings(), orders, cache, SnapshotCache[FeedHealth]("health"),
                    Doorbell(), SystemClock())
    orders.put(Subscription(market_of(sender)))
    over, used_s = threading.Event(), list[float]()

    def run() -> None:
        feed.on_start()
        while not over.is_set():
            feed.do_work()
        used_s.append(time.thread_time())
        feed.on_stop()

    thread = threading.Thread(target=run, name="pm-book")
    thread.start()
    done = sender.done()
    while feed.stats()["connected"]:             # what is in the socket still comes before its end
        time.sleep(0.01)
    over.set()
    thread.join()
    stats = feed.stats()
    lost = done["sent"] + 1 - stats["frames"]    # the dump is a frame too
    return row(done, stats["frames"] - 1, used_s[0], cache.seen) | {"lost": lost, "mismatches": stats["mismatches"]}


def naive(sender: Sender) -> dict[str, Any]:
    tokens, seen, frames, book = sender.ready["assets_ids"], list[tuple[int, int]](), 0, None
    ws = websocket.create_connection(sender.ready["ws_url"] + "/ws/market")
    ws.send(json.dumps({"assets_ids": tokens}))
    began_s, size = time.thread_time(), 0
    with suppress(OSError, websocket.WebSocketException):
        book = Naive(tokens, [ws.recv().encode()])
        while True:
            book.read([ws.recv().encode()], 1)
            frames += 1
            price, best = book.published[tokens[0]].bids[0]
            now = int(best) if price * 10_000 == TOUCH_BP else 0
            if now and now != size:
                seen.append((now - FIRST_SHARES, time.monotonic_ns()))
            size = now
    used_s = time.thread_time() - began_s
    ws.shutdown()
    return row(sender.done(), frames, used_s, seen)


def row(done: dict[str, Any], frames: int, used_s: float, seen: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "frames": frames, "sent_per_s": done["frames_per_s"], "read_per_s": round(frames / done["seconds"]),
        "cpu_us_a_frame": round(used_s * 1e6 / max(1, frames), 2), "cpu_share": round(used_s / done["seconds"], 2),
        "lag": quantiles_us(lags_ns(done["touch_ns"], seen, A_CYCLE)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default 5)")
    parser.add_argument("--rate", type=float, default=40_000.0, help="frames a second of the steady one (default 40000)")
    options = parser.parse_args()
    sys.setswitchinterval(0.0005)
    result: dict[str, Any] = {"bench": "stream", "python": platform.python_version(), "budget": BUDGET, "rate": options.rate}
    pin_to_the_others()
    with tempfile.TemporaryDirectory() as folder:
        tls = certificate(Path(folder))
        for name, rate in (("saturated", SATURATED), ("steady", options.rate)):
            result[name] = {}
            for design in (ours, naive):
                with sending("--tls", *tls, "--rate", str(rate), "--seconds", str(options.seconds), "--levels", str(LEVELS),
                             "--touch-every", str(EVERY)) as sender:
                    result[name][design.__name__] = design(sender)
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
