from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from trader.fleet.letters import RecycleNow, Resolved
from trader.fleet.registry import Status

HOUR_MS = 3_600_000


@pytest.fixture
def stage(make_stage):
    """Four markets with books, on connection 1."""
    made = make_stage()
    made.discover(1, 2, 3, 4)
    made.pass_time(1000)
    made.settle()
    made.check()
    return made


def begun(stage) -> int:
    """A replacement of connection 1 whose new line is up and has delivered nothing yet."""
    stage.keeper.take(RecycleNow(1))
    stage.up(2)
    return 2


def connections_of(stage) -> set[int | None]:
    return {entry.connection for entry in stage.active()}


def test_the_old_connection_owns_a_market_until_both_books_came_on_the_new_one(stage):
    new = begun(stage)
    stage.deliver(new, "11")
    assert connections_of(stage) == {1} and stage.workers.owner("11") == new and stage.workers.owner("12") == 1
    stage.deliver(new, "12")
    assert stage.registry.get("0x0001").connection == new
    stage.check()


def test_when_everything_has_moved_the_old_connection_is_closed(stage):
    begun(stage)
    stage.deliver_all()
    assert set(stage.connections.live) == {2} and connections_of(stage) == {2}
    assert (stage.recycler.completed, stage.recycler.failed, stage.recycler.migrated) == (1, 0, 4)


def test_a_new_line_that_is_lost_gives_everything_back(stage):
    new = begun(stage)
    stage.deliver(new, "11")
    stage.deliver(new, "12")
    stage.deliver(new, "21")
    stage.down(new)
    assert set(stage.connections.live) == {1} and connections_of(stage) == {1} and stage.recycler.failed == 1
    stage.check()
    stage.settle()
    assert all(stage.workers.is_whole(token) for token in ("11", "12", "21", "22", "31"))


def test_a_new_connection_that_never_delivers_is_given_up(stage):
    begun(stage)
    stage.connections.live[2].owed.clear()
    stage.pass_time(int(stage.settings.migrate_s * 1000) - 1)
    assert stage.recycler.active
    stage.pass_time(1)
    assert not stage.recycler.active and set(stage.connections.live) == {1}
    assert all(stage.workers.is_whole(token) for token in ("11", "12"))


def test_an_old_line_that_is_down_leaves_everything_to_a_new_one_that_is_up(stage):
    begun(stage)
    stage.deliver(2, "11")
    stage.down(1)
    stage.connections.live[2].owed.clear()
    stage.pass_time(int(stage.settings.migrate_s * 1000))
    assert set(stage.connections.live) == {2} and connections_of(stage) == {2}
    stage.check()


def test_a_market_that_ends_in_the_middle_does_not_hold_up_the_rest(stage):
    new = begun(stage)
    stage.keeper.take(Resolved("0x0004"))
    assert "41" not in stage.connections.live[new].carried
    for token in ("11", "12", "21", "22", "31", "32"):
        stage.deliver(new, token)
    assert set(stage.connections.live) == {new} and stage.recycler.completed == 1


def test_a_worker_that_dies_in_the_middle_is_told_of_owner_and_heir(stage):
    new = begun(stage)
    stage.deliver(new, "11")
    for worker in (0, 1):
        stage.kill_worker(worker)
    stage.check()
    stage.deliver_all()
    assert set(stage.connections.live) == {new} and all(stage.workers.is_whole(token) for token in ("11", "12", "42"))


def test_a_connection_under_replacement_is_neither_replaced_again_nor_given_markets(stage):
    begun(stage)
    stage.keeper.take(RecycleNow(1))
    stage.keeper.take(RecycleNow(2))
    stage.discover(5)
    stage.pass_time(1000)
    assert len(stage.recycler.active) == 1 and stage.registry.get("0x0005").connection == 3


def test_a_failed_replacement_rests_before_the_next_attempt(stage):
    begun(stage)
    stage.down(2)
    stage.clock.advance(ms=25 * HOUR_MS)
    stage.recycler.look(1)
    assert not stage.recycler.active
    stage.recycler.look(stage.clock.monotonic_ns())
    assert stage.recycler.active


def test_age_begins_a_replacement(stage):
    stage.clock.advance(ms=24 * HOUR_MS - 2000)
    stage.recycler.look(stage.clock.monotonic_ns())
    assert not stage.recycler.active
    stage.clock.advance(ms=2000)
    stage.recycler.look(stage.clock.monotonic_ns())
    assert [each.reason for each in stage.recycler.active.values()] == ["older than 24 h"]


def test_pollution_begins_a_replacement(stage):
    stage.keeper.take(Resolved("0x0001"))
    stage.recycler.look(stage.clock.monotonic_ns())
    assert not stage.recycler.active and stage.recycler.pollution(1) == 0.25
    stage.keeper.take(Resolved("0x0002"))
    stage.recycler.look(stage.clock.monotonic_ns())
    assert [each.reason for each in stage.recycler.active.values()] == ["50% of its markets have ended"]


