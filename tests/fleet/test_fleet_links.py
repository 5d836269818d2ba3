from __future__ import annotations

import errno

import pytest

from trader.fleet.links import JOINED_BYTES, MOST_SENDS, WorkerLink
from trader.fleet.parcels import Unpacker

LIMIT_BYTES = 100


class ScriptedEnd:
    """A socket that takes so many bytes a send, or raises; what is not scripted it takes whole."""

    def __init__(self, *script: int | OSError) -> None:
        self.script, self.got, self.sends = list(script), b"", 0

    def fileno(self) -> int:
        return 99

    def send(self, fileno: int, data: bytes) -> int:
        assert fileno == self.fileno()
        self.sends += 1
        done = self.script.pop(0) if self.script else len(data)
        if isinstance(done, OSError):
            raise done
        self.got += data[:done]
        return done

    def setsockopt(self, *option: int) -> None:
        pass


@pytest.fixture
def woken():
    return []


@pytest.fixture
def link_on(woken):
    def attached(end: ScriptedEnd) -> WorkerLink:
        link = WorkerLink(0, LIMIT_BYTES, lambda: woken.append(True), end.send)
        link.attach(end)
        return link
    return attached


def test_a_parcel_that_goes_in_pieces_arrives_whole_and_before_what_came_after_it(link_on, woken):
    end = ScriptedEnd(3, 2, 0)
    link = link_on(end)
    assert link.offer(b"abcdefgh") and link.offer(b"ijk")
    for _ in range(3):
        link.flush()
    assert end.got == b"abcdefghijk" and len(woken) == 1 and (link.depth, link.unsent_bytes) == (0, 0)


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM])
def test_what_the_kernel_has_no_room_for_waits_and_is_not_lost(link_on, woken, code):
    end = ScriptedEnd(2, OSError(code, "no room"))
    link = link_on(end)
    link.offer(b"abcd")
    link.flush()
    assert woken == [True] and link.depth == 1
    link.flush()
    assert end.got == b"abcd"


def test_what_is_for_a_dead_worker_waits_for_nobody(link_on, woken):
    link = link_on(ScriptedEnd(2, BrokenPipeError(), BrokenPipeError()))
    link.offer(b"abcd")
    link.flush()
    assert link.offer(b"more") and (link.depth, woken) == (0, [True])


def test_frames_are_refused_beyond_the_limit_and_until_there_is_room_again_but_words_never_are(link_on):
    link = link_on(ScriptedEnd(0, 0, 60))
    assert link.offer(b"x" * (LIMIT_BYTES + 1)) and not link.offer(b"y") and link.tell({"do": "beat"})
    link.flush()
    assert not link.has_room and link.refused == 1
    link.flush()
    assert not link.has_room                 # more than half of the limit
    link.flush()
    assert link.has_room and link.offer(b"y")


def test_what_waits_goes_many_parcels_a_send(link_on):
    end = ScriptedEnd(0)
    link = link_on(end)
    for number in range(1000):
        assert link.tell({"n": number})
    before = end.sends
    link.flush()
    assert end.sends - before == 1 and link.depth == 0
    assert [word["n"] for word in Unpacker().feed(end.got)] == list(range(1000))


def test_a_flush_ends_although_more_waits_and_the_next_goes_on(link_on):
    """Its thread hears all workers, and whoever adds may be faster than it."""
    end, parcel = ScriptedEnd(0), b"x" * (JOINED_BYTES // 2 + 1)
    link = WorkerLink(0, 1 << 40, lambda: None, end.send)
    link.attach(end)
    for _ in range(MOST_SENDS + 5):
        assert link.offer(parcel)
    link.flush()
    assert link.depth == 5
    link.flush()
    assert link.depth == 0 and end.got == parcel * (MOST_SENDS + 5)
