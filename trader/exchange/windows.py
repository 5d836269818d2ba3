"""The series of windows: which market opens when, under which ids. Pure and deterministic in (seed, number).

Window 0 opens at process start, floored to the second; the others follow back to back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo

from trader.exchange.orders import MarketSpec, Outcome

SERIES_SLUG, SERIES_ID = "btc-up-or-down-hourly", "10114"
HOUR_MS = 3_600_000
LISTED_AHEAD = 3                # windows after the current one that already accept orders
STALE = -1                      # number of the window of a year ago
FIRST_QUESTION = 1_000_000      # numbers of catalogued markets begin here

_NEW_YORK = ZoneInfo("America/New_York")
_FIRST_GAMMA_ID = 5_000_000


class Window(NamedTuple):
    """One market of the series. Times are wall milliseconds; `closes_ms` is when it stops trading and is decided."""

    number: int
    opens_ms: int
    closes_ms: int
    listed_ms: int
    spec: MarketSpec
    slug: str
    question: str
    is_hourly: bool = True      # False: one of the catalogue, with a life of its own

    @property
    def label_order(self) -> tuple[Outcome, Outcome]:
        """Gamma names Down first in every second window: whoever trusts the position instead of the label finds out."""
        return (Outcome.YES, Outcome.NO) if self.number % 2 == 0 else (Outcome.NO, Outcome.YES)


class Series:
    """Knows every window, past and future."""

    def __init__(self, *, seed: int, origin_ms: int, speed: float, protocol: str) -> None:
        self.window_ms = max(1, round(HOUR_MS / speed))
        self._seed, self._origin_ms, self._protocol = seed, origin_ms, protocol

    def window(self, number: int, listed_ms: int) -> Window:
        opens_ms = self._origin_ms + number * self.window_ms
        closes_ms = opens_ms + self.window_ms
        return Window(number, opens_ms, closes_ms, listed_ms, self._spec(number), self._slug(opens_ms), _question(opens_ms))

    def stale(self) -> Window:
        """Last year's window of this hour: its slug has no year, it is over, and Gamma still says that it is open."""
        last_year = self.window(STALE, 0)
        opens_ms = self._origin_ms // HOUR_MS * HOUR_MS - 365 * 24 * HOUR_MS
        start = datetime.fromtimestamp(opens_ms / 1000, _NEW_YORK)
        slug = f"bitcoin-up-or-down-{start:%B}-{start.day}-{start.hour % 12 or 12}{start:%p}-et".lower()
        return last_year._replace(opens_ms=opens_ms, closes_ms=opens_ms + HOUR_MS, listed_ms=opens_ms - 48 * HOUR_MS, slug=slug,
                                  question=_question(opens_ms))

    def question(self, number: int, listed_ms: int, closes_ms: int | None) -> Window:
        """One of the catalogue. What never ends closes in a year."""
        number += FIRST_QUESTION
        spec = self._spec(number)._replace(outcome_names=("Yes", "No"))
        slug = f"will-event-{number}-happen-{self._seed}"
        closes_ms = closes_ms or listed_ms + 365 * 24 * HOUR_MS
        return Window(number, listed_ms, closes_ms, listed_ms, spec, slug, f"Will event {number} happen?", is_hourly=False)

    def _spec(self, number: int) -> MarketSpec:
        digest = sha256(f"window {self._seed} {number} {self._origin_ms}".encode()).digest()
        gamma_id = str(_FIRST_GAMMA_ID + number)
        if self._protocol == "v1":
            tokens = tuple(str(int.from_bytes(sha256(digest + bytes([outcome])).digest(), "big")) for outcome in Outcome)
            return MarketSpec("0x" + digest.hex(), (tokens[0], tokens[1]), "v1", gamma_id)
        condition = b"\x01" + digest[:16] + bytes(15)       # position ids are the condition with the outcome in its last byte
        position_id = int.from_bytes(condition, "big")
        return MarketSpec("0x" + condition.hex(), (str(position_id), str(position_id + 1)), "v2", gamma_id)

    def _slug(self, opens_ms: int) -> str:
        """The live venue's name, from the hour in New York; shorter windows share an hour, so they add their start."""
        start = datetime.fromtimestamp(opens_ms / 1000, _NEW_YORK)
        name = f"bitcoin-up-or-down-{start:%B}-{start.day}-{start.year}-{start.hour % 12 or 12}{start:%p}-et".lower()
        return name if self.window_ms == HOUR_MS else f"{name}-{opens_ms // 1000}"


def _question(opens_ms: int) -> str:
    start = datetime.fromtimestamp(opens_ms / 1000, _NEW_YORK)
    return f"Bitcoin Up or Down - {start:%B} {start.day}, {start.hour % 12 or 12}:{start:%M:%S}{start:%p} ET"


def iso_utc(wall_ms: int) -> str:
    """Whole seconds where they are whole, as Gamma writes them."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{wall_ms % 1000:03d}Z" if wall_ms % 1000 else "Z")
