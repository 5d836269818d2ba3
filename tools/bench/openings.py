#!/usr/bin/env python3
"""How soon a desk quotes in a window that has just opened, judged by the audit of an exchange process. JSON on stdout.

    .venv/bin/python -m tools.bench.openings [--windows 10] [--speed 100] [--kline-late-ms 2000]

The first kline of each window is withheld for as long as Binance may let one wait (2 s), so that what comes before it stands on the
provisional strike. Quotes on the kline's strike count from the first order at the exchange after the desk decided with it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from tools.bench.true_price import volatility_of
from trader.app import Trader
from trader.config import load_config
from trader.exchange.child import ExchangeUrls
from trader.model.intent import Mode, Quote, Strategy, StrategyView
from trader.strategy.base import strategy_named
from trader.testing.desk_process import Wallet
from trader.testing.exchange_audit import ExchangeAudit, read_audit
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

PROVISIONAL_MS, CONFIRMED_MS = 2_000, 5_000      # budgets
_EARLY_S = 0.4                                   # before the open: the fault is on by then


class Watched:
    """The rule of the configuration; notes of each window its open and when it first quoted on the confirmed strike."""

    def __init__(self, rule: Strategy) -> None:
        self._rule = rule
        self.opens_ms: dict[str, int] = {}
        self.confirmed_ms: dict[str, int] = {}

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        decided = self._rule.quote(view)
        market = view.market.condition_id
        self.opens_ms.setdefault(market, view.market.open_ms)
        if decided[1] and not view.provisional_strike:
            self.confirmed_ms.setdefault(market, view.now_ms)
        return decided


class Opening(NamedTuple):
    """Milliseconds after the open by the exchange's clock; None: never. `provisional_ms` None also if the kline was there first."""

    market: str
    provisional_ms: int | None
    confirmed_ms: int | None

    @property
    def is_in_time(self) -> bool:
        return self.provisional_ms is not None and self.provisional_ms <= PROVISIONAL_MS and (
            self.confirmed_ms is not None and self.confirmed_ms <= CONFIRMED_MS)


def openings(audit: ExchangeAudit, watched: Watched, markets: Sequence[str]) -> list[Opening]:
    found = []
    for market in markets:
        open_ms = watched.opens_ms.get(market)
        placed = sorted(order["from_ms"] for order in audit.orders if order["market"] == market)
        kline_ms = watched.confirmed_ms.get(market)
        before = [at_ms for at_ms in placed if kline_ms is None or at_ms < kline_ms]
        after = [at_ms for at_ms in placed if kline_ms is not None and at_ms >= kline_ms]
        found.append(Opening(market, *(at[0] - open_ms if at and open_ms is not None else None for at in (before, after))))
    return found


def play(windows: int, speed: float, kline_late_ms: int, folder: Path) -> list[Opening]:
    """Of the windows that open while the desk runs, in order."""
    with running_exchange(speed=speed, seed=3) as exchange:
        wallet = Wallet(exchange, folder)
        settings = load_config(str(wallet.conf), overrides=[f"strategy.volatility_prior_bp={10_000 * volatility_of(speed):.3f}"])
        watched = Watched(strategy_named(settings.strategy))
        with Trader(settings, strategy=watched):
            began_ms = read_audit(exchange).now_ms
            first_ms = _next_open_ms(exchange, began_ms)
            for number in range(windows):
                _withhold_kline(exchange, first_ms + number * exchange.window_ms, kline_late_ms)
            time.sleep(CONFIRMED_MS / 1000)
            audit = read_audit(exchange, address=wallet.address)
    closed = {row["closed_ms"]: row["market"] for row in audit.markets if row["closed_ms"] is not None}
    opened = [_successor(audit, closed[at_ms]) for at_ms in sorted(closed) if at_ms >= began_ms]
    return openings(audit, watched, opened[:windows])


def _successor(audit: ExchangeAudit, market: str) -> str:
    """Windows are listed in the order in which they open."""
    listed = [row["market"] for row in sorted(audit.markets, key=lambda row: row["from_ms"])]
    return str(listed[listed.index(market) + 1])


def _next_open_ms(exchange: ExchangeUrls, now_ms: int) -> int:
    opens_ms = httpx.get(f"{exchange.binance_rest_url}/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1h"}).json()[-1][0]
    return int(opens_ms + ((now_ms - opens_ms) // exchange.window_ms + 1) * exchange.window_ms)


def _withhold_kline(exchange: ExchangeUrls, open_ms: int, kline_late_ms: int) -> None:
    time.sleep(max(0.0, open_ms / 1000 - _EARLY_S - time.time()))
    late_ms = max(0, round(open_ms - time.time() * 1000)) + kline_late_ms
    with exchange_fault(exchange, kind="drop", channel="binance", match="@kline", for_ms=late_ms):
        time.sleep(late_ms / 1000)


def main() -> int:
    parser = argparse.ArgumentParser(description="From the open of a window to quotes in it, judged at the exchange.")
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--speed", type=float, default=100, help="windows last 3600 s / SPEED")
    parser.add_argument("--kline-late-ms", type=int, default=2_000, help="how long the first kline is withheld")
    asked = parser.parse_args()
    sys.setswitchinterval(0.0005)                # as `trader run` does
    with tempfile.TemporaryDirectory() as folder:
        found = play(asked.windows, asked.speed, asked.kline_late_ms, Path(folder))
    rows = [opening._asdict() for opening in found]
    budgets = {"provisional_ms": PROVISIONAL_MS, "confirmed_ms": CONFIRMED_MS}
    print(json.dumps({"bench": "openings", "kline_late_ms": asked.kline_late_ms, "budgets": budgets, "windows": rows}, indent=2))
    return 0 if len(found) == asked.windows and all(opening.is_in_time for opening in found) else 1


if __name__ == "__main__":
    sys.exit(main())
