from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.runtime.process import TunedProcess, process_facts, timer_slack_ns
from trader.runtime.settings import RuntimeSettings, cores_of
from trader.testing.manual_clock import ManualClock


def tuned(**options: Any) -> TunedProcess:
    return TunedProcess(RuntimeSettings(**options), lambda: False, ManualClock())


def role(name: str, native_id: int | None = 0) -> dict[str, object]:
    """As stats has it. 0: the thread that runs this test."""
    return {"name": name, "native_id": threading.get_native_id() if native_id == 0 else native_id}


def test_inside_the_block_the_knobs_are_turned_and_after_it_they_are_as_before() -> None:
    before, set_aside = (sys.getswitchinterval(), gc.isenabled(), timer_slack_ns()), gc.get_freeze_count()
    with tuned(switch_interval_us=700, timer_slack_us=3) as process:
        process.threads_run([])
        facts = process_facts(threading.get_native_id())
        assert (facts["switch_interval_us"], facts["gc"]) == (700, "quiet")
    assert (sys.getswitchinterval(), gc.isenabled(), timer_slack_ns()) == before
    assert gc.get_freeze_count() <= set_aside, "Python 3.12 sets aside a few hundred objects by itself"


def test_a_start_that_fails_leaves_nothing_turned() -> None:
    with pytest.raises(RuntimeError), tuned(switch_interval_us=700):
        raise RuntimeError
    assert gc.isenabled() and sys.getswitchinterval() != 0.0007


def test_pythons_own_collector_stays_on_where_that_is_asked_for() -> None:
    set_aside = gc.get_freeze_count()
    with tuned(gc="python") as process:
        process.threads_run([])
        assert gc.isenabled() and gc.get_freeze_count() <= set_aside


def test_a_thread_inherits_the_timer_slack_of_the_one_that_starts_it() -> None:
    found: list[int] = []
    with tuned(timer_slack_us=7):
        thread = threading.Thread(target=lambda: found.append(timer_slack_ns()))
        thread.start()
        thread.join()
    assert found == [7_000]


@pytest.mark.parametrize(("name", "is_pinned"), [("strategy", True), ("gateway-2", True), ("journal", False)])
def test_only_threads_between_a_price_and_an_order_are_pinned(name: str, is_pinned: bool) -> None:
    everywhere = os.sched_getaffinity(0)
    core = min(everywhere)
    try:
        with tuned(cpus=str(core)) as process:
            process.threads_run([role(name), role("executor", None)])
            assert process_facts(threading.get_native_id())["cpus"] == ([core] if is_pinned else sorted(everywhere))
    finally:
        os.sched_setaffinity(0, everywhere)


def test_cores_that_are_not_there_are_said_and_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with tuned(cpus="1023") as process:
        process.threads_run([role("strategy")])
    assert "refused cores 1023 for strategy (Invalid argument)" in caplog.text


def test_a_thread_that_has_ended_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with tuned(cpus="0", realtime_priority=1) as process:
        process.threads_run([role("strategy", 2**22 + 1)])
    assert caplog.text == ""


def test_a_priority_that_the_system_refuses_is_said_with_what_to_grant(caplog: pytest.LogCaptureFixture) -> None:
    """As root it is granted; then the thread has it. Either way the log and the facts agree."""
    facts: list[dict[str, object]] = []

    def hot() -> None:
        with tuned(realtime_priority=5, gc="python") as process:
            process.threads_run([role("strategy")])
            facts.append(process_facts(threading.get_native_id()))

    thread = threading.Thread(target=hot)
    thread.start()
    thread.join()
    assert (facts[0]["scheduling"] == "SCHED_OTHER") == ("CAP_SYS_NICE" in caplog.text)


_FAMILY = """
import logging, os, subprocess, sys, threading
from trader.runtime.process import one_below, prioritise_process
logging.basicConfig(level=logging.INFO)
parked = threading.Event()
thread = threading.Thread(target=parked.wait)
thread.start()
ask = "import os; print(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)"
def said():
    with one_below():
        child = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    return [os.sched_getparam(native_id).sched_priority for native_id in (0, thread.native_id)], list(map(int, child))
prioritise_process(3)
print(said())
prioritise_process(1)
print(said())
parked.set()
"""


def test_a_whole_process_has_a_priority_and_what_it_starts_one_below_and_a_refusal_is_said() -> None:
    done = subprocess.run([sys.executable, "-c", _FAMILY], capture_output=True, text=True, check=True, timeout=60)
    if "CAP_SYS_NICE" in done.stderr:
        assert done.stdout.splitlines() == [str(([0, 0], [os.SCHED_OTHER, 0]))] * 2
    else:
        assert done.stdout.splitlines() == [str(([3, 3], [os.SCHED_FIFO, 2])), str(([1, 1], [os.SCHED_OTHER, 0]))]
        assert "process: hot threads at SCHED_FIFO 3" in done.stderr


def test_what_holds_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "trader"), tuned(switch_interval_us=300) as process:
        process.threads_run([])
    line, = [each for each in caplog.messages if each.startswith("process: ")]
    assert "switch interval 300 µs" in line and "garbage collected when it is young or nothing is open" in line


_POOLS = """
import ctypes, sys, threading
from trader.runtime.process import set_malloc_pools
set_malloc_pools(int(sys.argv[1]))
ready, done = threading.Barrier(5), threading.Event()
def work():
    held = [bytes(4_000) for _ in range(100)]
    ready.wait()
    done.wait()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
ready.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.parametrize(("pools", "least", "most"), [(1, 1, 1), (0, 2, 99)])
def test_all_threads_take_memory_from_as_many_pools_as_are_asked_for(tmp_path: Path, pools: int, least: int, most: int) -> None:
    report = tmp_path / "malloc.xml"
    subprocess.run([sys.executable, "-c", _POOLS, str(pools), str(report)], check=True, timeout=30)
    assert least <= report.read_text().count("<heap nr=") <= most


# --- cores ----------------------------------------------------------------------------------------------------------------


def test_cores_are_a_list_of_numbers_and_ranges() -> None:
    assert cores_of("2, 4-6") == {2, 4, 5, 6}


@pytest.mark.parametrize("text", ["", "a", "2,", "-1", "3-2", "2-1024", "1.5", "2-3-4"])
def test_what_names_no_core_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="core"):
        cores_of(text)


@given(st.text(max_size=12))
def test_any_text_gives_cores_or_a_value_error(text: str) -> None:
    try:
        assert cores_of(text)
    except ValueError as why:
        assert str(why)
