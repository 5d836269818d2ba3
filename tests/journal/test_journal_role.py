"""The journal's thread, stepped: commits what waits, says what is written, and holds on when the disk does not."""

from __future__ import annotations

import sqlite3

import pytest

from trader.handoff.journal import JournalQueue
from trader.journal import reader, report
from trader.journal.report import Wanted
from trader.journal.role import CHECKPOINT_NS, GIVE_UP_NS, OVERDUE_NS, RETRY_NS, JournalRole
from trader.journal.store import Group
from trader.model.action import PlaceOrders
from trader.testing.manual_clock import ManualClock


class FailingJournal:
    """A disk that is full until somebody makes room."""

    path = "journal-000001.sqlite"

    def __init__(self):
        self.full, self.committed, self.calls = False, [], []

    def begin(self, now): ...

    def prepare(self, cycles):
        return Group(list(cycles), max(cycle.placed_seq for cycle in cycles))

    def commit(self, groups):
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        self.committed += [cycle for group in groups for cycle in group.statements]

    def checkpoint(self):
        self.calls.append("checkpoint")

    def is_full(self):
        return len(self.committed) > 3

    def rotate(self, now):
        self.calls.append("rotate")

    def end(self, now, reason):
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        self.calls.append(f"end: {reason}")

    def close(self):
        self.calls.append("close")


class Bench:
    def __init__(self):
        self.clock, self.journal, self.queue = ManualClock(), FailingJournal(), JournalQueue()
        self.role = JournalRole(lambda: self.journal, self.queue, self.clock, park_s=0)
        self.role.on_start()

    def puts(self, *cycles):
        for cycle in cycles:
            self.queue.put(cycle)
        return self

    def works(self, after_ns=0):
        self.clock.advance(ms=after_ns // 1_000_000)
        self.role.do_work()
        return self


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def placed(desk):
    """A cycle that places, and the number of the place."""
    desk.wants(48, 52)
    return desk.cycles[-1], desk.requests(PlaceOrders)[-1].seq


def test_a_place_may_be_sent_once_its_cycle_is_committed_and_not_before(bench, placed):
    cycle, seq = placed
    bench.puts(cycle)
    before = bench.queue.wait_written(seq, 0)
    assert (before, bench.works().queue.wait_written(seq, 0)) == (False, True)


def test_everything_that_waits_is_one_commit(bench, desk):
    bench.puts(*desk.cycles).works()
    assert (bench.role.commits, bench.journal.committed) == (1, desk.cycles)


def test_a_full_disk_is_told_at_once_and_nothing_counts_as_written(bench, placed):
    bench.journal.full = True
    bench.puts(placed[0]).works()
    assert "database or disk is full" in bench.queue.trouble and not bench.queue.wait_written(placed[1], 3600)


def test_what_a_full_disk_held_up_is_written_in_order_when_there_is_room(bench, desk):
    bench.journal.full = True
    bench.puts(desk.cycles[0]).works().puts(desk.cycles[1]).works(RETRY_NS).puts(desk.cycles[2])
    bench.journal.full = False
    bench.works(RETRY_NS)
    assert (bench.journal.committed, bench.queue.trouble, bench.role.failures) == (desk.cycles[:3], "", 2)


def test_a_disk_that_stays_full_is_given_up_and_the_run_places_nothing_more(bench, desk):
    bench.journal.full = True
    bench.puts(desk.cycles[0]).works().puts(desk.cycles[1]).works(GIVE_UP_NS)
    bench.journal.full = False
    bench.puts(desk.cycles[2]).works(RETRY_NS)
    assert bench.journal.committed == [] and "cannot be written" in bench.queue.trouble and bench.queue.depth == 0


def test_what_was_committed_reaches_the_disk_itself_in_a_quiet_moment(bench, desk):
    bench.puts(desk.cycles[0]).works(CHECKPOINT_NS)
    busy = list(bench.journal.calls)
    assert (busy, bench.works().journal.calls, bench.works(CHECKPOINT_NS).journal.calls) == ([], ["checkpoint"], ["checkpoint"])


def test_a_desk_that_is_never_quiet_is_brought_to_the_disk_a_little_later(bench, desk):
    for number in range(4):
        bench.puts(desk.cycles[number % 2]).works(OVERDUE_NS // 4)
    assert (bench.journal.calls, len(bench.journal.committed)) == (["checkpoint", "rotate"], 4)


def test_a_file_that_is_large_enough_is_followed_by_the_next(bench, desk):
    bench.puts(*desk.cycles[:4]).works().works(CHECKPOINT_NS)
    assert bench.journal.calls == ["checkpoint", "rotate"]


def test_at_the_end_everything_that_waits_is_written_and_the_run_is_closed(bench, desk):
    bench.puts(*desk.cycles)
    bench.role.end_reason = "SIGTERM"
    bench.role.on_stop()
    assert bench.journal.committed == desk.cycles and bench.journal.calls == ["end: SIGTERM", "close"]


def test_an_end_that_cannot_be_written_is_said_and_the_file_is_closed_all_the_same(bench, desk, caplog):
    bench.journal.full = True
    bench.puts(*desk.cycles).role.on_stop()
    assert bench.journal.calls == ["close"] and "the end of the run could not be written" in caplog.text


def test_a_real_file_has_the_run_from_start_to_end(keeper, desk):
    desk.quotes(48, 52)
    queue = JournalQueue()
    role = JournalRole(lambda: keeper.open(desk.run()), queue, ManualClock(), park_s=0)
    role.on_start()
    for cycle in desk.cycles:
        queue.put(cycle)
    role.do_work()
    role.end_reason = "SIGTERM"
    role.on_stop()
    files = keeper.folder.files()
    assert reader.runs(files)[0].end_reason == "SIGTERM" and len(report.orders(files, Wanted())) == 2
    assert role.stats()["cycles"] == len(desk.cycles) and role.stats()["commit_us"]["count"] == 1
