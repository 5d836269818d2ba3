"""The bucket gives its burst at once, its rate after that, and never more; less when the venue says so."""

from hypothesis import given
from hypothesis import strategies as st

from trader.gateway.limits import AccountLimits, TokenBucket
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import RateNote

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


def test_the_venue_may_know_of_less_and_never_of_more():
    _, tokens = bucket(rate_per_s=10, burst=10)
    tokens.correct(remaining=2, wait_ms=0)
    tokens.correct(remaining=9, wait_ms=0)
    assert [tokens.take(1) for _ in range(3)] == [0, 0, 100]


def test_a_debt_is_paid_before_anything_is_given():
    clock, tokens = bucket(rate_per_s=10, burst=10)
    tokens.correct(remaining=-3, wait_ms=0)
    assert tokens.owed_ms() == 300 and tokens.take(1) == 400
    clock.advance(ms=300)
    assert tokens.owed_ms() == 0 and tokens.take(1) == 100


def test_nothing_is_given_before_the_moment_that_the_venue_names_and_one_token_then():
    clock, tokens = bucket(rate_per_s=10, burst=10)
    tokens.correct(remaining=None, wait_ms=2_000)
    assert tokens.take(1) == 2_000
    clock.advance(ms=2_000)
    assert [tokens.take(1) for _ in range(2)] == [0, 100]


def test_an_answer_that_says_nothing_changes_nothing():
    _, tokens = bucket(burst=3)
    tokens.correct(remaining=None, wait_ms=0)
    assert [tokens.take(1) for _ in range(4)] == [0, 0, 0, 25]


def test_what_had_to_be_sent_is_spent_even_if_it_is_not_there():
    _, tokens = bucket(rate_per_s=10, burst=2)
    tokens.spend(5)
    assert tokens.owed_ms() == 300


@given(st.floats(1, 1000), st.integers(1, 60), STEPS, st.lists(st.tuples(st.integers(-50, 100), st.integers(0, 500)), max_size=60))
def test_a_correction_never_gives_more_than_there_was_without_it(rate_per_s, burst, steps, notes):
    clock, corrected = bucket(rate_per_s, burst)
    plain = TokenBucket(clock, rate_per_s, burst)
    for (later_ms, wanted), note in zip(steps, notes, strict=False):
        clock.advance(ms=later_ms)
        corrected.correct(*note)
        if corrected.take(wanted) == 0:
            assert plain.take(wanted) == 0


def test_places_and_cancels_are_counted_and_corrected_apart():
    clock = ManualClock(1)
    limits = AccountLimits(TokenBucket(clock, 10, 10), TokenBucket(clock, 10, 10))
    limits.heard(RateNote(is_cancel=False, remaining=0, wait_ms=0))
    assert limits.place(1) == 100 and limits.cancels.take(10) == 0


def test_nothing_is_placed_while_cancels_are_owed():
    clock = ManualClock(1)
    limits = AccountLimits(TokenBucket(clock, 10, 10), TokenBucket(clock, 10, 10))
    limits.heard(RateNote(is_cancel=True, remaining=-2, wait_ms=0))
    assert limits.place(1) == 200
    clock.advance(ms=200)
    assert limits.place(1) == 0
