"""Ticks on an absolute grid."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trader.runtime.pacer import Pacer
from trader.testing.manual_clock import ManualClock

PERIOD_MS = 50
PERIOD_NS = PERIOD_MS * 1_000_000
START_NS = 7_000_000


def paced():
    clock = ManualClock(START_NS)
    return clock, Pacer(clock, PERIOD_NS)


def test_the_first_tick_is_due_one_period_after_the_start_and_not_before():
    clock, pacer = paced()
    clock.advance(ms=PERIOD_MS - 1)
    assert not pacer.due()
    clock.advance(ms=1)
    assert pacer.due()


def test_a_tick_fires_once():
    clock, pacer = paced()
    clock.advance(ms=PERIOD_MS)
    assert [pacer.due(), pacer.due()] == [True, False]


def test_a_late_pacer_fires_once_and_counts_the_ticks_it_skipped():
    clock, pacer = paced()
    clock.advance(ms=PERIOD_MS + 3 * PERIOD_MS + PERIOD_MS // 2)
    assert [pacer.due() for _ in range(5)] == [True, False, False, False, False]
    assert (pacer.ticks, pacer.skipped) == (1, 3)


def test_after_a_late_tick_the_next_one_is_on_the_old_grid():
    clock, pacer = paced()
    clock.advance(ms=PERIOD_MS + 20)
    assert pacer.due()
    assert pacer.wait_s() == 0.03


def test_the_wait_is_zero_when_a_tick_is_due_already():
    clock, pacer = paced()
    clock.advance(ms=3 * PERIOD_MS)
    assert pacer.wait_s() == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=60))
def test_the_grid_never_drifts_and_every_period_is_a_tick_or_a_skip(steps_ms):
    clock, pacer = paced()
    for step_ms in steps_ms:
        clock.advance(ms=step_ms)
        pacer.due()
        elapsed_ns = clock.monotonic_ns() - START_NS
        assert pacer.ticks + pacer.skipped == elapsed_ns // PERIOD_NS
        assert round(pacer.wait_s() * 1e9) == PERIOD_NS - elapsed_ns % PERIOD_NS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 49), min_size=1, max_size=100))
def test_asked_more_often_than_it_ticks_it_never_bunches_nor_skips(steps_ms):
    clock, pacer = paced()
    fired_ms = []
    for step_ms in steps_ms:
        clock.advance(ms=step_ms)
        if pacer.due():
            fired_ms.append((clock.monotonic_ns() - START_NS) // 1_000_000)
    assert pacer.skipped == 0
    assert [at // PERIOD_MS for at in fired_ms] == list(range(1, len(fired_ms) + 1))
