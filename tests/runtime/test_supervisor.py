"""Starting, watching and stopping roles; each failure reported once."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from trader.errors import AuthError, RoleFailed
from trader.runtime.role import Posture
from trader.runtime.supervisor import SUSPENDED_AFTER_NS, Supervisor, Watch
from trader.testing.manual_clock import ManualClock

WATCHDOG_MS = 5_000
DEADLINE_S = 5


class GatedRole:
    """Parks in `do_work` until its gate opens, and writes down when it starts and stops."""

    def __init__(self, name, clock, diary, error=None):
        self.name, self.posture = name, Posture(clock)
        self.gate, self.started, self.ended = threading.Event(), threading.Event(), threading.Event()
        self._diary, self._error = diary, error

    def on_start(self):
        self._diary.append(("start", self.name))

    def do_work(self):
        self.started.set()
        self.gate.wait(DEADLINE_S)
        if self._error:
            raise self._error

    def on_stop(self):
        self._diary.append(("stop", self.name))
        self.ended.set()


class Desk:
    """A supervisor, its failures, and roles that are let go at the end of the test."""

    def __init__(self):
        self.clock, self.failures, self.diary, self.roles = ManualClock(), [], [], []
        self.supervisor = Supervisor(self.clock, WATCHDOG_MS, lambda name, error: self.failures.append((name, error)))

    def start(self, name, error=None):
        role = GatedRole(name, self.clock, self.diary, error)
        self.roles.append(role)
        self.supervisor.start(role)
        assert role.started.wait(DEADLINE_S)
        return role


@contextmanager
def desk():
    desk = Desk()
    try:
        yield desk
    finally:
        for role in desk.roles:
            role.gate.set()
        assert desk.supervisor.stop({role.name for role in desk.roles}, DEADLINE_S) == []


def test_roles_start_in_order_and_groups_stop_in_exact_reverse():
    with desk() as d:
        for name in ("pm-book", "executor", "strategy"):
            d.start(name).gate.set()
        for name in ("strategy", "executor", "pm-book"):
            assert d.supervisor.stop({name}, DEADLINE_S) == []
    assert d.diary == [("start", "pm-book"), ("start", "executor"), ("start", "strategy"),
                       ("stop", "strategy"), ("stop", "executor"), ("stop", "pm-book")]


def test_the_members_of_a_group_are_asked_together_so_that_one_hung_thread_does_not_hold_up_the_pool():
    with desk() as d:
        roles = [d.start(f"gateway-{n}") for n in range(3)]
        for role in roles[:2]:
            role.gate.set()
        assert d.supervisor.stop({role.name for role in roles}, 0.05) == ["gateway-2"]
        assert all(role.ended.wait(DEADLINE_S) for role in roles[:2])


def test_roles_that_overrun_the_deadline_are_returned_by_name_last_started_first():
    with desk() as d:
        for name in ("pm-book", "executor", "strategy"):
            d.start(name)
        assert d.supervisor.stop({"pm-book", "strategy"}, 0.02) == ["strategy", "pm-book"]


def test_stopping_a_role_leaves_the_others_running():
    with desk() as d:
        d.start("pm-book")
        d.start("strategy").gate.set()
        d.supervisor.stop({"strategy"}, DEADLINE_S)
        assert [line.alive for line in d.supervisor.report()] == [True, False]


def test_stop_all_stops_what_was_started_and_is_harmless_when_repeated():
    with desk() as d:
        for name in ("pm-book", "strategy"):
            d.start(name).gate.set()
        assert d.supervisor.stop_all(DEADLINE_S) == []
        assert d.supervisor.stop_all(DEADLINE_S) == []
        assert [line.alive for line in d.supervisor.report()] == [False, False]


def test_a_role_whose_name_is_refused_is_neither_watched_nor_stopped():
    with desk() as d:
        d.start("pm-book").gate.set()
        with pytest.raises(ValueError, match="15 bytes"):
            d.supervisor.start(GatedRole("a-name-that-is-too-long", d.clock, d.diary))
        assert [line.name for line in d.supervisor.report()] == ["pm-book"]
        assert d.supervisor.stop({"pm-book", "a-name-that-is-too-long"}, DEADLINE_S) == []


def test_a_crash_is_reported_with_the_roles_name_and_its_own_error():
    error = ValueError("boom")
    with desk() as d:
        d.start("strategy", error=error).gate.set()
        d.supervisor.stop({"strategy"}, DEADLINE_S)
    assert d.failures == [("strategy", error)]


def test_a_bug_is_logged_with_its_traceback_and_an_expected_error_is_left_to_its_reader(caplog):
    with desk() as d:
        d.start("strategy", error=ValueError("boom")).gate.set()
        d.start("pm-user", error=AuthError("refused.", remedy="Check PM_API_KEY.")).gate.set()
        d.supervisor.stop({"strategy", "pm-user"}, DEADLINE_S)
    assert [(r.message, r.exc_info is not None) for r in caplog.records] == [("role strategy crashed", True)]


def test_an_overstay_is_reported_at_the_limit_plus_the_watchdog_and_not_before():
    with desk() as d:
        d.start("pm-book").posture.declare("connecting", 30_000)
        d.clock.advance(ms=30_000 + WATCHDOG_MS)
        d.supervisor.check(d.clock.monotonic_ns())
        assert d.failures == []
        d.clock.advance(ms=1)
        d.supervisor.check(d.clock.monotonic_ns())
        assert [name for name, _ in d.failures] == ["pm-book"]


def test_an_overstay_says_where_for_how_long_what_was_allowed_and_what_to_do():
    with desk() as d:
        d.start("pm-book").posture.declare("connecting", 30_000)
        d.clock.advance(ms=40_000)
        d.supervisor.check(d.clock.monotonic_ns())
    (_, error), = d.failures
    assert isinstance(error, RoleFailed)
    assert error.problem == "role pm-book has been in 'connecting' for 40000 ms (limit 30000 ms)."
    assert error.remedy


def test_an_overstay_is_reported_once_however_long_it_lasts():
    with desk() as d:
        d.start("pm-book")
        for _ in range(3):
            d.clock.advance(ms=60_000)
            d.supervisor.check(d.clock.monotonic_ns())
        assert len(d.failures) == 1


def test_a_role_that_overstays_and_then_crashes_is_reported_once_and_the_crash_is_still_logged(caplog):
    with desk() as d:
        role = d.start("pm-book", error=ValueError("late"))
        d.clock.advance(ms=60_000)
        d.supervisor.check(d.clock.monotonic_ns())
        role.gate.set()
        d.supervisor.stop({"pm-book"}, DEADLINE_S)
    assert [type(error) for _, error in d.failures] == [RoleFailed]
    assert "late" in caplog.text


def test_a_role_that_ended_is_not_overdue():
    with desk() as d:
        d.start("pm-book").gate.set()
        d.supervisor.stop({"pm-book"}, DEADLINE_S)
        d.clock.advance(ms=10**9)
        d.supervisor.check(d.clock.monotonic_ns())
        assert d.failures == []


def test_a_report_line_says_what_each_role_does_and_since_when():
    with desk() as d:
        d.start("pm-book").posture.declare("connecting", 30_000)
        d.clock.advance(ms=7)
        line, = d.supervisor.report()
    assert line._replace(native_id=None) == ("pm-book", None, True, "connecting", 7, 30_000, 1)
    assert isinstance(line.native_id, int)


def watched(d):
    """The `supervisor` role, stepped by the test; its own park is as short as can be."""
    watch = Watch(d.supervisor, d.clock, every_s=0)
    watch.on_start()
    d.start("pm-book")
    return watch


def step(d, watch, ms):
    d.clock.advance(ms=ms)
    watch.do_work()


def test_the_watch_finds_an_overstay_by_itself():
    with desk() as d:
        watch = watched(d)
        for _ in range(7):
            step(d, watch, ms=1_000)
        assert [name for name, _ in d.failures] == ["pm-book"]


def test_a_process_that_was_suspended_is_not_an_overstay_of_every_role():
    with desk() as d:
        watch = watched(d)
        step(d, watch, ms=60_000)
        assert d.failures == []
        d.roles[0].posture.new_cycle()               # it caught up, as a healthy role does
        step(d, watch, ms=200)
        assert d.failures == []


def test_a_role_that_does_not_catch_up_after_a_suspension_is_reported():
    with desk() as d:
        watch = watched(d)
        step(d, watch, ms=60_000)
        step(d, watch, ms=200)
        assert [name for name, _ in d.failures] == ["pm-book"]


def test_a_pause_just_within_the_limit_is_not_taken_for_a_suspension():
    with desk() as d:
        watch = watched(d)
        for _ in range(4):
            step(d, watch, ms=SUSPENDED_AFTER_NS // 1_000_000)
        assert [name for name, _ in d.failures] == ["pm-book"]
