from types import SimpleNamespace

import pytest

from trader.runtime.liveness import standing_still
from trader.runtime.role import Posture
from trader.testing.manual_clock import ManualClock

MS = 1_000_000


def role(name, clock, doing=None, limit_ms=250):
    posture = Posture(clock)
    if doing:
        posture.declare(doing, limit_ms)
    return SimpleNamespace(name=name, posture=posture)


@pytest.fixture
def clock():
    return ManualClock(5 * MS)


def test_roles_that_keep_their_word_are_not_accused(clock):
    roles = [role("pm-book", clock, "cycle"), role("executor", clock, "GET", 3000), role("strategy", clock)]
    clock.advance(ms=1200)
    assert standing_still(roles, clock.monotonic_ns(), 1000) == ""


def test_a_role_beyond_its_limit_and_the_grace_is_named_with_what_it_does(clock):
    roles = [role("pm-book", clock, "connecting", 30_000), role("executor", clock, "cycle")]
    clock.advance(ms=1251)
    assert standing_still(roles, clock.monotonic_ns(), 1000) == "executor overstays its limit of 250 ms in 'cycle'"


def test_the_sentence_stays_the_same_while_it_lasts_so_that_it_is_logged_once(clock):
    roles = [role("executor", clock, "cycle")]
    clock.advance(ms=2000)
    said = standing_still(roles, clock.monotonic_ns(), 1000)
    clock.advance(ms=2000)
    assert standing_still(roles, clock.monotonic_ns(), 1000) == said


def test_a_role_that_was_stopped_in_order_is_not_accused_and_one_that_crashed_is(clock):
    ended, crashed = role("strategy", clock, "stopped", 10**12), role("pm-user", clock, "stopped", 10**12)
    crashed.posture.crashed = True
    assert standing_still([ended], clock.monotonic_ns(), 1000) == ""
    assert standing_still([ended, crashed], clock.monotonic_ns(), 1000) == "pm-user has crashed"
