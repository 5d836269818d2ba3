#!/usr/bin/env python3
"""How fast a desk reacts, judged by the audit of an exchange in a process of its own. JSON on standard output.

    .venv/bin/python tools/bench/reactions.py [--seconds 60]

Both run on one machine, so their wall clocks are one. The audit has milliseconds: what it shows as 3 ms took 2 to 4.
"""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account import Account

from trader.app import Trader
from trader.config import load_config
from trader.exchange.child import ExchangeUrls
from trader.model.event import Command, Control
from trader.model.intent import Mode, Quote, StrategyView
from trader.strategy.base import strategy_named
from trader.testing.exchange_audit import read_audit
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

QUEUED = 500
REPLACED_MS = 250
_CANCELS = ("/cancel-market-orders", "/orders", "/order", "/cancel-all")
Decision = tuple[Mode, tuple[Quote, ...], str]


class Bench:
    """One desk at one exchange. `strategy` quotes as the default one does, or says STOP while `stop` is set."""

    def __init__(self, exchange: ExchangeUrls, folder: Path) -> None:
        key = "0x" + secrets.token_hex(32)
        self.exchange, self.address = exchange, Account.from_key(key).address
        conf = folder / f"{self.address}.yaml"
        conf.write_text(f"""
mode: live
polymarket: {{clob_url: {exchange.rest_url}, gamma_url: {exchange.gamma_url}, ws_url: {exchange.ws_url}, private_key: "{key}"}}
binance: {{ws_url: {exchange.binance_ws_url}}}
strategy: {{volatility_prior_bp: 8.5}}
executor: {{daily_loss_usd: 1000000, cooldown_ms: 0, caution_ms: 0}}
ops: {{control_dir: {folder}}}
journal: {{dir: {folder}/journal}}
""")
        conf.chmod(0o600)
        settings = load_config(str(conf))
        self._usual = strategy_named(settings.strategy)
        self.flood: Callable[[], None] = lambda: None
        self.stop = False
        self.stopped_ms = 0.0            # wall time at which the strategy said STOP
        self.trader = Trader(settings, strategy=self)

    def quote(self, view: StrategyView) -> Decision:
        if not self.stop:
            self.stopped_ms = 0.0
            return self._usual.quote(view)
        if not self.stopped_ms:
            self.flood()
            self.stopped_ms = time.time() * 1000
        return Mode.STOP, (), "the bench says so"

    def requests(self, since_ms: float, method: str, paths: tuple[str, ...]) -> list[int]:
        audit = read_audit(self.exchange, address=self.address, since_ms=int(since_ms))
        return [row["at_ms"] for row in audit.requests if row["method"] == method and row["path"] in paths]

    def until(self, done: Callable[[], Any], seconds: float = 30) -> bool:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if done():
                return True
            time.sleep(0.01)
        return False

    def quoting(self) -> bool:
        return self.until(lambda: any(order["state"] == "WORKING" for order in self.trader.stats()["quotes"]))


def stop_intents(bench: Bench, rounds: int) -> list[float]:
    """STOP by the strategy with 500 letters before it → first cancel at the exchange."""
    inbox = bench.trader._desk.hands.inbox
    bench.flood = lambda: [inbox.put(Control(Command.RESUME, "flood")) for _ in range(QUEUED)] and None
    took_ms = []
    for _ in range(rounds):
        if not bench.quoting():
            continue
        bench.stop = True
        bench.until(lambda: bench.stopped_ms > 0, 2)
        time.sleep(0.2)
        arrived = bench.requests(bench.stopped_ms - 1, "DELETE", _CANCELS)
        if bench.stopped_ms and arrived:
            took_ms.append(max(0.0, arrived[0] - bench.stopped_ms))
        bench.stop = False
    bench.flood = lambda: None
    return took_ms