def test_a_dead_connection_is_replaced_only_while_another_one_lives(make_stage):
    stage = make_stage()
    stage.discover(*range(1, 9))
    stage.pass_time(1000)
    stage.settle()
    stage.down(1)
    stage.down(2)
    stage.clock.advance(ms=31_000)
    stage.recycler.look(stage.clock.monotonic_ns())
    assert not stage.recycler.active
    stage.up(2)
    stage.recycler.look(stage.clock.monotonic_ns())
    assert list(stage.recycler.active) == [1]


def test_no_more_replacements_at_once_than_allowed(make_stage):
    stage = make_stage()
    stage.discover(*range(1, 17))
    stage.pass_time(1000)
    stage.settle()
    stage.clock.advance(ms=25 * HOUR_MS)
    stage.recycler.look(stage.clock.monotonic_ns())
    assert len(stage.recycler.active) == 2 < len(stage.connections.live) - 2


def test_a_connection_with_only_ended_markets_is_closed_at_once(stage):
    for number in (1, 2, 3, 4):
        stage.keeper.take(Resolved(f"0x000{number}"))
    stage.recycler.look(stage.clock.monotonic_ns())
    assert not stage.connections.live and stage.registry.counts()["expired"] == 4


class FleetModel(RuleBasedStateMachine):
    """Markets, lines, workers and replacements in any order: at every step each asset has exactly one live owner that carries it."""

    make = None

    @initialize()
    def start(self) -> None:
        assert FleetModel.make is not None
        self.stage = FleetModel.make(grace_s=60.0, cleanup_s=60.0, recycle_age_h=0.05)
        self.next = 1

    @rule(count=st.integers(1, 5))
    def markets_are_born(self, count: int) -> None:
        self.stage.discover(*range(self.next, self.next + count))
        self.next += count
        self.stage.pass_time(1000)

    @rule()
    def all_is_well(self) -> None:
        self.stage.settle()

    @rule(ms=st.sampled_from([100, 1000, 31_000, 200_000]))
    def time_passes(self, ms: int) -> None:
        self.stage.pass_time(ms)

    @rule(data=st.data())
    def a_line_comes_up(self, data) -> None:
        if down := [one.number for one in self.stage.connections.all() if not one.is_up]:
            self.stage.up(data.draw(st.sampled_from(down)))

    @rule(data=st.data())
    def a_line_is_lost(self, data) -> None:
        if up := [one.number for one in self.stage.connections.all() if one.is_up]:
            self.stage.down(data.draw(st.sampled_from(up)))

    @rule(data=st.data(), count=st.integers(1, 8))
    def snapshots_come(self, data, count: int) -> None:
        for _ in range(count):
            owed = [(one.number, token) for one in self.stage.connections.all() for token in sorted(one.owed)]
            if owed:
                self.stage.deliver(*data.draw(st.sampled_from(owed)))

    @rule(worker=st.integers(0, 1))
    def a_worker_dies(self, worker: int) -> None:
        self.stage.kill_worker(worker)

    @rule(data=st.data())
    def a_connection_is_replaced(self, data) -> None:
        if live := sorted(self.stage.connections.live):
            self.stage.keeper.take(RecycleNow(data.draw(st.sampled_from(live))))
            newest = max(self.stage.connections.live, default=0)
            if newest and data.draw(st.booleans()):
                self.stage.up(newest)
                self.snapshots_come_on(data, newest)

    def snapshots_come_on(self, data, number: int) -> None:
        for token in data.draw(st.lists(st.sampled_from(sorted(self.stage.connections.live[number].owed) or [""]), unique=True)):
            if number in self.stage.connections.live and token in self.stage.connections.live[number].owed:
                self.stage.deliver(number, token)

    @rule()
    def a_replacement_loses_its_line(self) -> None:
        for recycle in list(self.stage.recycler.active.values()):
            if recycle.moved and self.stage.connections.live[recycle.new].is_up:
                self.stage.down(recycle.new)

    @rule(data=st.data())
    def a_market_ends(self, data) -> None:
        if active := self.stage.active():
            self.stage.keeper.take(Resolved(data.draw(st.sampled_from(active)).market.condition_id))

    @invariant()
    def each_asset_has_one_live_owner(self) -> None:
        if hasattr(self, "stage"):
            self.stage.check()

    @invariant()
    def no_replacement_goes_on_over_a_line_that_was_lost(self) -> None:
        """What had moved there would be blind until the time is up."""
        if hasattr(self, "stage"):
            assert not self.stage.lost & {recycle.new for recycle in self.stage.recycler.active.values()}

    def teardown(self) -> None:
        """When the faults are over, every market has its books again and no replacement is left half-way."""
        stage = self.stage
        for _ in range(3):
            stage.clock.advance(ms=1000)
            stage.settle()
        assert not stage.recycler.active
        for entry in stage.active():
            assert entry.status is Status.SUBSCRIBED and all(stage.workers.is_whole(token) for token in entry.market.tokens)


def test_whatever_happens_each_asset_has_exactly_one_live_owner(make_stage):
    FleetModel.make = make_stage
    run_state_machine_as_test(FleetModel, settings=settings(max_examples=80, stateful_step_count=40, deadline=None))
