import random

import pytest

from trader.markets.schedule import AskSchedule, Reminder
from trader.model.market import LiveMarket, Market
from trader.runtime.backoff import Backoff

S = 1_000_000_000


def window(length_ms=3_600_000):
    return Market("a", "a", "1", "2", 100, 5_000_000, 0, length_ms, "v2", False)


@pytest.fixture
def schedule():
    return AskSchedule(2.0, Backoff(1.0, 30.0, random.Random(1)))


def test_the_first_question_is_due_at_once(schedule):
    assert schedule.due(LiveMarket(None, None), False, None, 0)


@pytest.mark.parametrize(("chosen", "complete", "after_s"), [
    (LiveMarket(None, None), False, 2), (LiveMarket(window(), None), False, 2), (LiveMarket(window(), window()), True, 10),
    (LiveMarket(window(50_000), window(50_000)), True, 5), (LiveMarket(window(5_000), window(5_000)), True, 2),
])
def test_questions_are_2_s_apart_while_something_is_unknown_else_10_s_or_a_tenth_of_the_window(schedule, chosen, complete, after_s):
    schedule.answered(0)
    assert not schedule.due(chosen, complete, None, round(after_s * S) - 1)
    assert schedule.due(chosen, complete, None, round(after_s * S))


@pytest.mark.parametrize(("chosen", "complete", "asks"), [
    (LiveMarket(window(), window()), True, False),
    (LiveMarket(None, window()), False, False),
    (LiveMarket(window(), None), False, True),
])
def test_a_slow_answer_must_not_delay_a_switch_to_a_known_window(schedule, chosen, complete, asks):
    schedule.answered(0)
    assert schedule.due(chosen, complete, switch_in_ms=10_999, now_ns=60 * S) is asks
    assert schedule.due(chosen, complete, switch_in_ms=11_000, now_ns=60 * S)


def test_failures_are_retried_with_growing_waits_that_an_answer_resets(schedule):
    waits_s = [schedule.failed(0) for _ in range(8)]
    assert all(0.75 * full_s <= wait_s <= full_s for wait_s, full_s in zip(waits_s, [1, 2, 4, 8, 16, 30, 30, 30], strict=True))
    schedule.answered(0)
    assert schedule.failed(0) <= 1


def test_after_a_failure_the_wait_counts_instead_of_the_pace(schedule):
    wait_ns = round(schedule.failed(0) * S)
    assert [schedule.due(LiveMarket(None, None), False, None, now_ns) for now_ns in (wait_ns - 2, wait_ns + 2)] == [False, True]


def test_a_reminder_speaks_at_once_and_then_every_30_s():
    reminder = Reminder()
    assert [second for second in range(0, 90, 2) if reminder.due(second * S)] == [0, 30, 60]


def test_a_reminder_tells_once_that_it_is_over():
    reminder = Reminder()
    reminder.due(0)
    assert [reminder.over(), reminder.over()] == [True, False]
