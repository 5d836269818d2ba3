"""The desk is killed (`kill -9`) at random moments and started again, with the same key and journal, at an exchange that goes on.

    .venv/bin/python -m tools.soak.kills [--kills 50] [--speed 72] [--seed 1]

Each life must cancel what the one before left open, before it places anything, and quote again within ten seconds. In the end fills,
inventory and gain or loss, added up over all lives, must be the exchange's to the micro-dollar.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any, NamedTuple

from tools.soak.harness import Soak, at_least, below, equal, options, soaking
from trader.testing.desk_process import DeskProcess
from trader.testing.exchange_audit import read_audit

LIFE_S = (0.3, 8.0)              # from the first quote to the kill
START_LIMIT_S = 10.0
QUOTED_PART = 0.95               # of a window: after it the desk only reduces what it holds
BY_NATURE = {"fills", "fills counted", "orders that a close found open"}     # the last life's alone; a window may close on a dead desk


class Life(NamedTuple):
    left_open: int               # orders that the life before had left
    quoted_s: float | None       # from its start to its first order, without the time in which nobody would quote; None: it placed none
    left_alive: int              # of those left, still live when it placed its first order


def live_again(soak: Soak) -> Life:
    """Kills the desk and starts the next one."""
    soak.desk.kill()
    audit = read_audit(soak.exchange, address=soak.wallet.address)
    left = [order["id"] for order in audit.live_orders(audit.now_ms)]
    soak.desk = DeskProcess([str(soak.wallet.conf), "--record", str(soak.recording)], soak.out)
    first_ms, idle_ms = _first_place(soak, audit.now_ms)
    after = read_audit(soak.exchange, address=soak.wallet.address)
    alive = {order["id"] for order in after.live_orders(first_ms)} if first_ms else set(left)
    return Life(len(left), first_ms and max(0, first_ms - audit.now_ms - idle_ms) / 1000, len(alive & set(left)))


def _first_place(soak: Soak, began_ms: int) -> tuple[int | None, int]:
    """(When it came, how long before it nobody would have quoted: the window was decided or about to close.)"""
    idle_s, looked_s = 0.0, time.monotonic()
    for _ in soak.steps(3 * soak.exchange.window_ms / 1000):
        places = read_audit(soak.exchange, address=soak.wallet.address, since_ms=began_ms).places(began_ms)
        if places:
            return int(places[0]["at_ms"]), int(1000 * idle_s)
        before_s, looked_s = looked_s, time.monotonic()
        if soak.books.is_decided or soak.part_of_window() > QUOTED_PART:
            idle_s += looked_s - before_s
    return None, 0


def _quoted(life: Life) -> str:
    return "the desk placed nothing" if life.quoted_s is None else f"quoted again after {life.quoted_s:.1f} s"


def equity_micro(soak: Soak, summary: dict[str, Any], ledger: dict[str, Any]) -> float:
    """What the exchange's books say that was made: money, and tokens at the mids that the desk ended with."""
    mids = {row["market"]: row["mid"] for row in summary["positions"]}
    slugs = {row["market"]: row["slug"] for row in read_audit(soak.exchange).markets}
    worth = ledger["cash_micro"] + ledger["incoming_cash_micro"] + ledger["reserved_cash_micro"] - ledger["deposited_micro"]
    for row in ledger["positions"]:
        mid = mids[slugs[row["condition_id"]]]
        price = mid if row["outcome"] == "Up" else 1 - mid
        worth += (row["settled_micro"] + row["incoming_micro"]) * price
    return float(worth)


def main() -> int:
    wanted = options(__doc__, kills=50, speed=72.0, seed=1)
    dice = random.Random(wanted.seed)
    with soaking("kills", speed=wanted.speed, seed=wanted.seed) as soak:
        lives: list[Life] = []
        for number in range(wanted.kills):
            for _ in soak.steps(dice.uniform(*LIFE_S)):
                pass
            lives.append(live_again(soak))
            soak.say(f"{number + 1}. kill left {lives[-1].left_open} orders open; {_quoted(lives[-1])}")
        summary, _ = soak.end(apart_from=BY_NATURE)
        ledger = soak.wallet.ledger()
        soak.facts["lives"] = [life._asdict() for life in lives]
        soak.checks += [
            at_least("kills that left orders open", sum(life.left_open > 0 for life in lives), wanted.kills / 3),
            equal("orders of a former life that were live when the next one placed", sum(life.left_alive for life in lives), 0),
            equal("lives without an order", sum(life.quoted_s is None for life in lives), 0),
            below("seconds to the first order, longest", max(life.quoted_s or 0 for life in lives), START_LIMIT_S),
            at_least("fills", ledger["fills"], wanted.kills),
            equal("fills in the journal", len(soak.journaled_fills()), ledger["fills"]),
            below("difference of gain or loss to the exchange's books ($)",
                  round(abs(summary["pnl_marked_usd"] - equity_micro(soak, summary, ledger) / 1e6), 6), 0.01),
        ]
        return soak.report()


if __name__ == "__main__":
    sys.exit(main())
