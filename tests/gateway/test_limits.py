"""The bucket gives its burst at once, its rate after that, and never more."""

from hypothesis import given
from hypothesis import strategies as st

from trader.gateway.limits import TokenBucket
from trader.testing.manual_clock import ManualClock

STEPS = st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 15)), max_size=60)      # (milliseconds later, tokens wanted)


def bucket(rate_per_s=40.0, burst=60, start_ns=1_000):
    clock = ManualClock(start_ns)
    return clock, TokenBucket(clock, rate_per_s, burst)


def test_the_burst_is_there_at_once_and_then_nothing():
    _, tokens = bucket(burst=3)
    assert [tokens.take(1) for _ in range(4)] == [0, 0, 0, 25]


def test_a_refused_request_takes_nothing():
    _, tokens = bucket(burst=3)
    assert tokens.take(2) == 0 and tokens.take(2) > 0
    assert tokens.take(1) == 0


def test_time_refills_it_at_the_rate_and_not_beyond_the_burst():
    clock, tokens = bucket(rate_per_s=10, burst=2)
    tokens.take(2)
    clock.advance(ms=99)
    assert tokens.take(1) == 1
    clock.advance(ms=1)
    assert tokens.take(1) == 0
    clock.advance(ms=60_000)
    assert tokens.take(3) == 0 and tokens.take(1) == 200     # more than the burst: a full bucket owes them


def test_a_batch_beyond_the_burst_waits_for_a_full_bucket_and_is_not_refused_for_ever():
    clock, tokens = bucket(rate_per_s=10, burst=1)
    tokens.take(1)
    assert tokens.take(4) == 100
    clock.advance(ms=100)
    assert tokens.take(4) == 0


@given(st.floats(1, 1000), st.integers(1, 60), STEPS)
def test_never_more_than_the_burst_and_the_rate_since_the_start(rate_per_s, burst, steps):
    clock, tokens = bucket(rate_per_s, burst)
    taken = 0
    for later_ms, wanted in steps:
        clock.advance(ms=later_ms)
        if wanted <= burst and tokens.take(wanted) == 0:
            taken += wanted
    assert taken <= burst + rate_per_s * (clock.monotonic_ns() - 1_000) / 1e9 + 1e-6


@given(st.floats(1, 1000), st.integers(1, 60), STEPS)
def test_after_the_wait_that_it_named_the_tokens_are_there_and_a_millisecond_earlier_they_are_not(rate_per_s, burst, steps):
    clock, tokens = bucket(rate_per_s, burst)
    for later_ms, wanted in steps:
        clock.advance(ms=later_ms)
        wait_ms = tokens.take(wanted)
        if wait_ms:
            clock.advance(ms=wait_ms - 1)
            assert tokens.take(wanted) == 1
            clock.advance(ms=1)
            assert tokens.take(wanted) == 0
