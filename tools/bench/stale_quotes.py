#!/usr/bin/env python3
"""What early triggers are worth: the same desk on every move, on a 1 s timer and on a 30 s timer, while Bitcoin jumps. JSON on stdout.

    .venv/bin/python -m tools.bench.stale_quotes [--jumps 100] [--every 2] [--speed 6] [--seed 5]

Each desk is a process of its own (`trader run`) at an exchange of its own with the same seed: the same Bitcoin, the same bots, the same
jumps, one desk after the other. All figures are the exchange's: its audit (when which order lived), its trades, and the true
probability of its own Bitcoin (true_price.py). A quote is stale while it would lose money if it were taken: a bid above the true
probability, or an ask below it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, NamedTuple

from tools.bench.true_price import STEP_MS, Path, TruePrice, volatility_of
from trader.exchange.btc_path import up_probability
from trader.exchange.child import ExchangeUrls
from trader.journal.analysis import fill_parts
from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.units import MICRO, SizeMicro
from trader.strategy.resting import ask_price, bid_price
from trader.strategy.settings import StrategySettings
from trader.strategy.touch import touch_of_others
from trader.testing.desk_process import DeskProcess, Wallet
from trader.testing.exchange_audit import ExchangeAudit, read_audit
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

JUMP_BP = 20                     # 18 ¢ in the middle of a window of 600 s: few quotes survive it
LAST_MS = 20_000                 # of a window, in which nothing is quoted
CHAIN_MS = 100
WARM_UP_S = 15
NO_LIMITS = {"max_position": 1_000_000, "gross_cap": 1_000_000, "max_through_fair_cents": 100}      # no guard may pull a stale quote
DESKS = {"early triggers": 0.0, "timer of 1 s": 1.0, "timer of 30 s": 30.0}


class KnowsTheOdds:
    """A fixed spread around the exchange's own probability, so that no opinion on volatility stands between a move and its judgement.

    `period_s` 0: every run, as any rule of the library. Else it looks only that often and at a new window, and between two looks a quote
    that was filled is not put back: as a program that wakes, cancels, places and sleeps."""

    @dataclass(frozen=True)
    class Params:
        period_s: float = 0.0
        volatility_bp: float = 1.0       # of the price, a root second

    def __init__(self, settings: StrategySettings, params: Params) -> None:
        self._spread_bp, self._size_micro = round(settings.base_spread_cents * 100), settings.base_size * MICRO
        self._period_ns, self._volatility = int(params.period_s * 1e9), params.volatility_bp / 10_000
        self._market, self._due_ns, self._net_micro = "", 0, 0
        self._quotes: tuple[Quote, ...] = ()

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        strike_micro = view.reference.open_micro
        if strike_micro is None or view.time_left_ms < LAST_MS:
            return Mode.STOP, (), "no strike yet, or the window is about to close"
        if view.now_ns >= self._due_ns or view.market.condition_id != self._market:
            self._market, self._due_ns = view.market.condition_id, view.now_ns + self._period_ns
            self._quotes, self._net_micro = self._around(view, strike_micro), view.inventory.net_micro
        bought_micro = view.inventory.net_micro - self._net_micro
        left = (_less(quote, bought_micro) for quote in self._quotes)
        return Mode.NORMAL, tuple(quote for quote in left if quote.size_micro >= view.market.min_size_micro), ""

    def _around(self, view: StrategyView, strike_micro: int) -> tuple[Quote, ...]:
        up = up_probability(view.reference.mid_micro // 10_000, strike_micro // 10_000, view.time_left_ms / 1000, self._volatility)
        others, tick_bp, centre_bp = touch_of_others(view.book.yes, view.inventory.working), view.book.yes.tick_bp, round(10_000 * up)
        bid_bp = bid_price(centre_bp - self._spread_bp, others, tick_bp)
        ask_bp = ask_price(centre_bp + self._spread_bp, others, tick_bp)
        bids = () if bid_bp is None else (Quote(Side.BUY, bid_bp, SizeMicro(self._size_micro)),)
        asks = () if ask_bp is None else (Quote(Side.SELL, ask_bp, SizeMicro(self._size_micro)),)
        return (*bids, *asks)


def _less(quote: Quote, bought_micro: int) -> Quote:
    """Without what was filled of it."""
    filled_micro = max(0, bought_micro if quote.side is Side.BUY else -bought_micro)
    return quote._replace(size_micro=quote.size_micro - filled_micro)


# --- one run ----------------------------------------------------------------------------------------------------------


class Played(NamedTuple):
    """What the exchange says of one desk."""

    audit: ExchangeAudit
    trades: list[dict[str, Any]]
    path: Path
    jumps_ms: list[int]


def play(period_s: float, jumps: int, every_s: float, speed: float, seed: int, folder: File) -> Played:
    volatility = volatility_of(speed)
    rule = {"name": f"{__spec__.name}:KnowsTheOdds", "params": json.dumps({"period_s": period_s, "volatility_bp": volatility * 10_000})}
    settings = [f"strategy.{key}={value}" for key, value in rule.items()]
    settings += [f"executor.{name}={value}" for name, value in NO_LIMITS.items()]
    with running_exchange(speed=speed, seed=seed, cash=1_000_000) as exchange, TruePrice(exchange, volatility) as truth:
        began_s = time.monotonic()
        wallet = Wallet(exchange, folder)
        words = [word for setting in settings for word in ("--set", setting)]
        desk = DeskProcess([str(wallet.conf), *words], folder, {"PYTHONPATH": os.getcwd()})
        try:
            desk.wait_until(lambda status: bool(status["quotes"]), 60, "the first quote")
            due_s = [began_s + WARM_UP_S + number * every_s for number in range(jumps)]
            jumps_ms = [_jump(exchange, JUMP_BP if number % 4 in (0, 3) else -JUMP_BP, at_s) for number, at_s in enumerate(due_s)]
            time.sleep(every_s)
            audit, trades = read_audit(exchange, address=wallet.address), wallet.ledger()["trades"]
            desk.interrupt()
        finally:
            desk.kill()
    return Played(audit, trades, truth.path, jumps_ms)


def _jump(exchange: ExchangeUrls, bp: int, at_s: float) -> int:
    """When it happened, by the exchange's clock."""
    time.sleep(max(0.0, at_s - time.monotonic()))
    with exchange_fault(exchange, kind="price_jump", bp=bp):
        time.sleep(3 * STEP_MS / 1000)
        row = read_audit(exchange, since_ms=int(time.time() * 1000)).faults[-1]
    if row["strikes"] != 1:
        raise AssertionError(f"a jump has not happened: {row}")
    return int(row["to_ms"])


