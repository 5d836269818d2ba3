from __future__ import annotations

from trader.feeds.event_counts import MOST_CHARACTERS, MOST_NAMES, OTHERS, EventCounts
from trader.venues.contract import Ignored, Pong


def test_known_events_are_counted_by_their_class_and_others_by_the_venues_word() -> None:
    counts = EventCounts()
    for event in (Pong(), Ignored("new_market"), Pong()):
        counts.add(event)
    assert counts.by_name() == {"Pong": 2, "new_market": 1}


def test_a_venue_that_invents_names_without_end_fills_no_memory() -> None:
    counts = EventCounts()
    for number in range(10_000):
        counts.add(Ignored(f"{number:05}" + "x" * 10_000))
    assert len(counts.by_name()) == MOST_NAMES + 1 and counts.by_name()[OTHERS] == 10_000 - MOST_NAMES
    assert max(map(len, counts.by_name())) == MOST_CHARACTERS
