"""Thread `markets`: finds the windows of a series (or one event), and switches everybody from one to the next.

Fed by the venue's discovery; read through the live-market cache (everyone), the feeds' orders, and the executor's inbox.
A window that cannot be found is asked for again and said so; it never ends the program.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trader.errors import ConnectionLost, WireError
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.orders import FeedOrders, Subscription
from trader.markets.resolution import Resolutions
from trader.markets.schedule import ANSWER_LIMIT_MS, AskSchedule, Reminder
from trader.markets.selection import Sighting, learn, listing_of, next_switch_ms, select
from trader.markets.settings import MarketSettings
from trader.model.event import MarketChange, MarketResolved
from trader.model.market import LiveMarket, Market
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import CYCLE_LIMIT_MS, Posture
from trader.venues.contract import Discovery, Listing

log = logging.getLogger(__name__)

_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 30.0
_NOTHING = LiveMarket(None, None)


class MarketStats(NamedTuple):
    asked: int           # listings asked for
    failed: int          # of these: no answer, or one that could not be read
    switches: int        # changes of the live window, to none included


class MarketsRole:
    """All state belongs to the markets thread; `stats` may be read by any."""

    name = "markets"

    def __init__(self, settings: MarketSettings, discovery: Discovery, *, live: SnapshotCache[LiveMarket],
                 feeds: tuple[FeedOrders, ...], inbox: ExecutorInbox, clock: Clock, on_finished: Callable[[], None],
                 parked: threading.Event | None = None, undecided: Sequence[Market] = ()) -> None:
        """`on_finished` is called once, on the markets thread, when the one event that is traded has closed. `undecided`: windows of
        earlier runs whose outcome is still to be asked for."""
        self._settings, self._discovery = settings, discovery
        self._live, self._feeds, self._inbox = live, feeds, inbox
        self._clock, self._on_finished = clock, on_finished
        self.posture = Posture(clock)
        self._parked = parked or threading.Event()       # never set, unless by a test that moves the clock itself
        self._schedule = AskSchedule(settings.discovery_s, Backoff(_RETRY_MIN_S, _RETRY_MAX_S))
        self._missing, self._unanswered = Reminder(), Reminder()
        self._known: tuple[Sighting, ...] = ()
        self._resolutions = Resolutions()
        for market in undecided:
            self._resolutions.add(market, clock.monotonic_ns())
        self._chosen = _NOTHING
        self._ends_ms: int | None = None         # of one event: its close
        self._finished = False
        self.stats = MarketStats(0, 0, 0)

    def on_start(self) -> None:
        self._live.publish(self._chosen)

    def do_work(self) -> None:
        """One cycle: parks until the next switch or for 250 ms, switches, then asks the venue if that is due."""
        self._parked.wait(self._park_s())
        self._choose()
        if self._ask_due():
            self._ask()
        self._resolve_one()
        self._finish_if_over()

    def on_stop(self) -> None:
        self._discovery.close()

    # --- choosing -------------------------------------------------------------------------------------------------

    def _park_s(self) -> float:
        """Until the next switch, so that it happens at its moment; short steps, so that stop and a stepped clock are seen."""
        switch_in_ms = self._switch_in_ms()
        if self.stats.asked == 0:
            return 0
        return min(CYCLE_LIMIT_MS, CYCLE_LIMIT_MS if switch_in_ms is None else max(0, switch_in_ms)) / 1000

    def _switch_in_ms(self) -> int | None:
        switch_ms = next_switch_ms(self._chosen)
        return None if switch_ms is None else switch_ms - self._clock.wall_ms()

    def _choose(self) -> None:
        before = self._chosen
        chosen = select(self._known, self._clock.wall_ms(), _id(before.now))
        if chosen == before:
            return
        self._chosen = chosen
        # The executor first: what is open in the old window is on its way out before anybody looks at the new one.
        if _id(chosen.now) != _id(before.now):
            self._switch(chosen.now)
            if before.now is not None:
                self._resolutions.add(before.now, self._clock.monotonic_ns())
        self._live.publish(chosen)
        if (_id(chosen.now), _id(chosen.next)) != (_id(before.now), _id(before.next)):
            self._subscribe(chosen)

    def _switch(self, market: Market | None) -> None:
        self.stats = self.stats._replace(switches=self.stats.switches + 1)
        self._inbox.put(MarketChange(market))
        log.info("live window: %s", market.slug if market else "none, the desk stays flat")

    def _subscribe(self, chosen: LiveMarket) -> None:
        ahead = () if chosen.next is None else (chosen.next,)
        for feed in self._feeds:
            feed.put(Subscription(chosen.now, ahead))

    # --- asking the venue -----------------------------------------------------------------------------------------

    def _ask_due(self) -> bool:
        return not self._finished and self._schedule.due(
            self._chosen, self._complete(), self._switch_in_ms(), self._clock.monotonic_ns())

    def _complete(self) -> bool:
        """Everything is known that may be: of a series the live and the next window, of an event itself."""
        now, coming = self._chosen
        return (now or coming) is not None if self._settings.is_one_event else None not in (now, coming)

    def _ask(self) -> None:
        self.posture.declare("discovering", ANSWER_LIMIT_MS)
        self.stats = self.stats._replace(asked=self.stats.asked + 1)
        try:
            listing = listing_of(self._settings, self._discovery, self._clock.wall_ms())
        except (ConnectionLost, WireError) as error:
            self._say_unanswered(error)
            return
        finally:
            self.posture.declare("cycle")
        now_ns = self._clock.monotonic_ns()
        self._schedule.answered(now_ns)
        if self._unanswered.over():
            log.info("market discovery answers again")
        self._take(listing)
        self._choose()
        self._say_missing(now_ns)

    def _take(self, listing: Listing) -> None:
        now_ms = self._clock.wall_ms()
        if self._settings.is_one_event and (listing.open or listing.ended):
            self._ends_ms = now_ms if listing.ended else listing.open[0].close_ms
        self._known = learn(self._known, listing, now_ms)

    def _finish_if_over(self) -> None:
        over = self._ends_ms is not None and self._clock.wall_ms() >= self._ends_ms
        if over and not self._finished:
            self._finished = True
            log.info("%s has closed: there is nothing more to trade", self._settings.wanted)
            self._on_finished()

    # --- outcomes -------------------------------------------------------------------------------------------------

    def _resolve_one(self) -> None:
        """Asks how one closed window ended, unless a switch is near: an answer that takes its whole deadline would delay it."""
        market, switch_in_ms = self._resolutions.due(self._clock.monotonic_ns()), self._switch_in_ms()
        if market is None or (switch_in_ms is not None and switch_in_ms < ANSWER_LIMIT_MS):
            return
        self.posture.declare("asking for an outcome", ANSWER_LIMIT_MS)
        try:
            winning_token = self._discovery.winner(market)
        except (ConnectionLost, WireError) as error:
            log.debug("no outcome of %s: %s", market.slug, error)
            winning_token = None
        self.posture.declare("cycle")
        if winning_token is not None:
            self._resolutions.known(market)
            self._inbox.put(MarketResolved(market.condition_id, winning_token))
        elif not self._resolutions.unknown(market, self._clock.monotonic_ns()):
            log.warning("%s has no outcome after two days; look at the venue's own page.", market.slug)

    # --- words ----------------------------------------------------------------------------------------------------

    def _say_unanswered(self, error: ConnectionLost | WireError) -> None:
        self.stats = self.stats._replace(failed=self.stats.failed + 1)
        now_ns = self._clock.monotonic_ns()
        wait_s = self._schedule.failed(now_ns)
        if self._unanswered.due(now_ns):
            log.warning("market discovery failed, next attempt in %.1f s: %s", wait_s, error)

    def _say_missing(self, now_ns: int) -> None:
        wanted = self._settings.wanted
        if self._complete():
            if self._missing.over():
                log.info("%s: live and next window are known again", wanted)
        elif self._missing.due(now_ns):
            log.warning("%s: %s; asked again every %g s. If this lasts, check it against the venue's page: market.series_id, slug, "
                        "condition_id.", wanted, absence_text(self._chosen), self._settings.discovery_s)


def absence_text(chosen: LiveMarket) -> str:
    """What is not known, and what follows from it."""
    if chosen.now is not None:
        return f"the window after {chosen.now.slug} is not listed yet"
    until = "" if chosen.next is None else f" before {chosen.next.slug}"
    return f"no window is open{until}, the desk stays flat"


def _id(market: Market | None) -> str | None:
    return None if market is None else market.condition_id
