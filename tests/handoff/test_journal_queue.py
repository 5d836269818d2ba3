"""Cycles on their way to the disk: none is lost, and nobody sends what is not written."""

from __future__ import annotations

from trader.handoff.journal import MOST_A_GROUP, JournalQueue


def filled(count, **options):
    queue = JournalQueue(**options)
    for number in range(count):
        queue.put(number)
    return queue


def test_a_group_is_everything_that_waits_in_order():
    queue = filled(3)
    assert (queue.take(0), queue.take(0)) == ([0, 1, 2], [])


def test_a_group_has_a_limit_and_the_rest_is_the_next_group():
    queue = filled(MOST_A_GROUP + 1)
    assert (len(queue.take(0)), queue.take(0)) == (MOST_A_GROUP, [MOST_A_GROUP])


def test_a_place_may_be_sent_once_it_or_a_newer_one_is_written():
    queue = JournalQueue()
    queue.written(7)
    assert queue.wait_written(7, 0) and queue.wait_written(3, 0) and not queue.wait_written(8, 0)


def test_what_is_written_never_falls():
    queue = JournalQueue()
    queue.written(7)
    queue.written(0)                     # a group without a place
    assert queue.written_seq == 7


def test_a_journal_that_failed_lets_nobody_wait_and_nothing_be_sent():
    queue = JournalQueue()
    queue.fail("the disk is full")
    assert not queue.wait_written(1, timeout_s=3600)
    assert queue.trouble == "the disk is full"


def test_a_commit_after_a_failure_ends_it():
    queue = JournalQueue()
    queue.fail("locked")
    queue.written(1)
    assert queue.trouble == "" and queue.wait_written(1, 0)


def test_too_many_cycles_that_wait_are_trouble_and_none_is_dropped():
    queue = filled(3, limit=2)
    assert queue.trouble == "3 cycles are not written yet (limit 2); look for a slow disk"
    assert len(queue.take(0)) == 3 and queue.trouble == ""


def test_a_closed_queue_takes_no_more_and_says_why():
    queue = filled(1)
    queue.close("given up")
    queue.put(1)
    assert (queue.take(0), queue.trouble) == ([0], "given up")
