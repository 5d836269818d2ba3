"""Latencies as counts a bucket: what is recent, what is cumulative, and how exact it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.runtime.latency import BOUNDS_NS, LatencyWindow, summary_of

SAMPLES = st.lists(st.integers(1_000, 10**11), min_size=1, max_size=50)


def filled(*samples_ns, recent=4096):
    window = LatencyWindow(recent)
    for sample_ns in samples_ns:
        window.add(sample_ns)
    return window


def test_an_empty_window_is_all_zeroes():
    assert LatencyWindow().summary() == {"count": 0, "p50_us": 0.0, "p99_us": 0.0}
    assert sum(LatencyWindow().histogram().counts) == 0


def test_percentiles_are_in_microseconds():
    summary = filled(*range(1_000, 101_000, 1_000)).summary()
    assert summary["count"] == 100
    assert (summary["p50_us"], summary["p99_us"]) == (pytest.approx(50, rel=0.07), pytest.approx(99, rel=0.07))


def test_the_bounds_rise_by_at_most_15_percent_and_hold_1_2_and_5_of_every_decade():
    assert all(low < high <= 1.15 * low for low, high in pairwise(BOUNDS_NS))
    assert {digit * 10**power for power in range(3, 11) for digit in (1, 2, 5)} <= set(BOUNDS_NS)


def test_a_sample_on_a_bound_belongs_to_the_bucket_that_ends_there():
    assert filled(2_000).histogram().counts[BOUNDS_NS.index(2_000)] == 1


@pytest.mark.parametrize("sample_ns", [-5, 0, 1, 10**15])
def test_a_sample_outside_of_all_bounds_is_counted_at_the_end_that_it_is_beyond(sample_ns):
    window = filled(sample_ns)
    assert window.histogram().counts[0 if sample_ns < 1_000 else -1] == 1
    assert window.summary()["count"] == 1


def test_several_windows_are_summed_up_as_one():
    even, odd = filled(*range(2_000, 101_000, 2_000)), filled(*range(1_000, 101_000, 2_000))
    assert summary_of([even, odd]) == filled(*range(1_000, 101_000, 1_000)).summary()
    assert summary_of([]) == LatencyWindow().summary()


def test_a_summary_forgets_what_is_more_than_a_window_ago_and_the_histogram_does_not():
    window = filled(*[9_000_000] * 10, *[1_000] * 8, recent=8)
    assert window.summary()["p99_us"] <= 1.0
    assert sum(window.histogram().counts) == 18


@given(SAMPLES, st.integers(1, 20))
def test_a_summary_looks_back_at_least_half_a_window_and_at_most_one(samples_ns, recent):
    half, seen = max(1, recent // 2), len(samples_ns)
    assert min(half, seen) <= filled(*samples_ns, recent=recent).summary()["count"] <= min(2 * half, seen)


@settings(max_examples=50, deadline=None)
@given(SAMPLES)
def test_percentiles_are_in_order_and_no_further_from_a_sample_than_its_bucket_is_wide(samples_ns):
    summary = filled(*samples_ns).summary()
    assert 0 < summary["p50_us"] <= summary["p99_us"] <= max(samples_ns) / 1000 * 1.15
    assert summary["p99_us"] >= sorted(samples_ns)[len(samples_ns) * 99 // 100] / 1000 / 1.15


@settings(max_examples=50, deadline=None)
@given(SAMPLES, st.integers(1, 20))
def test_no_sample_is_lost_or_counted_twice_however_often_the_window_turns(samples_ns, recent):
    whole = filled(*samples_ns, recent=recent).histogram()
    assert (sum(whole.counts), whole.sum_ns) == (len(samples_ns), sum(samples_ns))
