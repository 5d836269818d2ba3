#!/usr/bin/env python3
"""How fast a desk reacts, judged by the audit of an exchange in a process of its own. JSON on standard output.

    .venv/bin/python tools/bench/reactions.py [--seconds 120]

Both run on one machine, so their wall clocks are one, and in one session, or Linux would weigh the two against each other. The audit has
milliseconds: what it shows as 3 ms took 2 to 4. No sample is left out: what was not answered is counted as `missed`, what cannot be judged
as `not_judged` with the reason in its row's `what`.
The desk has no limits to speak of, no skew and small quotes, so that it always wants one on each side and is often filled in full.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from eth_account import Account

from trader.app import Trader
from trader.config import load_config
from trader.exchange.child import ExchangeUrls
from trader.journal.schema import open_to_read
from trader.model.action import ReadOpenOrders
from trader.model.event import Command, Control
from trader.model.intent import Mode, Quote, StrategyView
from trader.runtime.clock import SystemClock
from trader.runtime.process import TunedProcess
from trader.strategy.base import strategy_named
from trader.testing.exchange_audit import ExchangeAudit, read_audit
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

QUEUED = 500
GIVEN_MS = 2_000
ON_ITS_WAY_MS = 100              # a place that was sent before the desk changed its mind arrives within this
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
strategy: {{volatility_prior_bp: 2.5, skew_cents_per_share: 0, base_size: 10}}
executor: {{daily_loss_usd: 1000000, cooldown_ms: 0, caution_ms: 0, max_position: 1000000, gross_cap: 1000000}}
ops: {{control_dir: {folder}}}
journal: {{dir: {folder}/journal}}
""")
        conf.chmod(0o600)
        settings = load_config(str(conf))
        self._usual = strategy_named(settings.strategy)
        self.flood: Callable[[], None] = lambda: None
        self.stop = False
        self.stopped_ms = 0.0            # wall time at which the strategy said STOP
        self.closes_ms: dict[str, int] = {}      # of each market that was quoted
        self.runtime = settings.runtime
        self.trader = Trader(settings, strategy=self)

    def quote(self, view: StrategyView) -> Decision:
        self.closes_ms[view.market.condition_id] = view.market.close_ms
        if not self.stop:
            self.stopped_ms = 0.0
            return self._usual.quote(view)
        if not self.stopped_ms:
            self.flood()
            self.stopped_ms = time.time() * 1000
        return Mode.STOP, (), "the bench says so"

    def audit(self, since_ms: float) -> ExchangeAudit:
        return read_audit(self.exchange, address=self.address, since_ms=int(since_ms) - 1)

    def until(self, done: Callable[[], Any], seconds: float = 30) -> bool:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if done():
                return True
            time.sleep(0.01)
        return False

    def quoting(self) -> bool:
        return self.until(lambda: any(order["state"] == "WORKING" for order in self.trader.stats()["quotes"]))


class Samples(NamedTuple):
    took_ms: list[float]
    missed: int = 0              # the reaction did not come within two seconds
    not_judged: int = 0


def flat_after(audit: ExchangeAudit, since_ms: float) -> float | None:
    """Milliseconds until the last order ended that was live then or became live soon after. None: not within GIVEN_MS."""
    orders = audit.live_orders(int(since_ms), int(since_ms) + GIVEN_MS)
    ends = [row["to_ms"] for row in orders if row["from_ms"] < since_ms + ON_ITS_WAY_MS]
    if None in ends or max(ends, default=0) > since_ms + GIVEN_MS:
        return None
    return max(0.0, max(ends, default=since_ms) - since_ms)


def gathered(took_ms: Iterable[float | None], not_judged: int = 0) -> Samples:
    every = list(took_ms)
    return Samples([one for one in every if one is not None], every.count(None), not_judged)


def fills(bench: Bench, seconds: float) -> Samples:
    """An order filled in full at the exchange → the next place of ours. Not judged: in the last sixth of a window, where sizes are halved
    and quoting ends."""
    began_ms = time.time() * 1000
    bench.until(lambda: False, seconds)
    audit = read_audit(bench.exchange, address=bench.address, since_ms=int(began_ms))
    places = [row["at_ms"] for row in audit.places(int(began_ms))]
    filled = [row for row in audit.orders if row["end"] == "MATCHED" and row["to_ms"] >= began_ms]
    judged = [row for row in filled if row["to_ms"] < bench.closes_ms[row["market"]] - bench.exchange.window_ms / 6]
    took = [next((at_ms - row["to_ms"] for at_ms in places if row["to_ms"] <= at_ms < row["to_ms"] + GIVEN_MS), None) for row in judged]
    return gathered(took, len(filled) - len(judged))


def first_cancel(audit: ExchangeAudit, since_ms: float) -> float | None:
    """Milliseconds until the first request to cancel arrived. None: not within GIVEN_MS."""
    return next((max(0.0, row["at_ms"] - since_ms) for row in audit.cancels(int(since_ms), int(since_ms) + GIVEN_MS)), None)


def stop_intents(bench: Bench, rounds: int) -> tuple[Samples, Samples]:
    """STOP by the strategy with 500 letters before it → the cancel at the exchange, → no order lives any more."""
    inbox = bench.trader._desk.hands.inbox
    bench.flood = lambda: [inbox.put(Control(Command.RESUME, "flood")) for _ in range(QUEUED)] and None
    cancel_took: list[float | None] = []
    flat_took: list[float | None] = []
    for _ in range(rounds):
        if not bench.quoting():
            continue
        bench.stop = True
        bench.until(lambda: bench.stopped_ms > 0, 2)
        stopped_ms = bench.stopped_ms
        time.sleep(0.3)
        if stopped_ms:
            audit = bench.audit(stopped_ms)
            cancel_took.append(first_cancel(audit, stopped_ms))
            flat_took.append(flat_after(audit, stopped_ms))
        bench.stop = False
    bench.flood = lambda: None
    missing = rounds - len(flat_took)
    return gathered(cancel_took, missing), gathered(flat_took, missing)


