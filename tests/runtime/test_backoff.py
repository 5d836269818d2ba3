"""How long to wait before the next attempt (trap 12)."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from trader.runtime.backoff import Backoff


class Rolled(random.Random):
    """Always the same roll."""

    def __init__(self, roll):
        super().__init__()
        self._roll = roll

    def random(self):
        return self._roll


def test_without_jitter_waits_double_from_the_least_to_the_most():
    backoff = Backoff(1.0, 60.0, rng=Rolled(0.0))
    assert [backoff.next_s() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_jitter_takes_at_most_a_quarter_off():
    assert Backoff(1.0, 60.0, rng=Rolled(1.0)).next_s() == 0.75


def test_attempt_five_thousand_waits_like_attempt_ten():
    backoff = Backoff(1.0, 60.0, rng=Rolled(0.0))
    assert [backoff.next_s() for _ in range(5_000)][-1] == 60
    assert backoff.attempts == 5_000


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 60), st.floats(0.05, 600), st.integers(0, 40), st.integers())
def test_a_wait_is_never_longer_than_the_most_nor_shorter_than_three_quarters_of_the_least(min_s, max_s, attempts, seed):
    backoff = Backoff(min_s, max_s, rng=random.Random(seed))
    waits = [backoff.next_s() for _ in range(attempts + 1)]
    assert all(0.75 * min(min_s, max_s) <= wait_s <= max_s for wait_s in waits)


def test_reset_starts_over():
    backoff = Backoff(1.0, 60.0, rng=Rolled(0.0))
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert (backoff.attempts, backoff.next_s()) == (0, 1.0)


def test_two_clients_that_lost_the_same_server_do_not_return_in_step():
    one, other = (Backoff(rng=random.Random(seed)) for seed in (1, 2))
    assert one.next_s() != other.next_s()
