"""Markets that move together have their books in one worker, so that one handler sees them all. Owned by the thread `fl-keeper`; a dry
run has its own.

The markets of one event are such a group. `fleet.link_groups` joins more: btc-up-or-down-hourly+btc-up-or-down-15m, … each part
the slug of a market, an event or a series.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from trader.errors import ConfigError
from trader.venues.contract import ListedMarket


class LinkGroups:
    def __init__(self, text: str = "") -> None:
        """Raises ConfigError when a slug is in two groups."""
        self._group_of: dict[str, str] = {}
        for group, slugs in _groups(text):
            for slug in slugs:
                if self._group_of.setdefault(slug, group) != group:
                    raise ConfigError(f"fleet.link_groups has {slug!r} in {self._group_of[slug]!r} and in {group!r}.",
                                      remedy="Join the two groups with +, or take it out of one.")
        self._unmet = set(self._group_of)

    def of(self, market: ListedMarket) -> str:
        """The first that is named of market, event and series; else the event; a market without one is a group of its own."""
        self._unmet.difference_update((market.slug, market.event, market.series))
        named = (self._group_of[slug] for slug in (market.slug, market.event, market.series) if slug in self._group_of)
        return next(chain(named, filter(None, (market.event, market.condition_id))))

    def take_unmet(self) -> list[str]:
        """Slugs that no market has had so far; each is told once. It may be one that is yet to come, or a slip of the pen."""
        unmet, self._unmet = sorted(self._unmet), set()
        return unmet


def _groups(text: str) -> Iterator[tuple[str, list[str]]]:
    for group in text.split(","):
        if slugs := [slug.strip() for slug in group.split("+") if slug.strip()]:
            yield "+".join(slugs), slugs
