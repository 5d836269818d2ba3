"""Which window is live and which comes next. Pure but for the question to the venue; called on the `markets` thread.

Fed with what discovery listed and the wall time; windows are keyed by condition id and UTC milliseconds, never by slug.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trader.markets.settings import MarketSettings
from trader.model.market import LiveMarket, Market
from trader.venues.contract import Discovery, Listing

_GONE_AFTER = 2      # listings in a row without a window that they should show; one alone may be a hiccup


def listing_of(wanted: MarketSettings, discovery: Discovery, now_ms: int) -> Listing:
    """Asks the venue for what the settings name. Blocks; raises what `discovery` raises."""
    if wanted.condition_id:
        return discovery.by_condition_id(wanted.condition_id)
    return discovery.by_slug(wanted.slug, now_ms) if wanted.slug else discovery.windows(wanted.series_id, now_ms)


class Sighting(NamedTuple):
    """A window that was listed, and how many listings in a row have left it out since."""

    market: Market
    absences: int = 0


def learn(known: Sequence[Sighting], listing: Listing, now_ms: int) -> tuple[Sighting, ...]:
    """What is known after one more listing: the newest version of each window that has not closed, by open time.

    One that is said to take no orders is not tradable, and one that is left out twice while later ones are listed neither,
    whatever its close time says. An empty or short listing says nothing about windows beyond its end.
    """
    named = {m.condition_id for m in listing.open} | listing.shut
    listed_until_ms = max((m.close_ms for m in listing.open), default=0)
    missed = [
        s._replace(absences=s.absences + 1) if s.market.close_ms <= listed_until_ms else s
        for s in known if s.market.condition_id not in named
    ]
    found = [Sighting(m) for m in {m.condition_id: m for m in listing.open}.values()]
    kept = [s for s in (*missed, *found) if s.absences < _GONE_AFTER and s.market.close_ms > now_ms]
    return tuple(sorted(kept, key=lambda s: (s.market.open_ms, s.market.close_ms, s.market.condition_id)))


def select(known: Sequence[Sighting], now_ms: int, live_id: str | None) -> LiveMarket:
    """The window that is open (`open_ms <= now_ms < close_ms`), and the first one to open of those that close later.

    Where windows overlap, the one that is live stays so until it closes; else the one that closes first is taken.
    """
    windows = [s.market for s in known]
    open_now = [m for m in windows if m.open_ms <= now_ms < m.close_ms]
    live = min(open_now, key=lambda m: (m.condition_id != live_id, m.close_ms), default=None)
    later = [m for m in windows if m.close_ms > (now_ms if live is None else live.close_ms)]
    coming = min((m for m in later if m is not live), key=lambda m: (m.open_ms, m.close_ms), default=None)
    return LiveMarket(live, coming)


def next_switch_ms(chosen: LiveMarket) -> int | None:
    """Wall time at which the choice is due to change. None: nothing is known to come."""
    if chosen.now is not None:
        return chosen.now.close_ms
    return None if chosen.next is None else chosen.next.open_ms
