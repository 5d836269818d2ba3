#!/usr/bin/env python3
"""The whole chain of a desk over TLS: price sent → feed → strategy → executor → gateway thread, with orders really signed. JSON.

    python tools/bench/chain.py [--seconds 5] [--rates 1000,5000,20000]

Real roles on real threads. The book's frames come at the rate, 1,000 reference frames a second beside them; the touch moves 400 times a
second, and the strategy answers each move with an order or its cancel, so that at least 150 orders a second are signed. The venue's account
interface answers from memory: what is measured ends where a gateway thread begins to sign. The sender has the first core.

`tuned` is the process as `trader run` has it. `realtime` has SCHED_FIFO besides, where the system grants it. `untuned` is the same desk
with Python's own switch interval and collector, and with py-clob-client-v2 as the signer.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frame_sender import FIRST_SHARES, TOUCH_BP, touching
from loads import Sender, certificate, lags_ns, pin_to_the_others, quantiles_us, sending
from signing import account_of
from stream import market_of

from trader.executor.guards import Limits
from trader.executor.role import ExecutorRole, Inputs
from trader.executor.settings import ExecutorSettings
from trader.executor.state import State
from trader.feeds.book_feed import BookFeed
from trader.feeds.reference_feed import ReferenceFeed
from trader.feeds.settings import FeedSettings
from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.role import GatewayRole
from trader.gateway.settings import GatewaySettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.orders import FeedOrders, Subscription
from trader.handoff.outbox import OrderOutbox
from trader.model.book import FeedHealth
from trader.model.event import Answer, MarketChange, OrderUpdate, Outcome, UserFeedUp, VenueStatus
from trader.model.intent import Mode, Quote, StrategyView
from trader.model.market import LiveMarket, Market
from trader.model.order import OrderSpec, Side
from trader.model.units import MICRO, PriceBp, SizeMicro
from trader.runtime.clock import SystemClock
from trader.runtime.latency import BOUNDS_NS, LatencyWindow
from trader.runtime.process import TunedProcess, resident_mb
from trader.runtime.role import Role, RoleThread
from trader.runtime.settings import RuntimeSettings
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.strategy.settings import StrategySettings
from trader.venues.binance.market_stream import BinanceMarketStream
from trader.venues.contract import SignedOrder
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.signing import OrderSigner, OwnSigning, PolymarketRules
from trader.venues.polymarket.stock import StockSigning

MOVES_PER_S, REFERENCE_PER_S, LEVELS = 400, 1_000, 20
QUOTE_BP = PriceBp(3_000)
BUDGET = {"price_to_gateway_p50_us": 100, "price_to_gateway_p99_us": 300, "at_rate": 5_000}
VARIANTS = {"tuned": RuntimeSettings(), "realtime": RuntimeSettings(realtime_priority=10),
            "untuned": RuntimeSettings(gc="python", switch_interval_us=5_000, timer_slack_us=0)}
_MANY = 10**6


class OrderOnTheTouch:
    """One bid while the touch is at 50 ¢, of its size, by which the gateway's order is known again; nothing otherwise."""

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        best = view.book.yes.bids[0]
        quotes = (Quote(Side.BUY, QUOTE_BP, best.size_micro),) if best.price_bp == TOUCH_BP else ()
        return Mode.NORMAL, quotes, ""


