"""A signal handler only rings; what it asked for is done on another thread, once for many rings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from trader.ops.errands import Errands
from trader.testing.manual_clock import ManualClock

DUMP, RELOAD, FAIL = b"d", b"r", b"f"


def fail() -> None:
    raise OSError("no")


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def errands(done: list[str]) -> Iterator[Errands]:
    role = Errands({FAIL: fail, DUMP: lambda: done.append("dump"), RELOAD: lambda: done.append("reload")}, ManualClock())
    yield role
    role.close()


def test_rings_of_one_errand_coalesce(errands: Errands, done: list[str]) -> None:
    errands.ring(DUMP)
    errands.ring(DUMP)
    errands.do_work()
    errands.do_work()
    assert done == ["dump"]


def test_different_errands_are_all_done(errands: Errands, done: list[str]) -> None:
    errands.ring(RELOAD)
    errands.ring(DUMP)
    errands.do_work()
    assert sorted(done) == ["dump", "reload"]


def test_without_a_ring_nothing_is_done(errands: Errands, done: list[str]) -> None:
    errands.do_work()
    assert done == []


def test_one_that_fails_does_not_cost_the_next(errands: Errands, done: list[str], caplog: pytest.LogCaptureFixture) -> None:
    errands.ring(FAIL)
    errands.ring(DUMP)
    errands.do_work()
    assert done == ["dump"] and "an errand of a signal failed" in caplog.text


def test_a_signal_storm_never_blocks_the_handler(errands: Errands, done: list[str]) -> None:
    for _ in range(os.sysconf("SC_PAGE_SIZE") * 20):     # more than a pipe holds
        errands.ring(DUMP)
    errands.do_work()
    assert done == ["dump"]
