from __future__ import annotations

import pytest

from trader.fleet.vitals import LACKING_NS, MINUTE_NS, MOST_DEATHS, PAUSE_NS, Vitals
from trader.fleet.worker_process import READY_WITHIN_S

SECOND_NS = 1_000_000_000


@pytest.fixture
def vitals():
    made = Vitals(3, heartbeat_s=5.0)
    made.starts(0)
    made.is_ready(0)
    return made


def test_one_that_starts_is_down_and_may_be_silent_for_as_long_as_a_start_takes(vitals):
    vitals.starts(0)
    limit_ns = int(READY_WITHIN_S * SECOND_NS)
    assert vitals.ailments(0, is_alive=True) == ["worker 3 is down"]
    assert (vitals.is_silent(limit_ns), vitals.is_silent(limit_ns + 1)) == (False, True)


def test_three_heartbeats_without_a_word_are_silence_and_any_word_ends_it(vitals):
    assert (vitals.is_silent(15 * SECOND_NS), vitals.is_silent(15 * SECOND_NS + 1)) == (False, True)
    vitals.speaks(SECOND_NS)
    assert not vitals.is_silent(16 * SECOND_NS)


def test_the_third_death_within_a_minute_makes_it_wait_and_is_forgotten_after_the_minute(vitals):
    for at_ns in range(MOST_DEATHS):
        assert vitals.restart_ns <= at_ns
        vitals.dies(at_ns)
    assert vitals.restart_ns == MOST_DEATHS - 1 + PAUSE_NS
    assert vitals.ailments(MINUTE_NS - 1, is_alive=True) == ["worker 3 died 3 times within a minute"]
    assert vitals.ailments(MINUTE_NS, is_alive=True) == []


def test_without_room_for_a_process_the_next_attempt_waits_at_once(vitals):
    vitals.cannot_start(7)
    assert vitals.restart_ns == 7 + PAUSE_NS and not vitals.dies_often(7)


def test_books_that_its_predecessor_lacked_are_not_its_own(vitals):
    vitals.beats({"assets": 10, "whole": 4}, 0)
    vitals.goes()
    vitals.beats({"assets": 10, "whole": 4}, LACKING_NS)
    assert vitals.ailments(LACKING_NS, is_alive=True) == []
    assert vitals.ailments(2 * LACKING_NS, is_alive=True) == ["worker 3 has whole books of 4 of 10 tokens"]
