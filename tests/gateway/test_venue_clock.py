"""How far our clock is from the venue's, as far as whole seconds and a round trip can show it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.gateway.venue_clock import AGAIN_MS, EVERY_MS, STEPPED_MS, VenueClock, least_skew_ms
from trader.testing.manual_clock import ManualClock


class ScriptedTime:
    """A venue whose clock is `behind_ms` behind the true time, and whose answer takes `takes_ms`, half of it each way."""

    deadline_ms = 1000

    def __init__(self, clock):
        self.clock, self.behind_ms, self.takes_ms, self.looks, self.silent = clock, 0, 40, 0, False

    def read_s(self):
        self.looks += 1
        self.clock.advance(ms=self.takes_ms // 2)
        said_s = (self.clock.wall_ms() - self.behind_ms) // 1000
        self.clock.advance(ms=self.takes_ms - self.takes_ms // 2)
        return None if self.silent else said_s


class SteppingClock(ManualClock):
    def step(self, ms):
        self._offset_ms += ms


@pytest.fixture
def watch():
    clock = SteppingClock(7_300_000_000)
    times = ScriptedTime(clock)
    return VenueClock(times, clock), times, clock


@given(true_ms=st.integers(10**12, 2 * 10**12), skew_ms=st.integers(-100_000, 100_000), there_ms=st.integers(0, 900),
       back_ms=st.integers(0, 900))
def test_what_is_shown_is_never_more_than_the_truth_and_at_most_a_second_and_the_way_less(true_ms, skew_ms, there_ms, back_ms):
    shown_ms = least_skew_ms(true_ms - there_ms + skew_ms, true_ms + back_ms + skew_ms, true_ms // 1000)
    assert abs(skew_ms) - 1000 - there_ms - back_ms <= abs(shown_ms) <= abs(skew_ms)
    assert shown_ms * skew_ms >= 0


def test_two_clocks_that_agree_show_no_difference_and_are_compared_once_a_minute(watch):
    ours, times, clock = watch
    ours.look()
    clock.advance(ms=EVERY_MS - 1)
    assert ours.skew_ms == 0 and not ours.is_due()
    clock.advance(ms=1)
    assert ours.is_due() and times.looks == 1


def test_a_difference_is_told_and_looked_at_again_soon(watch, caplog):
    ours, times, clock = watch
    times.behind_ms = 5_000
    ours.look()
    assert 4_000 < ours.skew_ms <= 5_000 and "ahead of the venue's" in caplog.text
    clock.advance(ms=AGAIN_MS)
    times.behind_ms = 0
    assert ours.is_due()
    ours.look()
    assert ours.skew_ms == 0


def test_without_an_answer_the_last_one_stays_and_it_is_asked_again_soon(watch):
    ours, times, clock = watch
    times.silent = True
    ours.look()
    assert ours.skew_ms is None
    clock.advance(ms=AGAIN_MS)
    assert ours.is_due()


def test_a_clock_that_was_set_is_compared_at_once(watch):
    ours, _, clock = watch
    ours.look()
    clock.step(-STEPPED_MS)
    assert ours.is_due()
