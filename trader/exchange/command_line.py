"""The options of `trader exchange`, and what follows from them. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

from trader.exchange.rate_limits import TIERS, Mode
from trader.exchange.whole_numbers import is_whole_number

SLOWEST_SETTLE_MS = 36_000      # the live venue takes 10 to 50 s
MOST_MARKETS, MOST_PORT, MOST_CASH, MOST_DELAY_MS = 20_000, 65_535, 1_000_000_000, 60_000
SETTLE_MS_TIMES_SPEED = 72_000  # 1 s at the speed of the example, and in proportion


class Options(NamedTuple):
    host: str = "127.0.0.1"
    port: int = 0
    ws_port: int = 0
    seed: int = 1
    speed: float = 1.0
    cash: int = 10_000              # dollars
    settle_ms: int | None = None    # None: scaled by speed
    protocol: str = "v1"
    state: str = ""                 # a file; "" keeps nothing
    faults: str = ""                # a file with faults to begin with
    frames_per_s: float = 0.0       # of the running market, on top of what its population makes
    markets: int = 0                # beside the windows of the series
    market_life_s: float = 0.0      # on average; 0 for ever
    market_moves_per_s: float = 0.0
    taker_delay_ms: int = 0
    rate_limits: str = "warn"
    tier: str = "standard"
    tls: str = ""                   # where the authority's certificate is written; "" serves plain

    def settle_delay_ms(self) -> int:
        """From MATCHED to MINED, and again to CONFIRMED."""
        return min(SLOWEST_SETTLE_MS, round(SETTLE_MS_TIMES_SPEED / self.speed)) if self.settle_ms is None else self.settle_ms

    def plain_port(self, port: int) -> int:
        """Where a server itself listens: behind the TLS door it takes any port."""
        return 0 if self.tls else port


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="trader exchange", description="A wire-compatible Polymarket on loopback, with a living market in it.",
        epilog="`trader exchange keys --help`: a wallet with money on an exchange that runs.")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=_whole(MOST_PORT), default=0, help="REST port; 0 picks a free one")
    options.add_argument("--ws-port", type=_whole(MOST_PORT), default=0, help="WebSocket port; 0 picks a free one")
    options.add_argument("--seed", type=int, default=1, help="everything random follows from it")
    options.add_argument("--speed", type=_positive, default=1.0, help="72 makes 50 s windows, with 72 times the variance a second")
    options.add_argument("--cash", type=_whole(MOST_CASH), default=10_000, help="dollars that each new account starts with")
    options.add_argument("--settle-ms", type=_whole(SLOWEST_SETTLE_MS),
                        help="from MATCHED to MINED, and again to CONFIRMED; default 72 s / speed, at most 36 s")
    options.add_argument("--protocol", choices=("v1", "v2"), default="v1", help="v2: position ids and EIP-712 domain 3")
    options.add_argument("--state", default="", metavar="FILE",
                        help="survive a kill: go on from this file, and write to it before every answer")
    options.add_argument("--faults", default="", metavar="FILE", help="faults on order from the start: a JSON array, see docs/exchange.md")
    options.add_argument("--taker-delay-ms", type=_whole(MOST_DELAY_MS), default=0,
                         help="hold orders that would trade at once; the live venue: 150-250")
    options.add_argument("--rate-limits", choices=tuple(Mode), default=Mode.WARN,
                         help="a signer's token buckets: warn answers with headers only, enforce also with 429")
    options.add_argument("--tier", choices=tuple(TIERS), default="standard", help="of the rate limits, for every signer")
    options.add_argument("--tls", nargs="?", const="exchange-ca.pem", default="", metavar="FILE",
                         help="HTTPS and WSS; the certificate to trust is made anew and written here (exchange-ca.pem)")
    options.add_argument("--frames-per-s", type=_rate, default=0.0, metavar="N", help="make the running market louder by N price changes")
    options.add_argument("--markets", type=_whole(MOST_MARKETS), default=0, metavar="N", help="N more markets with a small book each")
    options.add_argument("--market-life-s", type=_rate, default=0.0, metavar="S",
                         help="how long each of them lives on average before it is decided and replaced; 0: for ever")
    options.add_argument("--market-moves-per-s", type=_rate, default=0.0, metavar="N", help="quotes replaced in all of them together")
    options.add_argument("--parent-pipe", action="store_true", help="exit when stdin ends: for a child of the desk")
    options.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="warning")
    return options


def _whole(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not is_whole_number(text) or int(text) > most:
            raise argparse.ArgumentTypeError(f"was {text!r}, must be 0 to {most}")
        return int(text)
    return read


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most 3600, was {text}")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"must be 0 to 100000, was {text}")
    return value
