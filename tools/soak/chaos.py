"""Every fault that the exchange knows, one after the other at random, over many windows; in the end the desk's books are the exchange's.

    .venv/bin/python -m tools.soak.chaos [--windows 20] [--speed 120] [--every 3] [--seed 1]

Judged from outside: no order in a closed market, none for long while its book could not be heard of (unless cancels were made to fail
at the same time), no fill lost or invented, inventory and money equal, nothing unknown and nothing open at the end.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import Any

import httpx

from tools.soak.harness import Soak, at_least, equal, options, soaking
from trader.exchange.fault_kinds import KINDS, STREAMS, Kind
from trader.testing.exchange_audit import ExchangeAudit, Exposure, Interval

MADE_TO_FAIL = frozenset({       # what some fault breaks by its nature
    "orders that a close found open", "orders sent to a closed market", "windows without a quote",
})
PROOF_S = 15.0                   # what the last faults left unknown is asked about for ten seconds
BLIND_MS = 3_000                 # until an order must be gone whose book cannot be heard of: stale after 0.5-1.5 s, then the cancel
LASTING: dict[Kind, tuple[int, int]] = {        # kinds that are on for a while, in milliseconds
    Kind.FREEZE: (500, 8_000), Kind.DELAY: (500, 3_000), Kind.SLOW: (500, 4_000), Kind.TOO_EARLY: (300, 3_000),
    Kind.RATE_LIMITED: (300, 3_000), Kind.UNAUTHORIZED: (300, 2_000), Kind.FORBIDDEN: (300, 2_000), Kind.SERVER_ERROR: (300, 3_000),
    Kind.UNAVAILABLE: (300, 3_000), Kind.LAGGING_READS: (1_000, 4_000), Kind.EMPTY_READS: (1_000, 4_000), Kind.CLOCK_SKEW: (300, 2_000),
    Kind.NO_NEXT_WINDOW: (1_000, 10_000),
}
CHOICES: dict[str, list[Any]] = {"pong": [True, False], "mode": ["disabled", "cancel_only", "post_only"], "delay_ms": [100, 800, 3_000],
                                 "retry_after_s": [1], "tick": ["0.001", "0.01"]}


def draw(dice: random.Random) -> dict[str, Any]:
    """One fault, as the exchange wants it ordered."""
    kind = dice.choice(list(Kind))
    rule = KINDS[kind]
    fault: dict[str, Any] = {"kind": kind, "channel": dice.choice(sorted(rule.channels))}
    fault |= {name: dice.choice(CHOICES[name]) for name in rule.takes if name in CHOICES}
    if kind in LASTING:
        fault["for_ms"] = dice.randint(*LASTING[kind])
    elif rule.channels <= STREAMS and kind not in (Kind.DISCONNECT, Kind.RESET):
        fault["times"] = dice.randint(1, 5)
    return fault


def play(soak: Soak, dice: random.Random, seconds: float, every_s: float) -> Counter[str]:
    ordered: Counter[str] = Counter()
    while seconds > 0 and soak.desk.process.poll() is None:
        fault = draw(dice)
        httpx.post(f"{soak.exchange.rest_url}/control/faults", json=fault).raise_for_status()
        ordered[fault["kind"]] += 1
        pause_s = dice.uniform(0.5, 2 * every_s - 0.5)
        seconds -= pause_s
        soak.say(", ".join(f"{name} {value}" for name, value in fault.items()))
        for _ in soak.steps(pause_s):
            pass
    httpx.delete(f"{soak.exchange.rest_url}/control/faults").raise_for_status()
    return ordered


def unexcused(audit: ExchangeAudit) -> list[Exposure]:
    """Orders that lived on although their book could not be heard of, and no fault kept the cancel from working."""
    excuses = [Interval(row["from_ms"] - BLIND_MS, (row["to_ms"] or audit.now_ms) + BLIND_MS)
               for row in audit.faults if row["channel"] == "rest"]
    return [found for found in audit.live_while_blind(grace_ms=BLIND_MS)
            if not any(found.during.overlap_ms(excuse) for excuse in excuses)]


def main() -> int:
    wanted = options(__doc__, windows=20, speed=120.0, every=3.0, seed=1)
    dice = random.Random(wanted.seed)
    with soaking("chaos", speed=wanted.speed, seed=wanted.seed) as soak:
        ordered = play(soak, dice, wanted.windows * soak.exchange.window_ms / 1000, wanted.every)
        for _ in soak.steps(PROOF_S):
            pass
        unknown = [order for order in soak.desk.status()["quotes"] if order["state"] == "UNKNOWN"]
        _, audit = soak.end(apart_from=MADE_TO_FAIL, streams=False)
        soak.facts["faults"] = dict(ordered)
        soak.checks += [
            at_least("kinds of fault", len(ordered), min(len(Kind), 3 * wanted.windows) / 2),
            at_least("windows", len(soak.windows), wanted.windows),
            equal("orders that lived on while their book was unheard of", unexcused(audit), []),
            equal("orders that are still unknown", unknown, []),
        ]
        return soak.report()


if __name__ == "__main__":
    sys.exit(main())
