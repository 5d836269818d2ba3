"""The role stepped by hand: when a beat goes out, when it must not, and what the executor is told."""

from __future__ import annotations

import pytest

from trader.gateway.heartbeat import HeartbeatRole
from trader.handoff.cache import SnapshotCache
from trader.model.heartbeat import BeatHealth
from trader.testing.manual_clock import ManualClock

MS = 1_000_000
START_NS = 1_000 * MS


class ScriptedBeats:
    """Accepts every beat unless `refusal` says why not. Each takes `takes_ms`."""

    deadline_ms = 4000

    def __init__(self, clock):
        self.clock, self.refusal, self.takes_ms = clock, "", 20
        self.sent_ms, self.closed = [], False

    def beat(self):
        self.sent_ms.append(self.clock.monotonic_ns() // MS)
        self.clock.advance(ms=self.takes_ms)
        return self.refusal

    def close(self):
        self.closed = True


class SleepyClock(ManualClock):
    def sleep_machine(self, *, ms):
        """As Linux does it: the monotonic clock does not count a suspended machine."""
        self._offset_ms += ms


class PassingTime:
    """Stands in for the event at which the role parks: waiting moves the clock."""

    def __init__(self, clock):
        self.clock, self.longest_s = clock, 0

    def wait(self, timeout_s):
        self.longest_s = max(self.longest_s, timeout_s)
        self.clock.advance(ms=max(1, round(timeout_s * 1000)))


class Heart:
    def __init__(self, every_ms=5000):
        self.clock = SleepyClock(START_NS)
        self.beats, self.cache, self.still = ScriptedBeats(self.clock), SnapshotCache("heartbeat"), ""
        self.parked = PassingTime(self.clock)
        self.role = HeartbeatRole(self.beats, every_ms, lambda: self.still, self.cache, self.clock, self.parked)
        self.role.on_start()

    def run(self, ms):
        end_ns = self.clock.monotonic_ns() + ms * MS
        while self.clock.monotonic_ns() < end_ns:
            self.role.do_work()

    @property
    def health(self):
        return self.cache.read()


@pytest.fixture
def heart():
    return Heart()


def test_before_the_first_beat_nothing_is_accepted_and_the_executor_can_see_it(heart):
    assert heart.health == BeatHealth(None, 0, "not sent yet") and heart.health.silent_ms(START_NS) is None


def test_the_first_cycle_sends_the_first_beat(heart):
    heart.role.do_work()
    assert heart.beats.sent_ms == [1000] and heart.health == BeatHealth(START_NS, 0, "")


def test_beats_follow_each_other_by_the_period_whatever_an_answer_takes(heart):
    heart.beats.takes_ms = 700
    heart.run(16_000)
    assert heart.beats.sent_ms == [1000, 6000, 11_000, 16_000] and heart.health.lapses == 0


def test_the_age_of_a_beat_is_counted_from_its_sending(heart):
    heart.beats.takes_ms = 700
    heart.role.do_work()
    assert heart.health.silent_ms(heart.clock.monotonic_ns()) == 700


def test_a_beat_that_is_not_accepted_is_repeated_every_second_and_says_why(heart):
    heart.role.do_work()
    heart.beats.refusal = "ReadTimeout: timed out"
    heart.run(7500)
    assert heart.beats.sent_ms == [1000, 6000, 7020, 8040]
    assert heart.health == BeatHealth(START_NS, 0, "ReadTimeout: timed out")


def test_while_a_thread_stands_still_no_beat_goes_out_and_the_health_names_it(heart):
    heart.role.do_work()
    heart.still = "executor overstays its limit of 250 ms in 'cycle'"
    heart.run(9000)
    assert heart.beats.sent_ms == [1000]
    assert heart.health == BeatHealth(START_NS, 0, "not sent: executor overstays its limit of 250 ms in 'cycle'")


def test_a_thread_that_moves_again_is_heard_of_within_a_cycle(heart):
    heart.role.do_work()
    heart.still = "strategy has crashed"
    heart.run(6000)
    heart.still = ""
    heart.run(300)
    assert len(heart.beats.sent_ms) == 2 and heart.health.reason == ""


def test_a_silence_in_which_the_venue_may_have_cancelled_everything_is_counted_once(heart):
    heart.role.do_work()
    heart.beats.refusal = "HTTP 500: oops"
    heart.run(10_500)
    heart.beats.refusal = ""
    heart.run(12_000)
    assert heart.health.lapses == 1


@pytest.mark.parametrize(("silence_ms", "lapses"), [(9_979, 0), (9_980, 1)])
def test_a_silence_ends_when_a_beat_is_answered(heart, silence_ms, lapses):
    """A process that was stopped wakes up here, and its own heartbeat runs first: the executor must still learn of the gap."""
    heart.role.do_work()
    heart.clock.advance(ms=silence_ms - 20)
    heart.role.do_work()
    assert heart.health.lapses == lapses and heart.health.reason == ""


def test_a_machine_that_slept_is_found_out_by_the_wall_clock(heart):
    heart.role.do_work()
    heart.clock.sleep_machine(ms=60_000)
    heart.run(6000)
    assert heart.health.lapses == 1


def test_it_parks_no_longer_than_a_cycle(heart):
    heart.run(20_000)
    assert heart.parked.longest_s == 0.25


def test_the_posture_covers_connecting_and_the_deadline_of_a_beat(heart):
    heart.role.do_work()
    assert heart.role.posture.now[::2] == ("a beat", 30_000 + 4000)


def test_what_changes_is_logged_and_what_stays_is_not(heart, caplog):
    caplog.set_level("INFO")
    heart.run(12_000)
    heart.beats.refusal = "HTTP 500: oops"
    heart.run(12_000)
    heart.beats.refusal = ""
    heart.run(9000)
    assert [r.message for r in caplog.records] == [
        "heartbeat: accepted by the venue", "heartbeat: HTTP 500: oops",
        "heartbeat: the venue did not hear us for 10 s or more and may have cancelled everything", "heartbeat: accepted by the venue"]


class ScriptedVenueClock:
    deadline_ms = 1000

    def __init__(self, clock):
        self.clock, self.skew_ms, self.due, self.looks_ms = clock, None, True, []

    def is_due(self):
        return self.due

    def look(self):
        self.looks_ms.append(self.clock.monotonic_ns() // MS)
        self.skew_ms = 3000


def test_the_venues_clock_is_looked_at_behind_a_beat_accepted_or_not_and_told_with_it():
    heart = Heart()
    times = ScriptedVenueClock(heart.clock)
    heart.role = HeartbeatRole(heart.beats, 5000, lambda: heart.still, heart.cache, heart.clock, heart.parked, venue_clock=times)
    heart.beats.refusal = "HTTP 401: timestamp"
    heart.role.do_work()
    assert heart.health == BeatHealth(None, 0, "HTTP 401: timestamp", 3000) and times.looks_ms == [1020]
    times.due, heart.beats.refusal = False, ""
    heart.run(6000)
    assert (heart.health.skew_ms, heart.health.reason, times.looks_ms) == (3000, "", [1020])


def test_it_closes_its_connection_at_the_end(heart):
    heart.role.on_stop()
    assert heart.beats.closed