def fills(bench: Bench, seconds: float) -> list[float]:
    """An order filled in full at the exchange → the next order of ours there, where there is one within five ticks: a desk at
    its limit, or one that had quoted elsewhere already, has nothing to add."""
    began_ms = time.time() * 1000
    bench.until(lambda: False, seconds)
    audit = read_audit(bench.exchange, address=bench.address, since_ms=int(began_ms))
    places = [row["at_ms"] for row in audit.places(int(began_ms))]
    took_ms = []
    for row in audit.orders:
        if row["end"] == "MATCHED" or row["matched"] != "0":
            filled_ms = row["to_ms"] if row["end"] == "MATCHED" else None
            after = [at_ms for at_ms in places if filled_ms is not None and filled_ms <= at_ms < filled_ms + REPLACED_MS]
            if filled_ms is not None and after:
                took_ms.append(float(after[0] - filled_ms))
    return took_ms


def cancel_alls(bench: Bench, rounds: int) -> list[float]:
    """`cancel_all()` while every other gateway thread hangs in a slow answer → the cancel at the exchange."""
    took_ms = []
    for _ in range(rounds):
        if not bench.quoting():
            continue
        with exchange_fault(bench.exchange, kind="slow", method="POST", path="/order", delay_ms=2_000, for_ms=1_500):
            time.sleep(1.0)
            asked_ms = time.time() * 1000
            bench.trader.cancel_all("bench")
            time.sleep(0.3)
        arrived = bench.requests(asked_ms - 1, "DELETE", _CANCELS)
        if arrived:
            took_ms.append(max(0.0, arrived[0] - asked_ms))
        time.sleep(2.5)
    return took_ms


def stale_books(bench: Bench, rounds: int, noted: list[tuple[float, str]]) -> list[float]:
    """The guard that finds the book stale → the last cancel that was sent because of it."""
    took_ms = []
    for _ in range(rounds):
        if not bench.quoting():
            continue
        before = len(noted)
        with exchange_fault(bench.exchange, kind="freeze", channel="market", pong=False, for_ms=2_500):
            time.sleep(2.4)
        found = [at_ms for at_ms, text in noted[before:] if text.startswith("guard book_stale:")]
        if found:
            arrived = [at_ms for at_ms in bench.requests(found[0] - 1, "DELETE", _CANCELS) if at_ms < found[0] + 1_000]
            if arrived:
                took_ms.append(max(0.0, arrived[-1] - found[0]))
        time.sleep(2.0)
    return took_ms


@contextmanager
def listening() -> Iterator[list[tuple[float, str]]]:
    """(wall ms, text) of everything that the desk logs."""
    noted: list[tuple[float, str]] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            noted.append((record.created * 1000, record.getMessage()))

    ear = Ear()
    logging.getLogger("trader").addHandler(ear)
    logging.getLogger("trader").setLevel(logging.INFO)
    logging.getLogger("trader").propagate = False
    yield noted
    logging.getLogger("trader").removeHandler(ear)


def row(what: str, took_ms: list[float], budget: str) -> dict[str, Any]:
    took = sorted(took_ms)
    return {"what": what, "count": len(took), "p50_ms": round(statistics.median(took), 1) if took else None,
            "p99_ms": round(took[min(len(took) - 1, int(0.99 * len(took)))], 1) if took else None,
            "max_ms": round(took[-1], 1) if took else None, "budget": budget}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for the fills; the rest takes about as long")
    seconds = parser.parse_args().seconds
    rounds = max(3, int(seconds / 6))
    sys.setswitchinterval(0.0005)                # as `trader run` does
    with tempfile.TemporaryDirectory() as folder, running_exchange(speed=6, seed=3) as exchange, listening() as noted:
        bench = Bench(exchange, Path(folder))
        with bench.trader:
            rows = [
                row("fill → next order", fills(bench, seconds), "p99 <= 20 ms"),
                row(f"STOP intent behind {QUEUED} letters → cancel", stop_intents(bench, 4 * rounds), "p99 <= 5 ms"),
                row("cancel-all while the other gateway threads hang → cancel", cancel_alls(bench, rounds), "<= 10 ms"),
                row("stale book found → last cancel", stale_books(bench, rounds, noted), "<= 50 ms"),
            ]
    print(json.dumps({"bench": "reactions", "rows": rows}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
