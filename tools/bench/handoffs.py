"""What one hand-off costs, beside what one would write without thinking, in one run: ratios travel, nanoseconds do not.

    python tools/bench/handoffs.py [--repeats 7] > handoffs.json

Each pair does the same work on one thread (no thread hop: that costs 11-12 µs with every primitive and is measured separately as
`hop`: a request and its echo between two threads, halved). The best of the repeats is taken; the order of the pair alternates.
"""

from __future__ import annotations

import argparse
import json
import platform
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import PlaceOrders
from trader.model.book import ReferencePrice
from trader.model.event import Fill, TradeStatus
from trader.model.intent import Mode, QuoteIntent
from trader.model.units import MoneyMicro, PriceBp, SizeMicro

LOOPS = 20_000
HOPS = 2_000
Step = Callable[[], object]

INTENT = QuoteIntent(1, "0x1", Mode.NORMAL, (), None, "", 0, 0)
FILL = Fill("t", "o", "0x1", "1", None, PriceBp(5_000), SizeMicro(1), MoneyMicro(0), TradeStatus.MATCHED, 0)
PLACE = PlaceOrders(1, 0, ())
PRICE = ReferencePrice("BTCUSDT", MoneyMicro(1), MoneyMicro(2), None, None, None, 0)


# --- the baselines --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PriceRecord:
    symbol: str
    bid_micro: int
    ask_micro: int
    last_micro: int | None
    open_micro: int | None
    open_ms: int | None
    received_ns: int


class LockedValue:
    """A shared value behind a lock."""

    def __init__(self) -> None:
        self._lock, self._value = threading.Lock(), None

    def publish(self, value: Any) -> None:
        with self._lock:
            self._value = value

    def read(self) -> Any:
        with self._lock:
            return self._value


class QueueMailbox:
    """Newest wins over a bounded queue: throw the old one out, put the new one in."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=1)

    def put(self, value: Any) -> None:
        while True:
            try:
                self._queue.put_nowait(value)
                return
            except queue.Full:
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    continue

    def take(self) -> Any:
        return self._queue.get_nowait()


# --- the pairs ------------------------------------------------------------------------------------------------------


def cache_publish() -> tuple[Step, Step]:
    ours, naive = SnapshotCache[ReferencePrice]("reference"), LockedValue()
    return (lambda: ours.publish(ReferencePrice("BTCUSDT", MoneyMicro(1), MoneyMicro(2), None, None, None, 0)),
            lambda: naive.publish(PriceRecord("BTCUSDT", 1, 2, None, None, None, 0)))


def cache_read() -> tuple[Step, Step]:
    ours, naive = SnapshotCache[ReferencePrice]("reference"), LockedValue()
    ours.publish(PRICE)
    naive.publish(PriceRecord("BTCUSDT", 1, 2, None, None, None, 0))
    return ours.read, naive.read


def mailbox_put_take() -> tuple[Step, Step]:
    ours, naive = IntentMailbox(lambda urgent: None), QueueMailbox()

    def step() -> None:
        ours.put(INTENT)
        ours.take()

    def baseline() -> None:
        naive.put(INTENT)
        naive.take()

    return step, baseline


def mailbox_replace() -> tuple[Step, Step]:
    """The reader is behind: what every further intent costs the strategy."""
    ours, naive = IntentMailbox(lambda urgent: None), QueueMailbox()
    return lambda: ours.put(INTENT), lambda: naive.put(INTENT)


def inbox_put_get() -> tuple[Step, Step]:
    ours, naive = ExecutorInbox(), queue.Queue[Any]()

    def step() -> None:
        ours.put(FILL)
        ours.get(0)

    def baseline() -> None:
        naive.put(FILL)
        naive.get_nowait()

    return step, baseline


def outbox_put_take() -> tuple[Step, Step]:
    ours, naive = OrderOutbox(), queue.Queue[Any]()

    def step() -> None:
        ours.put(PLACE)
        ours.take(only_cancels=False, timeout_s=0)

    def baseline() -> None:
        naive.put(PLACE)
        naive.get_nowait()

    return step, baseline


def doorbell_ring_wait() -> tuple[Step, Step]:
    ours, naive = Doorbell(), threading.Event()

    def step() -> None:
        ours.ring()
        ours.wait(0)

    def baseline() -> None:
        naive.set()
        naive.wait(0)
        naive.clear()

    return step, baseline


def doorbell_ring_again() -> tuple[Step, Step]:
    """Already ringing: what the feed pays for each further batch until the strategy wakes."""
    ours, naive = Doorbell(), threading.Event()
    ours.ring()
    naive.set()
    return ours.ring, naive.set


PAIRS = (cache_publish, cache_read, mailbox_put_take, mailbox_replace, inbox_put_get, outbox_put_take, doorbell_ring_wait,
         doorbell_ring_again)


def hop_doorbell() -> tuple[Step, Step, Step, Step]:
    """(send, receive at the other side, echo, receive the echo)"""
    there, back = Doorbell(), Doorbell()
    return there.ring, lambda: there.wait(5), back.ring, lambda: back.wait(5)


def hop_event() -> tuple[Step, Step, Step, Step]:
    there, back = threading.Event(), threading.Event()

    def hear(event: threading.Event) -> None:
        event.wait(5)
        event.clear()

    return there.set, lambda: hear(there), back.set, lambda: hear(back)


# --- measuring ------------------------------------------------------------------------------------------------------


def ns_per_call(step: Step) -> float:
    began_ns = time.perf_counter_ns()
    for _ in range(LOOPS):
        step()
    return (time.perf_counter_ns() - began_ns) / LOOPS


def empty_call_ns(repeats: int) -> float:
    return min(ns_per_call(lambda: None) for _ in range(repeats))


def measure(make_pair: Callable[[], tuple[Step, Step]], repeats: int) -> dict[str, float]:
    ours, naive = make_pair()
    ours_ns: list[float] = []
    naive_ns: list[float] = []
    for turn in range(repeats):                      # alternating, so that a noisy second hits both
        for step, into in [(ours, ours_ns), (naive, naive_ns)][:: 1 if turn % 2 else -1]:
            into.append(ns_per_call(step))
    return {"ours_ns": round(min(ours_ns), 1), "naive_ns": round(min(naive_ns), 1),
            "naive_over_ours": round(min(naive_ns) / min(ours_ns), 2)}


def hop_us(make_hop: Callable[[], tuple[Step, Step, Step, Step]]) -> float:
    """Median one-way trip between two threads that both slept."""
    send, receive, echo, receive_echo = make_hop()

    def answer() -> None:
        for _ in range(HOPS):
            receive()
            echo()

    other = threading.Thread(target=answer, name="echo", daemon=True)
    other.start()
    trips_ns = []
    for _ in range(HOPS):
        began_ns = time.perf_counter_ns()
        send()
        receive_echo()
        trips_ns.append(time.perf_counter_ns() - began_ns)
    other.join(5)
    return sorted(trips_ns)[HOPS // 2] / 2 / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="runs of each pair; the fastest counts (default 7)")
    repeats = max(1, parser.parse_args().repeats)
    result = {
        "python": platform.python_version(),
        "empty_call_ns": round(empty_call_ns(repeats), 1),
        "ns_per_operation": {pair.__name__: measure(pair, repeats) for pair in PAIRS},
        "hop_us_p50": {"doorbell": round(min(hop_us(hop_doorbell) for _ in range(3)), 1),
                       "event": round(min(hop_us(hop_event) for _ in range(3)), 1)},
    }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
