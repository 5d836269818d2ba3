"""Cyclic garbage is found in small pieces at any time, and whole when nothing is open."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from trader.runtime import garbage
from trader.runtime.garbage import COLLECT_EVERY_NS, QuietCollector, give_back, uncollected
from trader.runtime.process import resident_mb
from trader.testing.manual_clock import ManualClock

MINUTE_MS = COLLECT_EVERY_NS // 1_000_000


class Cycle:
    """Garbage that only a collector finds."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _collector_switched_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def collector(clock: ManualClock, *, flat: bool) -> QuietCollector:
    over = threading.Event()
    over.set()
    return QuietCollector(lambda: flat, clock, over)


def aged() -> weakref.ref[Cycle]:
    """Garbage that was still in use when the young objects were looked through."""
    cycle = Cycle()
    gc.collect(1)
    return weakref.ref(cycle)


def test_young_garbage_goes_once_a_second_although_orders_are_open() -> None:
    clock, found = ManualClock(), []
    looks = collector(clock, flat=False)
    for ms in (999, 1, 999, 1):
        cycle = weakref.ref(Cycle())
        clock.advance(ms=ms)
        looks.do_work()
        found.append(cycle() is None)
    assert found == [False, True, False, True]


def test_garbage_that_grew_old_goes_once_the_desk_is_flat_and_a_minute_has_passed() -> None:
    clock, cycle = ManualClock(), aged()
    looks = collector(clock, flat=True)
    clock.advance(ms=MINUTE_MS - 1)
    looks.do_work()
    assert cycle() is not None
    clock.advance(ms=1)
    looks.do_work()
    assert cycle() is None


def test_what_is_old_is_left_alone_while_orders_may_be_open() -> None:
    clock, cycle = ManualClock(), aged()
    looks = collector(clock, flat=False)
    clock.advance(ms=10 * MINUTE_MS)
    looks.do_work()
    assert cycle() is not None


def test_what_survived_a_whole_pass_is_not_looked_at_again() -> None:
    clock = ManualClock()
    looks, kept = collector(clock, flat=True), [Cycle() for _ in range(1_000)]
    clock.advance(ms=MINUTE_MS)
    looks.do_work()
    assert uncollected() < len(kept) <= gc.get_freeze_count()


def too_many() -> list[list[object]]:
    return [[] for _ in range(garbage.MOST_UNCOLLECTED + 1_000)]


def test_a_desk_that_is_never_flat_does_not_grow_without_end(caplog: pytest.LogCaptureFixture) -> None:
    clock, kept = ManualClock(), too_many()
    looks = collector(clock, flat=False)
    clock.advance(ms=MINUTE_MS)
    looks.do_work()
    assert uncollected() < 1_000 < len(kept)
    assert "runtime.gc: python" in caplog.text


def test_objects_that_came_and_went_are_no_reason_to_look_through_everything(caplog: pytest.LogCaptureFixture) -> None:
    clock, cycle = ManualClock(), aged()
    looks, kept = collector(clock, flat=False), too_many()
    clock.advance(ms=1_000)
    looks.do_work()
    kept.clear()
    clock.advance(ms=MINUTE_MS)
    looks.do_work()
    assert cycle() is not None and not caplog.messages


def test_while_orders_may_be_open_objects_are_not_even_counted_unless_they_can_be_many() -> None:
    """Counting 100,000 takes ten milliseconds, and nothing else runs meanwhile."""
    clock, called = ManualClock(), []
    looks = collector(clock, flat=False)
    clock.advance(ms=MINUTE_MS)
    sys.setprofile(lambda frame, event, what: called.append(what) if event == "c_call" else None)
    try:
        looks.do_work()
    finally:
        sys.setprofile(None)
    assert gc.collect in called and gc.get_objects not in called


def test_a_pass_is_said_with_what_it_found_and_how_long_it_took(caplog: pytest.LogCaptureFixture) -> None:
    clock, cycle = ManualClock(), aged()
    looks = collector(clock, flat=True)
    clock.advance(ms=MINUTE_MS)
    with caplog.at_level(logging.INFO, "trader"):
        looks.do_work()
    message, = caplog.messages
    assert cycle() is None and message.startswith("gc: ") and message.endswith(" objects of garbage, 0.0 ms")


def test_pages_that_the_c_library_holds_free_go_back_to_the_system() -> None:
    blocks = [b"x" * 4_000 + bytes([number % 256]) for number in range(10_000)]
    last = blocks.pop()                      # as long as it lives, the library cannot lower the end of its pool
    full_mb = resident_mb()
    del blocks[:]
    give_back()
    assert last and resident_mb() < full_mb - 30
