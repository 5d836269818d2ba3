"""How many events of each kind came: of those that we know by the name of their class, of the others by the venue's word for them.

One a feed, written by its thread; any thread may read. Bounded, because the venue's words come from outside.
"""

from __future__ import annotations

from collections import Counter

from trader.venues.contract import Ignored

MOST_NAMES = 100         # further ones are counted together
MOST_CHARACTERS = 40     # of a name
OTHERS = "others"


class EventCounts:
    def __init__(self) -> None:
        self._counts = Counter[str]()

    def add(self, event: object) -> None:
        self.add_name(event.name if isinstance(event, Ignored) else type(event).__name__)

    def add_name(self, name: str) -> None:
        name = name[:MOST_CHARACTERS]
        self._counts[name if name in self._counts or len(self._counts) < MOST_NAMES else OTHERS] += 1

    def by_name(self) -> dict[str, int]:
        return dict(self._counts.copy())
