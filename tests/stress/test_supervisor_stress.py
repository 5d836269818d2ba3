"""Starting and stopping, again and again, while the watch looks on."""

from __future__ import annotations

import threading

from trader.runtime.clock import SystemClock
from trader.runtime.role import Posture
from trader.runtime.supervisor import Supervisor, Watch

NAMES = ("pm-book", "executor", "strategy")


class BusyRole:
    """Parks for a millisecond at a time; writes down its start and its stop."""

    def __init__(self, name, clock, hooks):
        self.name, self.posture, self._hooks = name, Posture(clock), hooks
        self._parked = threading.Event()

    def on_start(self):
        self._hooks.append(("start", self.name))

    def do_work(self):
        self._parked.wait(0.001)

    def on_stop(self):
        self._hooks.append(("stop", self.name))


def test_two_hundred_desks_start_and_stop_without_a_failure_or_a_thread_left_behind():
    clock, failures, hooks, before = SystemClock(), [], [], threading.active_count()
    for _ in range(200):
        supervisor = Supervisor(clock, 5_000, lambda name, error: failures.append((name, error)))
        supervisor.start(Watch(supervisor, clock, every_s=0.001))
        for name in NAMES:
            supervisor.start(BusyRole(name, clock, hooks))
        assert supervisor.stop({"supervisor", *NAMES}, deadline_s=5) == []
    assert failures == []
    assert sorted(hooks) == sorted([(hook, name) for hook in ("start", "stop") for name in NAMES] * 200)
    assert threading.active_count() == before


class FailsAtOnce(BusyRole):
    def do_work(self):
        raise ValueError("boom")


def test_roles_that_crash_while_they_are_stopped_are_each_reported_once():
    clock, failures, hooks = SystemClock(), [], []
    for n in range(100):
        supervisor = Supervisor(clock, 5_000, lambda name, error: failures.append(name))
        for name in NAMES:
            supervisor.start(FailsAtOnce(f"{name}{n}", clock, hooks))
        supervisor.stop({f"{name}{n}" for name in NAMES}, deadline_s=5)
    assert len(failures) == len(set(failures))
    assert len([hook for hook, _ in hooks if hook == "stop"]) == 300
