from __future__ import annotations

from trader.runtime.clock import SystemClock
from trader.runtime.pause import pause


def test_a_pause_lasts_at_least_as_long_as_it_says() -> None:
    before_ns = SystemClock().monotonic_ns()
    pause(0.005)
    assert SystemClock().monotonic_ns() - before_ns >= 5_000_000
