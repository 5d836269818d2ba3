"""Other programs' way from a frame to a book, on the frames of `book.py --save`. Run by peers.py in an environment of its own.

    ENV/bin/python tools/bench/peer_books.py FOLDER [--repeats 3]

`nautilus_trader`: what its Polymarket adapter does with a message, step by step with its own classes: decode, instrument, order, delta,
`OrderBook.apply`. Without `quotes` nothing is asked of the book, with it the best bid and ask after each change.
`polymarket-client`: the official SDK's reading of a message, json and pydantic. It keeps no book: its Decimals go into a SortedDict a side.
`poly_maker_like`: json, floats, a SortedDict a side, as market makers on Polymarket write it.
Each must end with the five best levels that tops.json names.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import msgspec
from nautilus_trader.adapters.polymarket.common.enums import PolymarketOrderSide
from nautilus_trader.adapters.polymarket.common.parsing import parse_polymarket_instrument
from nautilus_trader.adapters.polymarket.common.symbol import get_polymarket_instrument_id
from nautilus_trader.adapters.polymarket.schemas.book import PolymarketBookSnapshot, PolymarketQuotes
from nautilus_trader.core.datetime import millis_to_nanos
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas
from nautilus_trader.model.enums import BookAction, BookType, OrderSide, RecordFlag
from polymarket._internal.streams.clob.market_protocol import parse_events
from sortedcontainers import SortedDict

CONDITION = "0x" + "0" * 64
DUMPS = 1                        # of both tokens, in one frame


class Nautilus:
    def __init__(self, tokens, *, quotes):
        market = {"condition_id": CONDITION, "question": "?", "minimum_tick_size": "0.01", "end_date_iso": "2030-01-01T00:00:00Z",
                  "maker_base_fee": 0, "taker_base_fee": 0}
        known = [parse_polymarket_instrument(market, token, outcome, 0) for token, outcome in zip(tokens, ("Yes", "No"), strict=True)]
        self._instruments = {each.id: each for each in known}
        self._books = {each.id: OrderBook(each.id, book_type=BookType.L2_MBP) for each in known}
        self._decode = msgspec.json.Decoder(PolymarketBookSnapshot | PolymarketQuotes | list[PolymarketBookSnapshot]).decode
        self._quotes, self._tokens = quotes, tokens

    def read(self, frames):
        for frame in frames:
            message = self._decode(frame)
            for each in message if isinstance(message, list) else (message,):
                if isinstance(each, PolymarketQuotes):
                    self._changes(each)
                else:
                    instrument_id = get_polymarket_instrument_id(each.market, each.asset_id)
                    self._books[instrument_id].apply(each.parse_to_snapshot(self._instruments[instrument_id], 0))

    def _changes(self, message):
        for change in message.price_changes:
            instrument_id = get_polymarket_instrument_id(message.market, change.asset_id)
            instrument = self._instruments[instrument_id]
            order = BookOrder(OrderSide.BUY if change.side == PolymarketOrderSide.BUY else OrderSide.SELL,
                              instrument.make_price(float(change.price)), instrument.make_qty(float(change.size)), 0)
            delta = OrderBookDelta(instrument_id, BookAction.UPDATE if order.size > 0 else BookAction.DELETE, order, RecordFlag.F_LAST, 0,
                                   millis_to_nanos(float(message.timestamp)), time.time_ns())
            book = self._books[instrument_id]
            book.apply(OrderBookDeltas(instrument_id, [delta]))
            if self._quotes:
                book.best_bid_price(), book.best_ask_price(), book.best_bid_size(), book.best_ask_size()

    def tops(self):
        books = [self._books[get_polymarket_instrument_id(CONDITION, token)] for token in self._tokens]
        return [[[round(float(level.price) * 10_000), round(level.size() * 1_000_000)] for level in side[:5]]
                for book in books for side in (book.bids(), book.asks())]


class SortedBooks:
    def __init__(self, tokens):
        self._books = {token: {"BUY": SortedDict(), "SELL": SortedDict()} for token in tokens}

    def tops(self):
        best = [(list(reversed(sides["BUY"].items()))[:5], list(sides["SELL"].items())[:5]) for sides in self._books.values()]
        return [[[round(price * 10_000), round(size * 1_000_000)] for price, size in side] for sides in best for side in sides]


class OfficialSdk(SortedBooks):
    def read(self, frames):
        for frame in frames:
            events, dropped = parse_events(json.loads(frame))
            assert not dropped
            for event in events:
                if event.type == "book":
                    for rows, side in ((event.payload.bids, "BUY"), (event.payload.asks, "SELL")):
                        self._books[event.payload.asset_id][side].update({row.price: row.size for row in rows})
                    continue
                for change in event.payload.price_changes:
                    book = self._books[change.asset_id][change.side]
                    if change.size:
                        book[change.price] = change.size
                    else:
                        book.pop(change.price, None)


class PolyMakerLike(SortedBooks):
    def read(self, frames):
        for frame in frames:
            message = json.loads(frame)
            for each in message if isinstance(message, list) else (message,):
                if each["event_type"] == "book":
                    for name, side in (("bids", "BUY"), ("asks", "SELL")):
                        self._books[each["asset_id"]][side].update({float(row["price"]): float(row["size"]) for row in each[name]})
                    continue
                for change in each["price_changes"]:
                    book, price, size = self._books[change["asset_id"]][change["side"]], float(change["price"]), float(change["size"])
                    if size:
                        book[price] = size
                    else:
                        book.pop(price, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    frames = (options.folder / "frames.jsonl").read_bytes().splitlines()
    wanted = json.loads((options.folder / "tops.json").read_text())
    makers = {"nautilus_trader": lambda: Nautilus(wanted["tokens"], quotes=False),
              "nautilus_trader with quotes": lambda: Nautilus(wanted["tokens"], quotes=True),
              "polymarket-client": lambda: OfficialSdk(wanted["tokens"]),
              "poly_maker_like": lambda: PolyMakerLike(wanted["tokens"])}
    best = {}
    for name, make in makers.items():
        for _ in range(options.repeats):
            peer = make()
            peer.read(frames[:DUMPS])
            began_ns = time.thread_time_ns()
            peer.read(frames[DUMPS:])
            us = (time.thread_time_ns() - began_ns) / 1000 / (len(frames) - DUMPS)
            if peer.tops() != wanted["tops"]:
                sys.exit(f"{name} ends with another book: {peer.tops()} instead of {wanted['tops']}")
            best[name] = min(us, best.get(name, us))
    json.dump({"cpu_us_a_frame": {name: round(us, 2) for name, us in best.items()}, "python": sys.version.split()[0],
               "versions": {name: version(name) for name in ("nautilus_trader", "polymarket-client", "sortedcontainers")}}, sys.stdout)


if __name__ == "__main__":
    main()
