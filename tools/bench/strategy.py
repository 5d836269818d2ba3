"""What one strategy cycle costs: caches → view → triggers → rule → check → mailbox, CPU time on this thread, as JSON.

    .venv/bin/python tools/bench/strategy.py [--cycles 5000]

Each cycle sees a reference and a book that have moved, so that the fair price, the quotes and the intent are new. Budget: p50 of
150 µs. The machine's own speed is shown beside it (`spin_us`: a fixed loop of integer additions).
"""

from __future__ import annotations

import argparse
import json
import time

from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.mailbox import IntentMailbox
from trader.model.book import BookTop, Level, MarketBook, ReferencePrice
from trader.model.intent import Inventory, Mode
from trader.model.market import LiveMarket, Market
from trader.model.order import Kind, OrderState, Side, Slot, WorkingOrder
from trader.model.units import MICRO
from trader.strategy.base import LIBRARY, strategy_named
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.strategy.settings import StrategySettings
from trader.testing.manual_clock import ManualClock

OPEN_MS = 1_795_000_000_000
BUDGET_US = 150
BANDS = json.dumps({"bands": [{"minMargin": margin / 100, "avgMargin": margin / 100, "maxMargin": (margin + 1) / 100, "minAmount": 10,
                               "avgAmount": 20, "maxAmount": 30} for margin in (1, 2, 3)]})
MARKET = Market("btc", "0xaa", "1", "2", 100, 5 * MICRO, OPEN_MS, OPEN_MS + 3_600_000, "v2", False)


PARAMS = {"bands": BANDS, "amm_20": json.dumps({"depth": 0.19, "max_collateral": 2000})}      # amm_20: a ladder of 20 orders a side
CASES = (*LIBRARY, "amm_20")


def cycle_times_us(case: str, cycles: int) -> list[float]:
    clock = ManualClock(wall_start_ms=OPEN_MS + 900_000)
    live, books, reference, inventory = (SnapshotCache(each) for each in ("live", "books", "reference", "inventory"))
    settings = StrategySettings(name=case.removesuffix("_20"), params=PARAMS.get(case, ""), debounce_ms=0)
    mailbox, bell = IntentMailbox(lambda urgent: None), Doorbell()
    role = StrategyRole(settings, strategy_named(settings), inputs=StrategyInputs(live, books, reference, inventory), bell=bell,
                        mailbox=mailbox, pulse=SnapshotCache("pulse"), clock=clock)
    live.publish(LiveMarket(MARKET, None))
    role.on_start()
    taken = []
    for number in range(cycles):
        clock.advance(ms=50)
        move = number % 7
        reference.publish(ReferencePrice("BTCUSDT", (60_000 + 20 * move) * MICRO, (60_001 + 20 * move) * MICRO, None, 60_000 * MICRO,
                                         OPEN_MS, clock.monotonic_ns()))
        books.publish(book(number, clock))
        inventory.publish(held(move))
        bell.ring()
        began_ns = time.thread_time_ns()
        role.do_work()
        taken.append((time.thread_time_ns() - began_ns) / 1000)
        mailbox.take()
    return sorted(taken)


def book(number: int, clock: ManualClock) -> MarketBook:
    step = 100 * (number % 3)
    bids = tuple(Level(4500 + step - 100 * level, 300 * MICRO) for level in range(5))
    asks = tuple(Level(6000 + step + 100 * level, 300 * MICRO) for level in range(5))
    return MarketBook("0xaa", BookTop("1", bids, asks, 100), BookTop("2", (), (), 100), 1, number, clock.monotonic_ns(), 0)


def held(move: int) -> Inventory:
    """100 YES, 40 NO and six resting orders."""
    working = tuple(
        WorkingOrder(f"0x{level}{side}", Slot(side, level, kind), token, Side.BUY, 4500 - 100 * level, 20 * MICRO, OrderState.WORKING)
        for level in range(3) for side, kind, token in ((Side.BUY, Kind.OPEN_BUY, "1"), (Side.SELL, Kind.COMPLEMENT_BUY, "2")))
    yes = (100 + move) * MICRO
    return Inventory("0xaa", yes, 40 * MICRO, yes, 40 * MICRO, 5_000 * MICRO, Mode.NORMAL, (), working)


def spin_us() -> float:
    began_ns = time.thread_time_ns()
    total = 0
    for number in range(100_000):
        total += number
    return (time.thread_time_ns() - began_ns) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of one strategy cycle, as JSON.")
    parser.add_argument("--cycles", type=int, default=5000, help="cycles measured for each strategy")
    cycles = parser.parse_args().cycles
    found = {}
    for case in CASES:
        taken = cycle_times_us(case, cycles)
        found[case] = {"p50_us": round(taken[cycles // 2], 1), "p99_us": round(taken[cycles * 99 // 100], 1)}
    within = all(each["p50_us"] <= BUDGET_US for each in found.values())
    print(json.dumps({"cycles": cycles, "spin_us": round(spin_us(), 1), "budget_us": BUDGET_US, "within_budget": within,
                      "strategies": found}, indent=2))
    raise SystemExit(0 if within else 1)


if __name__ == "__main__":
    main()
