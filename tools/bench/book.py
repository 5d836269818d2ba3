#!/usr/bin/env python3
"""Frame → book → snapshot: what one `price_change` costs, beside what one would write without thinking, on the same bytes.

    python tools/bench/book.py [--repeats 5] [--save FOLDER]

CPU of this thread in microseconds a frame; a frame names both outcomes, so it holds two changes. `batch` is how many frames leave the
socket together: a snapshot is published once a batch. Both must end with the same five best levels a side, or there is no figure. The
naive design: json, Decimal, a sorted list beside a dict, a frozen dataclass a frame. `--save` writes the frames for other programs
(peers.py).
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from frame_sender import Move, rendered

from trader.exchange.orders import Side
from trader.feeds.books import Books
from trader.feeds.frames import FrameReader
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import Subscription
from trader.model.book import MarketBook
from trader.model.market import Market
from trader.venues.polymarket.market_stream import PolymarketMarketStream

FRAMES, LEVELS = 5_000, 20
BATCHES = (1, 25)
BUDGET_US = 4.0
Tops = tuple[tuple[tuple[int, int], ...], ...]       # per token: bids, asks as (basis points, micro-shares)


def moves(seed: int) -> Iterator[Move]:
    """Most of them near the touch, sizes with cents, one in six takes a level away, one in twenty moves the touch."""
    dice = random.Random(seed)
    for number in range(FRAMES):
        side = dice.choice((Side.BUY, Side.SELL))
        level = 0 if number % 20 == 0 else min(LEVELS - 1, 1 + int(dice.expovariate(0.3)))
        size_micro = 0 if dice.random() < 1 / 6 else dice.randrange(500, 50_000) * 10_000
        yield side, (4_900 - 100 * level if side is Side.BUY else 5_100 + 100 * level), size_micro


def stream() -> tuple[list[str], list[bytes], list[bytes]]:
    """(tokens, dumps, changes): payloads, without their WebSocket heads."""
    tokens, *wired = rendered(1, LEVELS, moves(1))
    return tokens, *([message.payload for message in FrameReader().feed(b"".join(frames))] for frames in wired)


# --- ours ---------------------------------------------------------------------------------------------------------------


class Ours:
    """As `pm-book` does it, from the payload to the ring of the bell."""

    def __init__(self, tokens: Sequence[str], dumps: Sequence[bytes]) -> None:
        market = Market("m", "0x" + "0" * 64, tokens[0], tokens[1], 100, 5_000_000, 0, 3_600_000, "v2", False)
        self._decode = PolymarketMarketStream("ws://x").decode
        self._books, self._cache, self._bell = Books(), SnapshotCache[MarketBook]("book"), Doorbell()
        self._books.want(Subscription(market, ()), 0)
        self.read(dumps, 1)

    def read(self, payloads: Sequence[bytes], batch: int) -> None:
        books, decode = self._books, self._decode
        for at in range(0, len(payloads), batch):
            for payload in payloads[at:at + batch]:
                for event in decode(payload):
                    books.apply(event, at)
            books.repair(at)
            book = books.market_book(at)
            if book is not None:
                self._cache.publish(book)
                self._bell.ring()

    def tops(self) -> Tops:
        book = self._cache.read()
        assert book is not None and self._books.integrity.mismatches == 0
        return tuple(tuple(tuple(level) for level in side) for top in (book.yes, book.no) for side in (top.bids, top.asks))


# --- the naive design -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NaiveTop:
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class NaiveSide:
    def __init__(self) -> None:
        self.sizes: dict[Decimal, Decimal] = {}
        self.prices: list[Decimal] = []

    def set(self, price: Decimal, size: Decimal) -> None:
        if size and price not in self.sizes:
            insort(self.prices, price)
        if size:
            self.sizes[price] = size
        elif self.sizes.pop(price, None) is not None:
            del self.prices[bisect_left(self.prices, price)]

    def top(self, *, is_bid: bool) -> tuple[tuple[Decimal, Decimal], ...]:
        best = self.prices[:-6:-1] if is_bid else self.prices[:5]
        return tuple((price, self.sizes[price]) for price in best)


class Naive:
    def __init__(self, tokens: Sequence[str], dumps: Sequence[bytes]) -> None:
        self._books = {token: {"BUY": NaiveSide(), "SELL": NaiveSide()} for token in tokens}
        self.published: dict[str, NaiveTop] = {}
        for dump in dumps:
            for book in json.loads(dump):
                for name, side in (("bids", "BUY"), ("asks", "SELL")):
                    for level in book[name]:
                        self._books[book["asset_id"]][side].set(Decimal(level["price"]), Decimal(level["size"]))

    def read(self, payloads: Sequence[bytes], batch: int) -> None:
        for at in range(0, len(payloads), batch):
            for payload in payloads[at:at + batch]:
                for change in json.loads(payload)["price_changes"]:
                    self._books[change["asset_id"]][change["side"]].set(Decimal(change["price"]), Decimal(change["size"]))
            for token, sides in self._books.items():
                self.published[token] = NaiveTop(sides["BUY"].top(is_bid=True), sides["SELL"].top(is_bid=False))

    def tops(self) -> Tops:
        return tuple(tuple((int(price * 10_000), int(size * 1_000_000)) for price, size in side)
                     for top in self.published.values() for side in (top.bids, top.asks))


# --- measuring ----------------------------------------------------------------------------------------------------------


def cpu_us(call: Callable[[], object], frames: int) -> float:
    began_ns = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - began_ns) / 1000 / frames


def measure(repeats: int) -> dict[str, Any]:
    tokens, dumps, changes = stream()
    best: dict[str, float] = {}
    for _ in range(repeats):                     # in turns, so that a noisy second hits all of them
        found = {"orjson alone": cpu_us(lambda: [orjson.loads(payload) for payload in changes], len(changes))}
        for batch in BATCHES:
            ours, naive = Ours(tokens, dumps), Naive(tokens, dumps)
            found[f"ours, batch {batch}"] = cpu_us(lambda: ours.read(changes, batch), len(changes))       # noqa: B023
            found[f"naive, batch {batch}"] = cpu_us(lambda: naive.read(changes, batch), len(changes))     # noqa: B023
            if ours.tops() != naive.tops():
                sys.exit("book.py: the two designs end with different books; run tests/feeds")
        best = {name: min(us, best.get(name, us)) for name, us in found.items()}
    us = best[f"ours, batch {BATCHES[-1]}"]
    return {
        "frame_bytes": round(sum(map(len, changes)) / len(changes)), "changes_a_frame": 2,
        "cpu_us_a_frame": {name: round(each, 2) for name, each in best.items()},
        "cpu_us_a_change": round(us / 2, 2), "frames_per_s": round(1e6 / us),
        "times_faster_than_naive": {f"batch {batch}": round(best[f"naive, batch {batch}"] / best[f"ours, batch {batch}"], 1)
                                    for batch in BATCHES},
        "budget_us_a_change": BUDGET_US,
    }


def save(folder: Path) -> None:
    """frames.jsonl: dumps first; tops.json: what every program must end with."""
    tokens, dumps, changes = stream()
    ours = Ours(tokens, dumps)
    ours.read(changes, 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frames.jsonl").write_bytes(b"\n".join([*dumps, *changes]) + b"\n")
    (folder / "tops.json").write_text(json.dumps({"tokens": tokens, "tops": ours.tops()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="of each; the fastest counts (default 5)")
    parser.add_argument("--save", type=Path, help="a folder for the frames; measures nothing")
    options = parser.parse_args()
    if options.save:
        save(options.save)
        return
    result = {"bench": "book", "python": platform.python_version(), **measure(max(1, options.repeats))}
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
