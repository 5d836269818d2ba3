"""The window of recent latencies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trader.runtime.latency import LatencyWindow


def filled(*samples_ns):
    window = LatencyWindow()
    for sample_ns in samples_ns:
        window.add(sample_ns)
    return window


def test_an_empty_window_is_all_zeroes():
    assert LatencyWindow().summary() == {"count": 0, "p50_us": 0.0, "p99_us": 0.0}


def test_percentiles_are_in_microseconds():
    assert filled(*range(1_000, 101_000, 1_000)).summary() == {"count": 100, "p50_us": 51.0, "p99_us": 100.0}


def test_only_the_newest_samples_count():
    window = LatencyWindow(size=2)
    for sample_ns in (9_000_000, 1_000, 1_000):
        window.add(sample_ns)
    assert window.summary() == {"count": 2, "p50_us": 1.0, "p99_us": 1.0}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_a_percentile_is_a_sample_and_they_are_in_order(samples_ns):
    summary = filled(*samples_ns).summary()
    assert {summary["p50_us"], summary["p99_us"]} <= {sample_ns / 1000 for sample_ns in samples_ns}
    assert summary["p50_us"] <= summary["p99_us"] <= max(samples_ns) / 1000