class MemoryVenue:
    """The account interface of the venue: a dictionary, and what its user stream would say. Shared by the gateway threads; each step is
    one operation on it."""

    def __init__(self, signer: OrderSigner, inbox: ExecutorInbox) -> None:
        self._signer, self._inbox = signer, inbox
        self._specs: dict[str, OrderSpec] = {}
        self._live: dict[str, OrderSpec] = {}
        self.seen: list[tuple[int, int]] = []

    def sign(self, order_id: str, order: OrderSpec) -> SignedOrder:
        self.seen.append((order.size_micro // MICRO - FIRST_SHARES, time.monotonic_ns()))
        self._specs[order_id] = order
        return self._signer.sign(order_id, order)

    def place(self, orders: Sequence[SignedOrder]) -> tuple[Answer, ...]:
        for order in orders:
            self._live[order.order_id] = spec = self._specs.pop(order.order_id)
            self._inbox.put(_row(order.order_id, spec, VenueStatus.LIVE))
        return tuple(Answer(order.order_id, Outcome.OK) for order in orders)

    def cancel(self, order_ids: Sequence[str]) -> tuple[Answer, ...]:
        return tuple(Answer(order_id, Outcome.OK if self._cancel(order_id) else Outcome.NOT_FOUND) for order_id in order_ids)

    def cancel_market(self, condition_id: str) -> tuple[Outcome, tuple[str, ...], int]:
        return Outcome.OK, tuple(order_id for order_id in list(self._live) if self._cancel(order_id)), 0

    def _cancel(self, order_id: str) -> bool:
        spec = self._live.pop(order_id, None)
        if spec is not None:
            self._inbox.put(_row(order_id, spec, VenueStatus.CANCELLED))
        return spec is not None

    def read_order(self, order_id: str) -> tuple[Outcome, OrderUpdate | None]:
        spec = self._live.get(order_id)
        return (Outcome.NOT_FOUND, None) if spec is None else (Outcome.OK, _row(order_id, spec, VenueStatus.LIVE))

    def read_open_orders(self, condition_id: str) -> tuple[Outcome, tuple[OrderUpdate, ...]]:
        return Outcome.OK, tuple(_row(order_id, spec, VenueStatus.LIVE) for order_id, spec in self._live.copy().items())

    def read_fills(self, condition_id: str, after_s: int) -> tuple[Outcome, tuple[()]]:
        return Outcome.OK, ()

    def read_balances(self, token_ids: Sequence[str], protocol: str) -> tuple[Outcome, int, tuple[tuple[str, int], ...]]:
        return Outcome.OK, _MANY * MICRO, tuple((token, 0) for token in token_ids)

    def warm(self) -> None: ...
    def close(self) -> None: ...


def _row(order_id: str, spec: OrderSpec, status: VenueStatus) -> OrderUpdate:
    return OrderUpdate(order_id, spec.condition_id, spec.token_id, spec.side, spec.price_bp, spec.size_micro, SizeMicro(0),
                       status, 0)


class Desk:
    """Feeds, strategy, executor and four gateway threads, wired as trader/desk.py does, without journal, user stream and housekeeping."""

    def __init__(self, market: Market, book_url: str, reference_url: str, signing: OwnSigning | StockSigning) -> None:
        clock = SystemClock()
        live, book, reference, inventory, report, pulse, self._user, book_health, reference_health = (
            SnapshotCache[Any](name) for name in
            ("live", "book", "reference", "inventory", "report", "pulse", "user", "book health", "reference health"))
        flights = tuple(SnapshotCache[Any](f"flight {index}") for index in range(4))
        bell, inbox, outbox, orders = Doorbell(), ExecutorInbox(), OrderOutbox(), FeedOrders()
        mailbox, feeds = IntentMailbox(inbox.ring), FeedSettings()
        self.venue = MemoryVenue(OrderSigner(account_of(0), signing), inbox)
        self.book_feed = BookFeed(PolymarketMarketStream(book_url), feeds, orders, book, book_health, bell, clock)
        self.reference_feed = ReferenceFeed(BinanceMarketStream(reference_url, "BTCUSDT"), feeds, reference, reference_health, bell, clock)
        settings = StrategySettings(debounce_ms=0)
        self.strategy = StrategyRole(settings, OrderOnTheTouch(), inputs=StrategyInputs(live, book, reference, inventory), bell=bell,
                                     mailbox=mailbox, pulse=pulse, clock=clock)
        options = ExecutorSettings(cooldown_ms=0, caution_ms=0, max_orders_10s=100_000, max_position=_MANY, gross_cap=_MANY)
        self.executor = ExecutorRole(State(options, PolymarketRules(signing), 1), Limits(500, 1000, 8000, True, 50),
                                     Inputs(book, book_health, reference_health, self._user, pulse, flights), inbox=inbox,
                                     mailbox=mailbox, outbox=outbox, inventory=inventory, report=report, bell=bell, clock=clock,
                                     on_stopped=lambda: None)
        limits = AccountLimits(TokenBucket(clock, 1000, 1000), TokenBucket(clock, 1000, 1000))
        gateways = [GatewayRole(index, GatewaySettings(), self.venue, limits, outbox, inbox, flight, clock)
                    for index, flight in enumerate(flights)]
        self.roles: list[Role] = [self.book_feed, self.reference_feed, *gateways, self.executor, self.strategy]
        live.publish(LiveMarket(market, None))
        orders.put(Subscription(market))
        inbox.put(UserFeedUp(1))
        inbox.put(MarketChange(market))

    def user_stream_is_up(self, over: threading.Event) -> None:
        while not over.wait(0.1):
            now_ns = time.monotonic_ns()
            self._user.publish(FeedHealth(True, now_ns, now_ns, now_ns, None, 1, False))

    def legs(self) -> dict[str, LatencyWindow]:
        return {"frame_to_snapshot": self.book_feed.latency, "snapshot_to_intent": self.strategy.latency,
                "intent_to_outbox": self.executor.times.intent_to_outbox, "outbox_to_gateway": self.executor.times.outbox_to_wire,
                "tick_lateness": self.strategy.lateness}


# --- measuring ----------------------------------------------------------------------------------------------------------


def measure(rate: int, seconds: float, tls: tuple[str, str], variant: str) -> dict[str, Any]:
    every = max(2, rate // MOVES_PER_S)
    a_cycle = sum(1 for _, price_bp, size in touching(LEVELS, every) if price_bp == TOUCH_BP and size)
    common = ("--seconds", str(seconds), "--tls", *tls)
    hour_ms = int(time.time() * 1000) - 600_000
    with (sending("--rate", str(rate), "--levels", str(LEVELS), "--touch-every", str(every), *common) as book,
          sending("--rate", str(REFERENCE_PER_S), "--reference", str(hour_ms), *common) as reference):
        market = market_of(book)._replace(open_ms=hour_ms, close_ms=hour_ms + 3_600_000)
        signing = StockSigning if variant == "untuned" else OwnSigning
        desk = Desk(market, book.ready["ws_url"], reference.ready["ws_url"], signing(account_of(0)))
        with TunedProcess(VARIANTS[variant], lambda: False, SystemClock()) as process:
            done, used_s = run(desk, book, process)
    frames = desk.book_feed.stats()["frames"] - 1
    lags = lags_ns(done["touch_ns"], desk.venue.seen, a_cycle)
    return {
        "sent_per_s": done["frames_per_s"], "lost": done["sent"] - frames, "mismatches": desk.book_feed.stats()["mismatches"],
        "orders_signed_per_s": round(len(desk.venue.seen) / done["seconds"]), "price_to_gateway": quantiles_us(lags),
        "legs": {leg: leg_us(window) for leg, window in desk.legs().items()},
        "cpu_share": round(used_s / done["seconds"], 2), "thread_cpu_share": done["thread_cpu_share"], "resident_mb": resident_mb(),
    }


def run(desk: Desk, book: Sender, process: TunedProcess) -> tuple[dict[str, Any], float]:
    """(what the sender did, CPU seconds of the desk until then)."""
    over, crashes = threading.Event(), list[str]()
    threads = [RoleThread(role, lambda name, why: crashes.append(f"{name}: {why!r}")) for role in desk.roles]
    others = threading.Thread(target=desk.user_stream_is_up, args=(over,), daemon=True)
    others.start()
    for thread in threads:
        thread.start()
    process.threads_run({"name": thread.name, "native_id": thread.native_id} for thread in threads)
    began_s = time.process_time()
    done = book.done()
    used_s = time.process_time() - began_s
    done["thread_cpu_share"] = {thread.name: round(time.clock_gettime(time.pthread_getcpuclockid(thread.ident)) / done["seconds"], 3)
                                for thread in threads if thread.ident is not None}
    while desk.book_feed.stats()["connected"] and not crashes:
        time.sleep(0.01)
    over.set()
    for thread in reversed(threads):
        thread.ask_to_stop()
    for thread in threads:
        thread.join(5)
    if crashes:
        sys.exit(f"chain.py: {crashes}")
    return done, used_s


def leg_us(window: LatencyWindow) -> dict[str, Any]:
    """From the histogram of the whole run; within 14 %."""
    counts = window.histogram().counts
    total, found, passed = sum(counts), dict[str, float](), 0
    wanted = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
    for bound_ns, count in zip(BOUNDS_NS, counts, strict=False):
        passed += count
        found |= {name: bound_ns / 1000 for name, share in wanted.items() if name not in found and total and passed >= share * total}
    return {"count": total, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run (default 5)")
    parser.add_argument("--rates", default="1000,5000,20000", help="frames a second of the book")
    options = parser.parse_args()
    logging.getLogger("trader").setLevel(logging.CRITICAL)     # a desk that is cut off in the middle complains
    pin_to_the_others()
    result: dict[str, Any] = {"bench": "chain", "python": platform.python_version(), "budget": BUDGET, "rates": {}}
    with tempfile.TemporaryDirectory() as folder:
        tls = certificate(Path(folder))
        for rate in map(int, options.rates.split(",")):
            result["rates"][rate] = {name: measure(rate, options.seconds, tls, name) for name in VARIANTS}
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
