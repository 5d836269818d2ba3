"""A connection is lost every 20 s, in every way and on every stream in turn; in the end desk and exchange agree on everything.

    .venv/bin/python -m tools.soak.disconnects [--for 600] [--every 20] [--speed 12]
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from typing import Any, NamedTuple

from tools.soak.harness import Soak, at_least, equal, options, soaking
from trader.testing.exchange_faults import exchange_fault

CHANNELS = {"market": "pm-book", "user": "pm-user", "binance": "bn-ticker"}
LOSSES: tuple[dict[str, Any], ...] = (
    {"kind": "disconnect"},
    {"kind": "reset"},
    {"kind": "freeze", "for_ms": 4_000, "pong": False},      # beyond the patience of the book and the reference
    {"kind": "freeze", "for_ms": 8_000, "pong": True},       # … of the freeze watch
)
MUTE_MS = 2_000          # no answer to our PING: found in 1.5 s, cancelled in the rest
SILENT_MS = 6_500        # … although it is answered: in 6 s


class Loss(NamedTuple):
    channel: str
    parameters: dict[str, Any]
    strikes: int
    placed: int          # orders that the exchange took from its begin to the next loss
    decided: bool        # the market had only one side then, which the desk does not quote


def play(soak: Soak, seconds: float, every_s: float) -> list[Loss]:
    losses: list[Loss] = []
    for parameters, channel in itertools.cycle(itertools.product(LOSSES, CHANNELS)):
        if seconds < every_s or soak.desk.process.poll() is not None:
            return losses
        seconds -= every_s
        before = soak.wallet.ledger()["placed"]
        with exchange_fault(soak.exchange, channel=channel, **parameters) as fault:
            decided = False
            for _ in soak.steps(every_s):
                decided |= soak.books.is_decided
            losses.append(Loss(channel, parameters, fault.strikes, soak.wallet.ledger()["placed"] - before, decided))
        soak.say(f"{channel} {parameters['kind']}: struck {losses[-1].strikes} times, {losses[-1].placed} orders since")
    return losses


def main() -> int:
    wanted = options(__doc__, **{"for": 600.0, "every": 20.0, "speed": 12.0})
    with soaking("disconnects", speed=wanted.speed, seed=12) as soak:
        losses = play(soak, vars(wanted)["for"], wanted.every)
        summary, audit = soak.end()
        mute = [audit.life(row) for row in audit.faults if row["channel"] == "market" and row["kind"] == "freeze" and not row["pong"]]
        cut = Counter(CHANNELS[loss.channel] for loss in losses if loss.parameters["kind"] != "freeze")
        soak.checks += [
            equal("orders live in a mute market stream", len(audit.exposures(mute, grace_ms=MUTE_MS)), 0),
            equal("orders live in a silent market stream", len(audit.live_while_blind(grace_ms=SILENT_MS)), 0),
            at_least("losses", len(losses), 1),
            equal("losses that were none", [loss for loss in losses if not loss.strikes], []),
            equal("losses after which nothing was quoted", [loss for loss in losses if not loss.placed and not loss.decided], []),
            at_least("losses in a market with two sides", sum(not loss.decided for loss in losses), len(losses) / 3),
            *(at_least(f"connections of {feed}", summary["feeds"][feed]["connects"], 1 + cut[feed]) for feed in CHANNELS.values()),
        ]
        return soak.report()


if __name__ == "__main__":
    sys.exit(main())
