"""The two clocks, and that the manual one is a clock too."""

from __future__ import annotations

from trader.runtime.clock import SystemClock
from trader.testing.manual_clock import ManualClock

YEAR_2020_MS, YEAR_2100_MS = 1_577_836_800_000, 4_102_444_800_000


def test_the_system_clock_reads_integers_and_never_goes_back():
    clock = SystemClock()
    readings = [clock.monotonic_ns() for _ in range(100)]
    assert readings == sorted(readings)
    assert all(type(reading) is int for reading in readings)


def test_wall_time_is_epoch_milliseconds():
    assert YEAR_2020_MS < SystemClock().wall_ms() < YEAR_2100_MS


def test_a_manual_clock_moves_only_when_moved_and_both_hands_together():
    clock = ManualClock(start_ns=5_000_000, wall_start_ms=1_000)
    assert (clock.monotonic_ns(), clock.wall_ms()) == (5_000_000, 1_000)
    clock.advance(ms=7)
    assert (clock.monotonic_ns(), clock.wall_ms()) == (12_000_000, 1_007)
