"""The guard stepped by hand: a scripted fleet process, a manual clock, no thread."""

from __future__ import annotations

import pytest

from trader.errors import ConfigError, ControlError, RoleFailed, TraderError
from trader.fleet.guard import MOST_MUTE, MOST_RESTARTS, OLD_NS, WITHIN_NS, FleetGuard, beside_a_desk
from trader.fleet.settings import FleetSettings
from trader.settings import Settings
from trader.testing.manual_clock import ManualClock

WELL = {"running": True, "health": {"pool": {"ok": True, "reason": ""}}}


class ScriptedChild:
    def __init__(self, pid, on_action):
        self.pid, self.on_action, self.code, self.says = pid, on_action, None, WELL
        self.was_killed = self.was_stopped = False

    def exit_code(self):
        return self.code

    def stats(self):
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def kill(self):
        self.was_killed = True

    def stop(self):
        self.was_stopped = True
        return 0


class Stage:
    def __init__(self):
        self.clock, self.children, self.given_up, self.refusal = ManualClock(), [], [], None
        self.guard = FleetGuard(self.start, self.clock, self.given_up.append)

    def start(self, on_action):
        if self.refusal is not None:
            raise self.refusal
        self.children.append(ScriptedChild(100 + len(self.children), on_action))
        return self.children[-1]

    def die(self):
        self.children[-1].code = -9
        self.guard.look()


@pytest.fixture
def stage():
    made = Stage()
    made.guard.look()
    return made


def test_stats_are_those_of_the_newest_look_and_ask_nobody(stage):
    stage.children[0].says = ControlError("no answer.", remedy="Wait.")
    assert stage.guard.stats() == {**WELL, "restarts": 0, "actions": 0, "last_actions": []}
    assert stage.guard.ailment() == ""


def test_what_a_component_lacks_is_told(stage):
    stage.children[0].says = {"running": True, "health": {"pool": {"ok": False, "reason": "pm-fleet-3 without a line"}}}
    stage.guard.look()
    assert stage.guard.ailment() == "pool: pm-fleet-3 without a line"


def test_a_fleet_that_dies_is_started_again_and_says_so(stage):
    stage.die()
    assert stage.guard.pid == 101 and stage.guard.restarts == 1 and stage.children[0].was_stopped
    assert "started again" in stage.guard.ailment()
    stage.guard.look()
    assert stage.guard.ailment() == "" and not stage.given_up


def test_one_that_is_mute_is_killed_and_started_again(stage):
    stage.children[0].says = ControlError("no answer.", remedy="Wait.")
    for _ in range(MOST_MUTE - 1):
        stage.guard.look()
    assert not stage.children[0].was_killed
    stage.guard.look()
    assert stage.children[0].was_killed and stage.guard.pid == 101


def test_single_answers_that_fail_are_no_reason_to_kill_it(stage):
    for _ in range(3 * MOST_MUTE):
        stage.children[0].says = ControlError("no answer.", remedy="Wait.")
        stage.guard.look()
        stage.children[0].says = WELL
        stage.guard.look()
    assert stage.guard.restarts == 0


def test_an_old_answer_is_not_taken_for_health(stage):
    stage.clock.advance(ms=OLD_NS // 1_000_000)
    assert stage.guard.ailment() == ""
    stage.clock.advance(ms=1)
    assert "does not answer" in stage.guard.ailment()


def test_one_that_dies_again_and_again_is_given_up_once(stage):
    for _ in range(MOST_RESTARTS + 1):
        stage.die()
    assert len(stage.given_up) == 1 and isinstance(stage.given_up[0], RoleFailed) and stage.guard.failure is stage.given_up[0]
    assert "4 times within a minute" in stage.guard.ailment() and len(stage.children) == 1 + MOST_RESTARTS


def test_one_that_dies_now_and_then_is_started_again_for_ever(stage):
    for _ in range(3 * MOST_RESTARTS):
        stage.clock.advance(ms=WITHIN_NS // 1_000_000 // MOST_RESTARTS)
        stage.die()
    assert stage.guard.restarts == 3 * MOST_RESTARTS and not stage.given_up


def test_a_restart_that_is_refused_ends_it(stage):
    stage.refusal = ConfigError("fleet.handler_factory was wrong.", remedy="Correct it.")
    stage.die()
    assert stage.given_up == [stage.refusal] and not stage.guard.stats()["running"]


def test_nothing_is_started_after_a_stop(stage):
    stage.guard.stop()
    stage.die()
    assert len(stage.children) == 1 and stage.guard.stats()["running"] is False


def test_actions_are_counted_and_the_last_ones_shown(stage):
    for number in range(12):
        stage.children[0].on_action({"n": number})
    stats = stage.guard.stats()
    assert stats["actions"] == 12 and [action["n"] for action in stats["last_actions"]] == list(range(2, 12))


def test_a_start_that_fails_raises():
    def refuse(on_action):
        raise TraderError("no.", remedy="Try.")

    with pytest.raises(TraderError, match=r"no\."):
        FleetGuard(refuse, ManualClock(), lambda failure: None)


def test_a_desk_has_no_fleet_unless_one_is_wanted_and_never_one_that_is_to_be_alone():
    assert beside_a_desk(Settings(), ManualClock(), lambda failure: None) is None
    with pytest.raises(ConfigError, match="a run without a desk"):
        beside_a_desk(Settings(fleet=FleetSettings(enabled=True, alone=True)), ManualClock(), lambda failure: None)
