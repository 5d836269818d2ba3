"""A journal whose process is killed in the middle of writing, and one whose disk is full: what was to be sent stands in it."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from trader.journal import reader, report
from trader.journal.folder import journal_files
from trader.journal.recall import recall
from trader.journal.report import Wanted

CHILD = Path(__file__).with_name("journal_writer_child.py")


def writer(*arguments):
    return subprocess.Popen([sys.executable, str(CHILD), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def sent(child, count):
    return [int(child.stdout.readline()) for _ in range(count)]


def rest_of(child):
    """What it still said. Not `communicate`, which forgets what `readline` has read ahead."""
    with child.stdout as said:
        lines = said.read().splitlines()
    child.wait(20)
    return lines


def killed(child):
    child.kill()
    return rest_of(child)


def in_the_journal(folder):
    return {int(row["order_id"].removeprefix("order-")) for row in report.orders(journal_files(folder), Wanted())}


@pytest.mark.parametrize("seed", range(5))
def test_after_kill_9_everything_that_was_sent_is_there_and_the_file_opens(tmp_path, seed):
    child = writer(tmp_path)
    before = sent(child, random.Random(seed).randrange(1, 300))
    after = [int(line) for line in killed(child)]
    placed = in_the_journal(tmp_path)
    assert placed >= {*before, *after}
    assert placed <= set(range(1, max([*before, *after]) + 4))           # and nothing that nobody asked for
    run, = reader.runs(journal_files(tmp_path))
    assert run.end_reason is None and {cycle.placed_seq for cycle in reader.cycles(journal_files(tmp_path), run)} == placed
    assert {order.order_id for order in recall(tmp_path, 0).orders} == {f"order-{seq}" for seq in placed}


def test_a_run_after_a_kill_goes_on_in_the_same_file(tmp_path):
    for _ in range(2):
        child = writer(tmp_path)
        sent(child, 20)
        killed(child)
    assert len(journal_files(tmp_path)) == 1 and len(reader.runs(journal_files(tmp_path))) == 2


def test_it_is_read_while_it_is_written(tmp_path):
    child = writer(tmp_path)
    try:
        for _ in range(20):
            last = sent(child, 5)[-1]
            assert last in in_the_journal(tmp_path)
    finally:
        killed(child)


def test_on_a_full_disk_nothing_is_sent_any_more_and_what_was_sent_is_there(tmp_path):
    child = writer(tmp_path, 300_000)
    *lines, last = rest_of(child)
    assert "cannot be written" in last and "crashed" not in last
    assert in_the_journal(tmp_path) >= set(map(int, lines)) and len(lines) > 10
