"""How a run's memory, threads and descriptors are judged."""

import pytest

from tools.soak.steady import Look, memory_checks, slope_mb_h

MINUTE = [Look(second, 60.0, 30, 40) for second in range(60)]


def failed(looks, slope=1.0, growth=0.0, limit=80.0):
    return [check.name for check in memory_checks(looks, slope, growth, limit) if not check.passed]


def rising(mb_h):
    return [look._replace(resident_mb=60 + look.at_s * mb_h / 3600) for look in MINUTE]


@pytest.mark.parametrize("mb_h", [-3.0, 0.0, 0.5, 7.0])
def test_the_slope_of_a_straight_line_is_its_own(mb_h):
    assert slope_mb_h(rising(mb_h)) == pytest.approx(mb_h)


def test_a_process_that_stays_as_it_is_passes():
    assert failed(MINUTE) == failed(MINUTE, growth=0.1) == []


def test_a_slow_leak_fails_by_its_slope_and_a_fast_one_within_a_minute():
    assert failed(rising(1.1)) == ["slope of resident memory (MB/h)"]
    assert failed(rising(300), growth=4.0) == []
    assert failed(rising(600), growth=4.0) == ["resident memory, last quarter above the first (MB)"]


def test_one_look_at_a_peak_is_no_growth_but_counts_against_the_limit():
    peak = [*MINUTE[:-1], MINUTE[-1]._replace(resident_mb=81.0)]
    assert failed(peak, growth=4.0) == ["resident memory (MB)"]


def test_a_thread_or_a_few_descriptors_more_at_the_end_fail():
    assert failed([*MINUTE[:-1], MINUTE[-1]._replace(threads=31)]) == ["threads, first and last quarter"]
    assert failed([*MINUTE[:-1], MINUTE[-1]._replace(descriptors=43)]) == ["descriptors, last quarter above the first"]
