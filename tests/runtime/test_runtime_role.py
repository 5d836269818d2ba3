"""The thread shell: hooks in order, every crash reported, stop seen, names that the kernel shows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from trader.runtime.role import CYCLE_LIMIT_MS, Declared, Posture, RoleThread
from trader.testing.manual_clock import ManualClock

DEADLINE_S = 5


class ScriptedRole:
    """Records its hooks; `at(hook)` runs inside each of them. Asks its own thread to stop after `cycles`."""

    def __init__(self, name="pm-book", at=lambda hook: None, cycles=2):
        self.name, self.posture = name, Posture(ManualClock())
        self.hooks, self.doing, self._at, self._cycles = [], [], at, cycles

    def _hook(self, hook):
        self.hooks.append(hook)
        self.doing.append(self.posture.now.doing)
        self._at(hook)

    def on_start(self):
        self._hook("start")

    def do_work(self):
        if self.hooks.count("work") + 1 >= self._cycles:
            threading.current_thread().ask_to_stop()
        self._hook("work")

    def on_stop(self):
        self._hook("stop")


def run(role):
    """Runs the role on its own thread to its end; returns what reached the supervisor."""
    crashes = []
    thread = RoleThread(role, lambda name, error: crashes.append((name, error)))
    thread.start()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    return crashes


def crash_in(*hooks, error):
    def at(hook):
        if hook in hooks:
            raise error
    return at


def test_the_hooks_run_in_order_and_work_repeats_until_stop_is_asked():
    role = ScriptedRole(cycles=3)
    assert run(role) == []
    assert role.hooks == ["start", "work", "work", "work", "stop"]


def test_all_hooks_run_on_the_roles_own_thread():
    names = []
    run(ScriptedRole(at=lambda hook: names.append(threading.current_thread().name)))
    assert set(names) == {"pm-book"}


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt(), GeneratorExit(), BaseException()], ids=repr)
@pytest.mark.parametrize("hook", ["start", "work", "stop"])
def test_a_crash_in_any_hook_reaches_the_supervisor_once(hook, error):
    assert run(ScriptedRole(at=crash_in(hook, error=error))) == [("pm-book", error)]


@pytest.mark.parametrize("hook", ["start", "work"])
def test_on_stop_runs_after_a_crash_too(hook):
    role = ScriptedRole(at=crash_in(hook, error=SystemExit()))
    run(role)
    assert role.hooks[-2:] == [hook, "stop"]


def test_a_crash_of_on_stop_after_a_crash_is_not_swallowed():
    error = ValueError("both")
    assert run(ScriptedRole(at=crash_in("work", "stop", error=error))) == [("pm-book", error)] * 2


def test_a_role_that_was_asked_to_stop_before_it_ran_starts_and_stops_without_work():
    role = ScriptedRole()
    thread = RoleThread(role, lambda name, error: None)
    thread.ask_to_stop()
    thread.start()
    thread.join(DEADLINE_S)
    assert role.hooks == ["start", "stop"]


def test_the_posture_says_which_hook_runs_and_that_it_ended():
    role = ScriptedRole(cycles=1)
    run(role)
    assert role.doing == ["starting", "cycle", "stopping"]
    assert role.posture.now.doing == "stopped"
    assert role.posture.cycles == 1


@pytest.mark.parametrize(("hook", "crashed"), [("start", True), ("work", True), ("never", False)])
def test_a_crash_leaves_its_mark_and_an_orderly_end_does_not(hook, crashed):
    role = ScriptedRole(at=crash_in(hook, error=ValueError()))
    run(role)
    assert role.posture.crashed is crashed


def test_a_crashed_role_is_stopped_and_never_overdue():
    role = ScriptedRole(at=crash_in("work", "stop", error=ValueError()))
    run(role)
    assert role.posture.now.doing == "stopped"
    assert role.posture.now.overdue_ms(now_ns=10**17) < 0


@pytest.mark.parametrize("name", ["a-name-of-16-byt", "ünïcödé-ünïcö"])
def test_a_name_that_linux_would_cut_is_refused(name):
    assert len(name.encode()) > 15
    with pytest.raises(ValueError, match="longer than 15 bytes"):
        RoleThread(ScriptedRole(name=name), lambda name, error: None)


def test_the_kernel_shows_the_threads_name():
    seen = []
    run(ScriptedRole(name="fifteen-bytes-x", at=lambda hook: seen.append(
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip())))
    assert set(seen) == {"fifteen-bytes-x"}


def test_role_threads_are_daemonic_so_that_a_hung_one_cannot_keep_the_process():
    assert RoleThread(ScriptedRole(), lambda name, error: None).daemon


def test_a_word_is_kept_up_to_its_limit_and_broken_a_millisecond_later():
    declared = Declared("connecting", since_ns=5_000_000, limit_ms=30)
    assert declared.overdue_ms(now_ns=35_000_000) == 0
    assert declared.overdue_ms(now_ns=36_000_000) == 1


def test_declaring_starts_the_limit_anew_and_a_new_cycle_restores_the_usual_one():
    clock = ManualClock()
    posture = Posture(clock)
    clock.advance(ms=9)
    posture.declare("connecting", 30_000)
    assert posture.now == Declared("connecting", 9_000_000, 30_000)
    posture.new_cycle()
    assert posture.now == Declared("cycle", 9_000_000, CYCLE_LIMIT_MS)
