"""The feed's frames on their way to the recording: kept up to a limit, then dropped and counted; nobody waits."""

from __future__ import annotations

from trader.handoff.tape import FrameTape


def test_frames_beyond_the_limit_are_dropped_and_counted_and_the_feed_goes_on():
    tape = FrameTape(limit_bytes=10)
    for number in range(4):
        tape.keep(number, [b"12345"])
    assert (tape.kept, tape.dropped) == (2, 2)
    assert [batch.received_ns for batch in tape.take()] == [0, 1]


def test_a_tape_that_was_read_takes_frames_again_and_says_how_many_are_missing():
    tape = FrameTape(limit_bytes=1)
    tape.keep(0, [b"1"])
    tape.keep(1, [b"2", b"3"])
    list(tape.take())
    tape.keep(2, [b"4"])
    assert [(batch.received_ns, batch.dropped) for batch in tape.take()] == [(2, 2)]


def test_a_closed_tape_drops_everything_and_forgets_what_waited():
    tape = FrameTape()
    tape.keep(0, [b"1"])
    tape.close()
    tape.keep(1, [b"2"])
    assert (list(tape.take()), tape.dropped) == ([], 1)


def test_what_comes_while_the_tape_is_read_is_left_for_the_next_time():
    tape = FrameTape()
    tape.keep(0, [b"1"])
    for batch in tape.take():
        tape.keep(batch.received_ns + 1, [b"2"])
    assert [batch.received_ns for batch in tape.take()] == [1]
