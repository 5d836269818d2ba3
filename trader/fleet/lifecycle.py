"""Finds markets: the whole listing again and again, and one event at once when the stream tells of it. The role `fl-lifecycle`.

Thread: its own; it waits in HTTP requests, each with a deadline, and otherwise parks in the queue of events to look up. Fed by the
connections; what it finds goes to the keeper, page by page, so that the first markets do not wait for the last page.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable
from typing import Any

from trader.errors import ConnectionLost, WireError
from trader.fleet.letters import Discovered, Letter, ScanDone
from trader.fleet.settings import FleetSettings
from trader.model.units import MICRO, MoneyMicro
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import CYCLE_LIMIT_MS, Posture
from trader.venues.contract import Catalogue, CatalogueQuery

log = logging.getLogger(__name__)

REQUEST_MS = 11_000          # the deadline of one request, and a second
REMEMBERED = 4096            # events that were looked up: each connection tells of the same one
_MS_PER_H = 3_600_000


class Lifecycle:
    name = "fl-lifecycle"

    def __init__(self, settings: FleetSettings, catalogue: Catalogue, letters: Callable[[Letter], None], clock: Clock) -> None:
        self._settings, self._catalogue, self._letters, self._clock = settings, catalogue, letters, clock
        self.posture = Posture(clock)
        self._born: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._looked_up: dict[str, None] = {}
        self._backoff = Backoff()
        self._due_ns = clock.monotonic_ns()
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
        if now_ns >= self._due_ns:
            self._scan(now_ns)
            return
        with contextlib.suppress(queue.Empty):
            self._look_up(self._born.get(timeout=min(CYCLE_LIMIT_MS / 1000, (self._due_ns - now_ns) / 1e9)))

    def on_stop(self) -> None:
        self._catalogue.close()

    def stats(self) -> dict[str, Any]:
        return {"scans": self.scans, "failures": self.failures, "lookups": self.lookups, "listed": self.listed, "trouble": self.trouble}

    def _scan(self, now_ns: int) -> None:
        seen: set[str] = set()
        try:
            self.posture.declare("listing", REQUEST_MS)
            for page in self._catalogue.pages(query_of(self._settings, self._clock.wall_ms())):
                seen.update(market.condition_id for market in page)
                if page:
                    self._letters(Discovered(tuple(page)))
                self.posture.declare("listing", REQUEST_MS)      # each page is a request of its own
        except (ConnectionLost, WireError) as why:
            self._failed(str(why))
            return
        self._letters(ScanDone(frozenset(seen), now_ns))         # only a listing that was read to its end tells what is missing
        self.scans += 1
        self.listed, self.scanned_ns, self.trouble = len(seen), now_ns, ""
        self._backoff.reset()
        once = not self._settings.enable_lifecycle
        self._due_ns = now_ns + (10**18 if once else int(self._settings.discovery_s * 1e9))

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
