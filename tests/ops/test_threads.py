"""The dump says for every thread what it does, and for every role whether it keeps its word."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from trader.ops.threads import ThreadSample, cpu_ms_of, dump_threads, format_dump, sample_threads
from trader.ops.waits import Spot
from trader.runtime.supervisor import RoleReport

PARKED = ThreadSample("pm-book", 11, 1_250, (Spot("role.py", 9, "run", "self.role.do_work()"), Spot("feed.py", 30, "recv", "")))
IN_TIME = RoleReport("pm-book", 11, True, "cycle", 20, 250, 7)


def row_of(dump: str, name: str) -> list[str]:
    return next(line for line in dump.splitlines() if line.startswith(name)).split()


def test_a_row_has_name_tid_cpu_state_age_limit_and_cycles() -> None:
    assert row_of(format_dump([PARKED], [IN_TIME], {}), "pm-book") == ["pm-book", "11", "1.25", "cycle", "20", "250", "7"]


def test_a_role_beyond_its_limit_is_marked_overdue() -> None:
    dump = format_dump([PARKED], [IN_TIME._replace(doing="connecting", doing_ms=31_000, limit_ms=30_000)], {})
    assert row_of(dump, "pm-book")[3:5] == ["connecting", "OVERDUE"]


def test_a_role_whose_thread_is_gone_is_listed() -> None:
    assert "NOT RUNNING (stopped)" in format_dump([], [IN_TIME._replace(alive=False, doing="stopped")], {})


def test_a_state_without_a_limit_shows_none() -> None:
    assert row_of(format_dump([PARKED], [IN_TIME._replace(limit_ms=10**12)], {}), "pm-book")[5] == "-"


def test_a_thread_without_a_role_is_listed_too() -> None:
    main = PARKED._replace(name="MainThread", cpu_ms=None)
    assert row_of(format_dump([main], [], {}), "MainThread")[2:] == ["-", "-", "(no", "role)"]


def test_the_queues_are_told_with_their_depths() -> None:
    assert "queues: inbox 3, outbox.place 0" in format_dump([], [], {"inbox": 3, "outbox.place": 0})


def test_a_stack_reads_downwards_to_the_parking_spot() -> None:
    dump = format_dump([PARKED], [], {})
    assert dump.endswith("pm-book (tid 11)\n  role.py:9 run\n      self.role.do_work()\n  feed.py:30 recv")


@pytest.fixture
def parked_thread() -> Iterator[threading.Thread]:
    release = threading.Event()
    thread = threading.Thread(target=lambda: parked_here(release), name="parked", daemon=True)
    thread.start()
    yield thread
    release.set()
    thread.join(5)


def parked_here(release: threading.Event) -> None:
    release.wait()


def test_sampling_finds_every_thread_with_its_stack(parked_thread: threading.Thread) -> None:
    samples = {sample.name: sample for sample in sample_threads()}
    assert threading.current_thread().name in samples
    assert samples["parked"].native_id == parked_thread.native_id
    assert {"parked_here", "wait"} & {spot.function for spot in samples["parked"].stack}


def test_a_dump_of_this_process_shows_this_very_line() -> None:
    assert "test_a_dump_of_this_process_shows_this_very_line" in dump_threads([], {})


def test_cpu_time_is_read_from_the_kernel_and_absent_for_a_thread_that_ended() -> None:
    mine = cpu_ms_of(threading.get_native_id())
    assert mine is not None and 0 <= mine < 10**7
    assert cpu_ms_of(None) is None
