"""Finds markets: the whole listing again and again, and one event at once when the stream tells of it. The role `fl-lifecycle`.

Thread: its own; it waits in HTTP requests, each with a deadline, one page a cycle, and otherwise parks in the queue of events to look
up. Fed by the connections; what it finds goes to the keeper, page by page, so that the first markets do not wait for the last page.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from trader.errors import ConnectionLost, WireError
from trader.fleet.letters import Discovered, Letter, ScanDone
from trader.fleet.settings import FleetSettings
from trader.model.units import MICRO, MoneyMicro
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import CONNECTING_LIMIT_MS, CYCLE_LIMIT_MS, Posture
from trader.venues.contract import Catalogue, CatalogueQuery, ListedMarket

log = logging.getLogger(__name__)

REQUEST_MS = CONNECTING_LIMIT_MS + 11_000    # one request: a name that is not resolved, its deadline and a second
REMEMBERED = 4096            # events that were looked up: each connection tells of the same one
_MS_PER_H = 3_600_000


class Scan(NamedTuple):
    """A listing that is being read. `seen`: condition ids so far."""

    began_ns: int
    pages: Iterator[list[ListedMarket]]
    seen: set[str]


class Lifecycle:
    name = "fl-lifecycle"

    def __init__(self, settings: FleetSettings, catalogue: Catalogue, letters: Callable[[Letter], None], clock: Clock) -> None:
        self._settings, self._catalogue, self._letters, self._clock = settings, catalogue, letters, clock
        self.posture = Posture(clock)
        self._born: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._looked_up: dict[str, None] = {}
        self._backoff = Backoff()
        self._due_ns = clock.monotonic_ns()
        self._scan: Scan | None = None
        self.scanned_ns: int | None = None           # when the last complete listing began
        self.scans = self.failures = self.lookups = self.listed = 0
        self.trouble = ""                            # why the last listing failed

    def born(self, event_slug: str) -> None:
        """Any thread: the stream tells of a new market of this event."""
        self._born.put(event_slug)

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if self._scan is None and now_ns >= self._due_ns:
            self._scan = Scan(now_ns, self._catalogue.pages(query_of(self._settings, self._clock.wall_ms())), set())
        park_s = min(CYCLE_LIMIT_MS / 1000, (self._due_ns - now_ns) / 1e9) if self._scan is None else 0.0
        if self._scan is not None:
            self._read_page(self._scan)
        with contextlib.suppress(queue.Empty):
            self._look_up(self._born.get(timeout=park_s))

    def on_stop(self) -> None:
        self._catalogue.close()

    def stats(self) -> dict[str, Any]:
        return {"scans": self.scans, "failures": self.failures, "lookups": self.lookups, "listed": self.listed, "trouble": self.trouble}

    def _read_page(self, scan: Scan) -> None:
        self.posture.declare("listing", REQUEST_MS)
        try:
            page = next(scan.pages, None)
        except (ConnectionLost, WireError) as why:
            self._scan = None
            self._failed(str(why))
            return
        if page is None:
            self._scan = None
            self._scanned(scan)
        elif page:
            scan.seen.update(market.condition_id for market in page)
            self._letters(Discovered(tuple(page)))

    def _scanned(self, scan: Scan) -> None:
        """Only a listing that was read to its end tells what is missing."""
        self._letters(ScanDone(frozenset(scan.seen), scan.began_ns))
        if not scan.seen and (self.listed or not self.scans):
            log.warning("lifecycle: no market of the listing fits; check fleet.tags, series, min_volume and ends_within_h")
        self.scans += 1
        self.listed, self.scanned_ns, self.trouble = len(scan.seen), scan.began_ns, ""
        self._backoff.reset()
        once = not self._settings.enable_lifecycle
        self._due_ns = scan.began_ns + (10**18 if once else int(self._settings.discovery_s * 1e9))

    def _look_up(self, slug: str) -> None:
        if slug in self._looked_up or not self._settings.enable_lifecycle:
            return
        self._looked_up[slug] = None
        while len(self._looked_up) > REMEMBERED:
            del self._looked_up[next(iter(self._looked_up))]
        self.posture.declare("looking up an event", REQUEST_MS)
        query = query_of(self._settings, self._clock.wall_ms())
        try:
            markets = [market for market in self._catalogue.event(slug) if query.fits(market)]
        except (ConnectionLost, WireError) as why:
            log.info("lifecycle: event %s is found by the next listing instead: %s", slug, why)
            return
        self.lookups += 1
        if markets:
            self._letters(Discovered(tuple(markets)))

    def _failed(self, why: str) -> None:
        self.failures += 1
        self.trouble = why
        pause_s = min(self._backoff.next_s(), self._settings.discovery_s)
        self._due_ns = self._clock.monotonic_ns() + int(pause_s * 1e9)
        log.warning("lifecycle: the listing failed: %s Next attempt in %.1f s", why, pause_s)


def query_of(settings: FleetSettings, wall_ms: int) -> CatalogueQuery:
    within_ms = int(settings.ends_within_h * _MS_PER_H)
    return CatalogueQuery(_words(settings.tags), _words(settings.series), MoneyMicro(int(settings.min_volume * MICRO)), wall_ms,
                          wall_ms + within_ms if within_ms else None)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