# --- judging ----------------------------------------------------------------------------------------------------------


class Resting(NamedTuple):
    """One order of ours in YES terms."""

    is_bid: bool
    price_bp: int
    from_ms: int
    to_ms: int | None            # None: still live
    end: str

    def is_stale(self, worth_bp: float) -> bool:
        return self.price_bp > worth_bp if self.is_bid else self.price_bp < worth_bp


def resting(played: Played) -> dict[str, Resting]:
    yes = {market["asset_ids"][0] for market in played.audit.markets}
    found = {}
    for row in played.audit.orders:
        price_bp, is_yes = round(float(row["price"]) * 10_000), row["asset_id"] in yes
        is_bid, yes_bp = (row["side"] == "BUY") == is_yes, price_bp if is_yes else 10_000 - price_bp
        found[row["id"]] = Resting(is_bid, yes_bp, row["from_ms"], row["to_ms"], row["end"] or "")
    return found


def stale_ms(orders: Sequence[Resting], path: Path) -> int:
    """How long at least one order was stale, to the millisecond."""
    return sum(to_ms - from_ms for from_ms, to_ms in _merged(sorted(span for order in orders for span in _stale_spans(order, path))))


def _stale_spans(order: Resting, path: Path) -> Iterator[tuple[int, int]]:
    """Step by step of the path, within the order's life."""
    for index in range(max(0, bisect_right(path.times_ms, order.from_ms) - 1), len(path.times_ms) - 1):
        began_ms, ended_ms = path.times_ms[index], path.times_ms[index + 1]
        if order.to_ms is not None:
            if began_ms >= order.to_ms:
                return
            ended_ms = min(ended_ms, order.to_ms)
        worth_bp = path.worth_bp(began_ms)
        if worth_bp is not None and order.is_stale(worth_bp):
            yield max(began_ms, order.from_ms), ended_ms


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Of spans in order, without what they have in common."""
    covered_ms = 0
    for from_ms, to_ms in spans:
        if to_ms > covered_ms:
            yield max(from_ms, covered_ms), to_ms
            covered_ms = to_ms


def reactions_ms(orders: Sequence[Resting], played: Played) -> tuple[list[int], int]:
    """Of each jump that hit an order: until no order was left that it had made stale. And how many of those orders were filled first.

    An order at such a price that follows within CHAIN_MS counts too: it was on its way, or put back what had been filled."""
    took, filled, now_ms = [], 0, played.audit.now_ms
    by_begin = sorted(orders, key=lambda one: one.from_ms)
    for jump_ms in played.jumps_ms:
        worth_bp, gone_ms = played.path.worth_bp(jump_ms + STEP_MS // 2), jump_ms
        for order in by_begin:
            chained = order.from_ms < jump_ms if gone_ms == jump_ms else order.from_ms <= gone_ms + CHAIN_MS
            end_ms = now_ms if order.to_ms is None else order.to_ms
            if worth_bp is not None and chained and end_ms > jump_ms and order.is_stale(worth_bp):
                gone_ms = max(gone_ms, end_ms)
                filled += order.end == "MATCHED"
        if gone_ms > jump_ms:
            took.append(gone_ms - jump_ms)
    return took, filled


def fills(orders: dict[str, Resting], played: Played) -> list[tuple[float, float, float]]:
    """(shares in YES terms, price, true price then) of each of our fills."""
    found = []
    for trade in played.trades:
        for leg in trade["maker_orders"]:
            order, worth_bp = orders.get(leg["order_id"]), played.path.worth_bp(int(trade["match_time_nano"]) // 1_000_000)
            if order is not None and worth_bp is not None:
                shares = float(leg["matched_amount"])
                found.append((shares if order.is_bid else -shares, order.price_bp / 10_000, worth_bp / 10_000))
    return found


def judged(name: str, played: Played) -> dict[str, Any]:
    by_id = resting(played)
    orders = list(by_id.values())
    took, filled = reactions_ms(orders, played)
    earned = [fill_parts(shares, price, worth, worth, worth)[0] for shares, price, worth in fills(by_id, played)]
    seconds = (played.path.times_ms[-1] - played.path.times_ms[0]) / 1000
    took.sort()
    return {
        "desk": name, "jumps": len(played.jumps_ms), "jumps_that_hit": len(took), "orders": len(orders),
        "gone_p50_ms": took[len(took) // 2] if took else None, "gone_p99_ms": took[int(0.99 * (len(took) - 1))] if took else None,
        "gone_max_ms": took[-1] if took else None, "filled_before_gone": filled, "stale_s": round(stale_ms(orders, played.path) / 1000, 1),
        "seconds": round(seconds), "fills": len(earned), "stale_fills": sum(one < 0 for one in earned),
        "lost_to_stale_usd": round(-sum(one for one in earned if one < 0), 2), "edge_usd": round(sum(earned), 2),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    names = [name for name in rows[0] if name not in ("jumps", "seconds")]
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) + 2 for name in names]
    return "\n".join("".join(str(row.get(name, name)).rjust(width) for name, width in zip(names, widths, strict=True))
                     for row in ({name: name for name in names}, *rows))


def main() -> int:
    parser = argparse.ArgumentParser(description="Early triggers against timers, judged at the exchange.")
    parser.add_argument("--jumps", type=int, default=100)
    parser.add_argument("--every", type=float, default=2, metavar="SECONDS")
    parser.add_argument("--speed", type=float, default=6, help="windows last 3600 s / SPEED")
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    rows = []
    for name, period_s in DESKS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(judged(name, play(period_s, asked.jumps, asked.every, asked.speed, asked.seed, File(folder))))
        print(table(rows[-1:]), file=sys.stderr, flush=True)
    conditions = {"jump_bp": JUMP_BP, "every_s": asked.every, "speed": asked.speed, "seed": asked.seed}
    print(json.dumps({"bench": "stale_quotes", **conditions, "rows": rows}, indent=2))
    print(table(rows), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
