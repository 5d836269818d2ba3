"""One writer, newest wins."""

from __future__ import annotations

import threading

import pytest

from trader.errors import OwnershipError
from trader.handoff.cache import SnapshotCache


def on_thread(name, call):
    """Runs `call` on a thread of that name and returns what it raised."""
    raised = []

    def guarded():
        try:
            call()
        except OwnershipError as error:
            raised.append(error)

    thread = threading.Thread(target=guarded, name=name)
    thread.start()
    thread.join(5)
    return raised


def test_before_the_first_publish_there_is_nothing_to_read():
    assert SnapshotCache("book").read() is None


def test_the_newest_snapshot_is_read_and_it_is_the_very_object():
    cache = SnapshotCache("book")
    first, second = (1,), (2,)
    cache.publish(first)
    cache.publish(second)
    assert cache.read() is second


def test_reading_does_not_consume():
    cache = SnapshotCache("book")
    cache.publish((1,))
    assert cache.read() is cache.read()


def test_a_cache_refuses_a_second_writer_and_names_both_threads():
    cache = SnapshotCache("reference")
    cache.publish((1,))
    error, = on_thread("bn-ticker", lambda: cache.publish((2,)))
    assert "'reference'" in error.problem
    assert repr(threading.current_thread().name) in error.problem
    assert "'bn-ticker'" in error.problem
    assert error.remedy


def test_what_a_second_writer_published_is_never_read():
    cache = SnapshotCache("reference")
    cache.publish((1,))
    on_thread("bn-ticker", lambda: cache.publish((2,)))
    assert cache.read() == (1,)


def test_the_owner_may_go_on_publishing_after_the_intruder_was_refused():
    cache = SnapshotCache("reference")
    cache.publish((1,))
    on_thread("bn-ticker", lambda: cache.publish((2,)))
    cache.publish((3,))
    assert cache.read() == (3,)


def test_any_thread_may_read():
    cache, seen = SnapshotCache("book"), []
    cache.publish((1,))
    assert on_thread("strategy", lambda: seen.append(cache.read())) == []
    assert seen == [(1,)]


@pytest.mark.parametrize("attribute", ["snapshot", "owner"])
def test_nothing_can_be_hung_on_a_cache(attribute):
    with pytest.raises(AttributeError):
        setattr(SnapshotCache("book"), attribute, None)
