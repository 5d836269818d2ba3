"""What every soak shares: an exchange process, a desk process in mode live at it, and a judgement of both from outside.

A soak is one small file: it opens one with `soaking`, drives it with `steps`, ends it with `end`, adds checks of its own, and returns
`report()` as the exit code. Progress goes to stderr, the report to stdout as JSON. The folder with the desk's log, its recording and its
conf.yaml is removed when everything passed, and named in the report when not. One thread.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tools.soak.books import BookWitness
from trader.exchange.child import ExchangeUrls
from trader.exchange.orders import OrderStatus
from trader.journal.report import Wanted, fills
from trader.testing.desk_process import DeskProcess, Wallet
from trader.testing.exchange_audit import ExchangeAudit, read_audit
from trader.testing.exchange_process import running_exchange

STEP_S = 0.5
BOOKS_EVERY_S = 3.0
QUIET_PARTS = (0.25, 0.6)            # of a window: far enough from both ends that nothing closes while we count


class Check(NamedTuple):
    name: str
    was: Any
    must: str
    passed: bool


def equal(name: str, was: Any, must: Any) -> Check:
    return Check(name, was, f"= {must}", bool(was == must))


def at_least(name: str, was: float, least: float) -> Check:
    return Check(name, was, f">= {least}", was >= least)


def below(name: str, was: float, limit: float) -> Check:
    return Check(name, was, f"< {limit}", was < limit)


class Window(NamedTuple):
    """The window that the exchange runs at this moment."""

    slug: str
    condition_id: str
    token_ids: tuple[str, ...]
    closes_s: float                  # wall time


class Soak:
    """`windows`: by condition id, how long after its begin (or ours) the desk was first seen to have an order in it; None: not yet."""

    def __init__(self, name: str, exchange: ExchangeUrls, out: Path) -> None:
        self.name, self.exchange, self.out = name, exchange, out
        self.client = httpx.Client(base_url=exchange.rest_url, timeout=10)
        self.books = BookWitness(self.client)
        self.wallet = Wallet(exchange, out)
        self.windows: dict[str, float | None] = {}
        self.checks: list[Check] = []
        self.facts: dict[str, Any] = {}
        self.passed = False              # until the report says otherwise
        self._began_s, self._began_wall_s = time.monotonic(), time.time()
        self._books_s = 0.0
        self.window = self._running_window()
        self.recording = out / "frames"
        self.desk = DeskProcess([str(self.wallet.conf), "--record", str(self.recording)], out)

    # driving ---------------------------------------------------------------------------------------------------------

    def steps(self, seconds: float) -> Iterator[dict[str, Any]]:
        """The exchange's ledger of the desk, twice a second for as long as the desk lives; looks at windows and books on the way."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and self.desk.process.poll() is None:
            ledger = self.wallet.ledger()
            self._note_window(ledger)
            if time.monotonic() >= self._books_s:
                self._books_s = time.monotonic() + BOOKS_EVERY_S
                self.books.look(self.window.token_ids)
            yield ledger
            time.sleep(STEP_S)

    def journaled_fills(self) -> list[dict[str, Any]]:
        """Of all lives of the desk."""
        files = sorted((self.out / "journal").glob("*/*.sqlite"))
        return fills(files, Wanted(0, "", None))

    def say(self, text: str) -> None:
        print(f"{self.name} {time.monotonic() - self._began_s:6.1f} s: {text}", file=sys.stderr, flush=True)

    def _note_window(self, ledger: dict[str, Any]) -> None:
        if time.time() >= self.window.closes_s:
            self.window = self._running_window()
        seen = self.windows.setdefault(self.window.condition_id, None)
        if seen is None and any(order["market"] == self.window.condition_id for order in ledger.get("orders", [])):
            opened_s = max(self._began_wall_s, self.window.closes_s - self.exchange.window_ms / 1000)
            self.windows[self.window.condition_id] = round(time.time() - opened_s, 1)
            self.say(f"quoted in {self.window.slug}, the {len(self.windows)}. window")

    def _running_window(self) -> Window:
        live = self.client.get("/control/state").raise_for_status().json()["live_window"]
        market = self.client.get(f"/gamma/markets/slug/{live['slug']}").raise_for_status().json()
        tokens = json.loads(market["clobTokenIds"])
        return Window(live["slug"], live["condition_id"], tuple(tokens), datetime.fromisoformat(live["closes"]).timestamp())

    def part_of_window(self) -> float:
        """0 at its begin, 1 at its close."""
        return 1 - (self.window.closes_s - time.time()) * 1000 / self.exchange.window_ms

    def _await_quiet_part(self) -> None:
        for _ in self.steps(2 * self.exchange.window_ms / 1000):
            if QUIET_PARTS[0] <= self.part_of_window() <= QUIET_PARTS[1]:
                return

    # judging ---------------------------------------------------------------------------------------------------------

    def end(self, *, apart_from: Collection[str] = (), streams: bool = True) -> tuple[dict[str, Any], ExchangeAudit]:
        """Ends the desk in the quiet part of a window and checks what every soak must keep, apart from checks (by name) that this one
        makes fail. `streams`: they were never disturbed. (Its summary, the exchange's audit of it.)"""
        self._await_quiet_part()
        self.say("stopping the desk")
        code, summary = self.desk.interrupt(60)
        self.checks.append(equal("exit code", code, 0))
        ledger, audit = self.wallet.ledger(), read_audit(self.exchange, address=self.wallet.address)
        self.checks.append(equal("open orders at the exchange", ledger.get("open_orders"), 0))
        if summary:
            kept = [*self._orders(summary, audit), *self._holdings(summary, ledger), *(self._streams(summary) if streams else ())]
            self.checks += [check for check in kept if check.name not in apart_from]
        self.facts |= {"window_s": self.exchange.window_ms / 1000, "first_order_s": list(self.windows.values()),
                       "not_audited": audit.forgotten["orders"], "summary": summary}
        return summary, audit

    def _orders(self, summary: dict[str, Any], audit: ExchangeAudit) -> list[Check]:
        return [
            equal("open orders by the desk's word", summary["open_orders_at_exit"], 0),
            equal("orders that a close found open", sum(order["end"] == OrderStatus.RESOLVED for order in audit.orders), 0),
            equal("orders live in a closed market", len(audit.live_in_closed_market()), 0),
            equal("orders sent to a closed market", summary["rejected_by_reason"].get("market_closed", 0), 0),
            equal("orders of others in our market", summary["orders_foreign"], 0),
            at_least("orders acknowledged", summary["orders_acked"], 1),
            equal("windows without a quote", sum(seen is None for seen in self.windows.values()), 0),
        ]

    def _holdings(self, summary: dict[str, Any], ledger: dict[str, Any]) -> list[Check]:
        held = {row["outcome"]: (row["settled_micro"] + row["incoming_micro"]) / 1e6 for row in ledger["positions"]
                if row["condition_id"] == summary["condition_id"]}
        ours = {"Up": summary["inventory"]["yes"], "Down": summary["inventory"]["no"]}
        return [
            at_least("fills", summary["fills"], 1),
            equal("fills counted", summary["fills"], ledger["fills"]),
            equal("inventory", ours, {"Up": held.get("Up", 0.0), "Down": held.get("Down", 0.0)}),
            equal("money and tokens conserved", self.client.get("/control/state").json()["conserved"], True),
        ]

    def _streams(self, summary: dict[str, Any]) -> list[Check]:
        feeds, books = summary["feeds"], self.books.compare(self.recording)
        return [
            equal("mismatches", feeds["pm-book"]["mismatches"], 0),
            equal("hash mismatches", summary["verify"]["hash_mismatches"], 0),
            equal("unreadable frames", sum(feed["unparsable"] for feed in feeds.values()), 0),
            at_least("books met in the recording", books.met, books.asked // 2),
            equal("books that differed", books.differed, 0),
            below("ticks skipped", summary["ticks_skipped"] / max(1, summary["ticks"] + summary["ticks_skipped"]), 0.01),
        ]

    def report(self) -> int:
        passed = self.passed = all(check.passed for check in self.checks)
        json.dump({"soak": self.name, "passed": passed, "seconds": round(time.monotonic() - self._began_s, 1),
                   "failed": [check.name for check in self.checks if not check.passed],
                   "checks": [check._asdict() for check in self.checks], **self.facts,
                   "kept": None if passed else str(self.out)}, sys.stdout, indent=2)
        print()
        return 0 if passed else 1


@contextmanager
def soaking(name: str, **exchange_options: Any) -> Iterator[Soak]:
    """A desk that quotes at an exchange of its own. Whatever happens, neither process outlives the block."""
    out = Path(tempfile.mkdtemp(prefix=f"soak-{name}-"))
    with running_exchange(**exchange_options) as exchange:
        soak = Soak(name, exchange, out)
        try:
            soak.desk.wait_for("quoting starts", 30)
            yield soak
        finally:
            soak.desk.kill()
            (out / "desk.log").write_text(soak.desk.log)
    if soak.passed:
        shutil.rmtree(out)


def options(description: str, **numbers: float) -> argparse.Namespace:
    """The command line of a soak: one option a number, with its default."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, type=type(default), default=default, help=f"default {default:g}")
    return parser.parse_args()