def cancel_alls(bench: Bench, rounds: int) -> Samples:
    """`cancel_all()` while the other gateway threads hang in slow answers → the cancel at the exchange. They hang in listings that the
    bench puts into the outbox, one each: the desk's own requests seldom keep all of them busy."""
    took: list[float | None] = []
    hands = bench.trader._desk.hands
    others = hands.flights[1:]
    for _ in range(rounds):
        if not bench.quoting():
            continue
        with exchange_fault(bench.exchange, kind="slow", method="GET", path="/data/orders", delay_ms=2_000, for_ms=4_000):
            for number in range(len(others)):
                hands.outbox.put(ReadOpenOrders(-number, next(reversed(bench.closes_ms))))
            time.sleep(0.5)
            asked_ms = time.time() * 1000
            bench.trader.cancel_all("bench")
            time.sleep(2.5)
        audit = bench.audit(asked_ms - 3_000)
        hung = [row for row in audit.requests if row["method"] == "GET" and row["at_ms"] < asked_ms < row["at_ms"] + row["took_ms"]]
        if len(hung) >= len(others):
            took.append(first_cancel(audit, asked_ms))
    return gathered(took, rounds - len(took))


def stale_books(bench: Bench, rounds: int, journal: Path) -> Samples:
    """The cycle whose guard found the book stale, by the journal → no order lives any more."""
    took: list[float | None] = []
    for _ in range(rounds):
        if not bench.quoting():
            continue
        began_ms = time.time() * 1000
        with exchange_fault(bench.exchange, kind="freeze", channel="market", pong=False, for_ms=2_500):
            time.sleep(2.4)
        found_ms = guard_entered_ms(journal, "book_stale", began_ms)
        if found_ms is not None:
            took.append(flat_after(bench.audit(found_ms), found_ms))
        time.sleep(2.0)
    return gathered(took, rounds - len(took))


def guard_entered_ms(journal: Path, name: str, since_ms: float) -> int | None:
    newest = max(journal.glob("*/*.sqlite"))
    with closing(open_to_read(newest)) as db:
        row = db.execute("SELECT min(entered_ms) FROM guards WHERE name = ? AND entered_ms >= ?", (name, since_ms)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def bare_requests(bench: Bench, count: int) -> Samples:
    """A request that is already written → the exchange's stamp: what the exchange itself adds to every row of requests."""
    where = urlsplit(bench.exchange.rest_url)
    line, sent_ms = http.client.HTTPConnection(str(where.hostname), where.port), []
    for _ in range(count):
        time.sleep(0.02)
        sent_ms.append(time.time() * 1000)
        line.request("GET", "/version")
        line.getresponse().read()
    line.close()
    stamps = [row["at_ms"] for row in read_audit(bench.exchange, since_ms=int(sent_ms[0]) - 1).requests if row["path"] == "/version"]
    return gathered(max(0.0, at_ms - one_ms) for at_ms, one_ms in zip(stamps, sent_ms, strict=True))


def row(what: str, samples: Samples, budget: str) -> dict[str, Any]:
    """No p99 of fewer than a hundred."""
    took = sorted(samples.took_ms)
    return {"what": what, "count": len(took), "missed": samples.missed, "not_judged": samples.not_judged,
            "p50_ms": round(statistics.median(took), 1) if took else None,
            "p99_ms": round(took[int(0.99 * (len(took) - 1))], 1) if len(took) >= 100 else None,
            "max_ms": round(took[-1], 1) if took else None, "budget": budget}


def main() -> int:
    parser = argparse.ArgumentParser(description="From a fill, a STOP, a cancel-all or a stale book to the exchange.")
    parser.add_argument("--seconds", type=float, default=120, help="for the fills; the rest takes about two and a half times as long")
    seconds = parser.parse_args().seconds
    rounds = max(3, int(seconds / 6))
    logging.getLogger("trader").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory() as folder, running_exchange(speed=6, seed=3, cash=1_000_000, own_session=False) as exchange:
        bench = Bench(exchange, Path(folder))
        with TunedProcess(bench.runtime, bench.trader.is_flat, SystemClock()) as process, bench.trader:
            process.threads_run(bench.trader.stats()["roles"])
            filled, (cancelled, flat) = fills(bench, seconds), stop_intents(bench, 5 * rounds)
            rows = [
                row("fill → next order (not judged: near the close)", filled, "p99 <= 20 ms"),
                row(f"STOP intent behind {QUEUED} letters → cancel (not judged: did not quote)", cancelled, "p99 <= 5 ms"),
                row("the same STOP intents → flat", flat, "none"),
                row("cancel-all while the other gateway threads hang → cancel (not judged: they did not)",
                    cancel_alls(bench, rounds), "<= 10 ms"),
                row("a bare request → its stamp: the exchange's share of the above", bare_requests(bench, 300), "none"),
                row("stale book found → flat (not judged: not found)", stale_books(bench, rounds, Path(folder) / "journal"), "<= 50 ms"),
            ]
    print(json.dumps({"bench": "reactions", "rows": rows}, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
