"""A file, what it survives, and the step from one file into the next."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from trader.errors import JournalError
from trader.journal import reader, report
from trader.journal.recall import recall
from trader.journal.report import Wanted
from trader.journal.schema import SCHEMA
from trader.model.event import TradeStatus
from trader.ops.replay import verify


def test_a_second_run_goes_on_in_the_same_file(keeper, new_desk):
    keeper.keep(new_desk().boots(), "run-1")
    files = keeper.keep(new_desk().boots(2), "run-2")
    assert len(files) == 1 and [run.run_id for run in reader.runs(files)] == ["run-1", "run-2"]


def test_a_fresh_run_begins_a_file_of_its_own(keeper, new_desk):
    keeper.keep(new_desk().boots())
    keeper.begin(new_desk(), "run-2", fresh=True)
    assert [file.name for file in keeper.folder.files()] == ["journal-000001.sqlite", "journal-000002.sqlite"]


def test_nobody_else_may_read_what_was_traded(keeper, desk):
    file, = keeper.keep(desk)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_journal_is_read_while_it_is_written_and_shows_whole_groups_only(keeper, desk):
    journal = keeper.write(keeper.begin(desk), desk)
    desk.quotes(48, 52)
    group = journal.prepare(desk.take())
    before = report.orders(keeper.folder.files(), Wanted())
    journal.commit([group])
    assert (before, len(report.orders(keeper.folder.files(), Wanted()))) == ([], 2)


def test_a_full_disk_undoes_the_whole_group_and_it_is_written_when_there_is_room(keeper, desk):
    journal = keeper.write(keeper.begin(desk), desk)
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(400):
        desk.wants(30 + number % 18, 52)
    group = journal.prepare(desk.take())
    with pytest.raises(sqlite3.OperationalError, match="full"):
        journal.commit([group])
    assert report.orders(keeper.folder.files(), Wanted()) == []
    journal._db.execute("PRAGMA max_page_count = 1000000")
    journal.commit([group])
    run, = reader.runs(keeper.folder.files())
    assert verify(run, reader.cycles(keeper.folder.files(), run)).difference == ""


def test_a_group_that_was_refused_half_way_leaves_nothing_behind_and_the_next_one_is_written(keeper, desk):
    journal = keeper.begin(desk)
    group = journal.prepare(desk.take())
    journal.commit([group])
    with pytest.raises(sqlite3.IntegrityError):          # the stream that it begins is there already
        journal.commit([group])
    desk.quotes(48, 52)
    assert len(report.orders([keeper.write(journal, desk).path], Wanted())) == 2


def test_a_file_of_another_schema_is_refused_with_a_remedy(keeper, desk):
    file, = keeper.keep(desk)
    for found, age in ((SCHEMA + 1, "newer"), (SCHEMA - 1, "older")):
        with closing(sqlite3.connect(file)) as db:
            db.execute(f"PRAGMA user_version = {found}")
        for use in (lambda: keeper.begin(desk, "run-2"), lambda: recall(keeper.path, 0), lambda: report.fills([file], Wanted())):
            with pytest.raises(JournalError, match=rf"written by an? {age} trader.*Use the version that wrote it"):
                use()


@pytest.mark.parametrize("damage", [b"this is no database, and long enough" * 20, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_refused_with_a_remedy(keeper, desk, damage):
    file, = keeper.keep(desk)
    file.write_bytes(damage)
    for use in (lambda: keeper.begin(desk, "run-2"), lambda: recall(keeper.path, 0), lambda: reader.runs([file])):
        with pytest.raises(JournalError, match=r"is damaged.*Move it away"):
            use()


def test_damage_in_the_middle_is_found_when_the_next_run_begins(keeper, desk):
    for cents in range(30, 48):
        desk.quotes(cents, 99 - cents)
    file, = keeper.keep(desk)
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    with pytest.raises(JournalError, match="is damaged"):
        keeper.begin(desk, "run-2")


def test_another_programs_database_is_not_taken_for_a_journal(keeper, desk):
    with closing(sqlite3.connect(keeper.folder.next_file())) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(JournalError, match="not a journal of trader"):
        keeper.begin(desk)


def test_a_file_whose_making_was_interrupted_is_begun_again(keeper, desk):
    keeper.folder.next_file().touch()
    assert reader.runs(keeper.keep(desk))[0].run_id == "run-1"


# --- rotation ---------------------------------------------------------------------------------------------------------


def test_a_file_is_full_by_its_size(keeper, desk):
    journal = keeper.begin(desk, max_bytes=100_000)
    before = journal.is_full()
    desk.cycles *= 300
    keeper.write(journal, desk).checkpoint()
    assert (before, journal.is_full()) == (False, True)


def test_the_next_file_alone_remembers_what_is_open(keeper, desk):
    first, second = desk.quotes(48, 52)
    journal = keeper.write(keeper.begin(desk), desk.fills(first))
    before = recall(keeper.path, desk.now().ms)
    journal.rotate(desk.now())
    desk.cycle()
    keeper.write(journal, desk)
    now = recall(keeper.path, desk.now().ms)
    carried = [row["order_id"] for row in report.orders([keeper.folder.files()[-1]], Wanted())]
    assert second in carried and first not in carried
    assert (now.legs, now.day_pnl_micro, now.orders) == (before.legs, before.day_pnl_micro, before.orders)


def test_a_trade_that_settles_in_the_next_file_is_still_one_fill(keeper, desk):
    first, _ = desk.quotes(48, 52)
    journal = keeper.write(keeper.begin(desk), desk.fills(first))
    journal.rotate(desk.now())
    keeper.write(journal, desk.fills(first, 20, "t1", TradeStatus.MINED))
    fills = report.fills(keeper.folder.files(), Wanted())
    assert [(fill["trade_id"], fill["status"], fill["side"]) for fill in fills] == [("t1", "MINED", "BUY")]


def test_a_run_replays_across_its_files(keeper, desk):
    journal = keeper.write(keeper.begin(desk), desk)
    for cents in range(40, 46):
        desk.quotes(cents, 99 - cents)
        keeper.write(journal, desk).rotate(desk.now())
    run, = reader.runs(keeper.folder.files())
    verdict = verify(run, reader.cycles(keeper.folder.files(), run))
    assert verdict.difference == "" and verdict.cycles > 12 and len(keeper.folder.files()) == 7


def test_only_so_many_files_are_kept_and_a_replay_says_what_is_missing(keeper, desk):
    journal = keeper.write(keeper.begin(desk, keep=2), desk)
    for cents in range(40, 43):
        desk.quotes(cents, 99 - cents)
        keeper.write(journal, desk).rotate(desk.now())
    files = keeper.folder.files()
    assert sorted(file.name for file in keeper.path.glob("*sqlite*") if "000004" not in file.name) == ["journal-000003.sqlite"]
    with pytest.raises(JournalError, match=r"cycle 1 is missing.*journal\.keep"):
        list(reader.cycles(files, reader.runs(files)[-1]))


def test_what_was_over_before_today_is_left_behind(keeper, desk):
    first, _ = desk.quotes(48, 52)
    journal = keeper.write(keeper.begin(desk), desk.fills(first).resolves(yes=True))
    desk.ns += 24 * 3_600_000_000_000
    journal.rotate(desk.now())
    assert report.fills([keeper.folder.files()[-1]], Wanted()) == [] and len(report.fills(keeper.folder.files(), Wanted())) == 1


def test_a_failed_step_into_the_next_file_leaves_the_old_one_the_newest(keeper, desk):
    journal = keeper.write(keeper.begin(desk), desk)
    keeper.folder.next_file().with_suffix(".new").mkdir()        # nobody can open this as a file
    with pytest.raises((JournalError, OSError)):
        journal.rotate(desk.now())
    desk.quotes(48, 52)
    keeper.write(journal, desk)
    assert len(keeper.folder.files()) == 1 and len(report.orders(keeper.folder.files(), Wanted())) == 2
