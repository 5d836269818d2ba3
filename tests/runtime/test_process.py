from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.runtime import process
from trader.runtime.process import COLLECT_EVERY_NS, QuietCollector, TunedProcess, process_facts, timer_slack_ns
from trader.runtime.settings import RuntimeSettings, cores_of
from trader.testing.manual_clock import ManualClock

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's knobs are Linux's")


class Cycle:
    """Garbage that only a collector finds."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collector_switched_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def tuned(**options: object) -> TunedProcess:
    return TunedProcess(RuntimeSettings(**options), lambda: False, ManualClock())        # type: ignore[arg-type]


def role(name: str, native_id: int | None = 0) -> dict[str, object]:
    """As stats has it. 0: the thread that runs this test."""
    return {"name": name, "native_id": threading.get_native_id() if native_id == 0 else native_id}


def collector(clock: ManualClock, *, flat: bool) -> QuietCollector:
    over = threading.Event()
    over.set()
    return QuietCollector(lambda: flat, clock, over)


def test_inside_the_block_the_knobs_are_turned_and_after_it_they_are_as_before() -> None:
    before = sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count(), timer_slack_ns()
    with tuned(switch_interval_us=700, timer_slack_us=3) as process:
        process.threads_run([])
        facts = process_facts(threading.get_native_id())
        assert (facts["switch_interval_us"], facts["gc"]) == (700, "quiet")
    assert (sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count(), timer_slack_ns()) == before


def test_a_start_that_fails_leaves_nothing_turned() -> None:
    with pytest.raises(RuntimeError), tuned(switch_interval_us=700):
        raise RuntimeError
    assert gc.isenabled() and sys.getswitchinterval() != 0.0007


def test_pythons_own_collector_stays_on_where_that_is_asked_for() -> None:
    with tuned(gc="python") as process:
        process.threads_run([])
        assert gc.isenabled() and gc.get_freeze_count() == 0


@linux_only
def test_a_thread_inherits_the_timer_slack_of_the_one_that_starts_it() -> None:
    found: list[int] = []
    with tuned(timer_slack_us=7):
        thread = threading.Thread(target=lambda: found.append(timer_slack_ns()))
        thread.start()
        thread.join()
    assert found == [7_000]


@linux_only
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


@linux_only
def test_cores_that_are_not_there_are_said_and_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with tuned(cpus="1023") as process:
        process.threads_run([role("strategy")])
    assert "refused cores 1023 for strategy (Invalid argument)" in caplog.text


def test_a_thread_that_has_ended_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with tuned(cpus="0", realtime_priority=1) as process:
        process.threads_run([role("strategy", 2**22 + 1)])
    assert caplog.text == ""


@linux_only
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


def test_what_holds_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "trader"), tuned(switch_interval_us=300) as process:
        process.threads_run([])
    line, = [each for each in caplog.messages if each.startswith("process: ")]
    assert "switch interval 300 µs" in line and "garbage collected while nothing is open" in line


# --- the collector --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("collector_switched_off")
def test_garbage_is_collected_once_the_desk_is_flat_and_a_minute_has_passed() -> None:
    clock = ManualClock()
    looks = collector(clock, flat=True)
    found: list[bool] = []
    for ms in (COLLECT_EVERY_NS // 1_000_000 - 1, 1):
        Cycle()
        clock.advance(ms=ms)
        looks.do_work()
        found.append(any(isinstance(each, Cycle) for each in gc.get_objects()))
    assert found == [True, False]


@pytest.mark.usefixtures("collector_switched_off")
def test_nothing_is_collected_while_orders_may_be_open() -> None:
    clock = ManualClock()
    looks = collector(clock, flat=False)
    Cycle()
    clock.advance(ms=COLLECT_EVERY_NS // 1_000)
    looks.do_work()
    assert any(isinstance(each, Cycle) for each in gc.get_objects())


@pytest.mark.usefixtures("collector_switched_off")
def test_what_survived_a_pass_is_not_looked_at_again() -> None:
    clock = ManualClock()
    looks, kept = collector(clock, flat=True), [Cycle() for _ in range(1_000)]
    clock.advance(ms=COLLECT_EVERY_NS // 1_000_000)
    looks.do_work()
    assert gc.get_count()[0] < len(kept) <= gc.get_freeze_count()


@pytest.mark.usefixtures("collector_switched_off")
def test_a_desk_that_is_never_flat_does_not_grow_without_end(caplog: pytest.LogCaptureFixture) -> None:
    kept = [[] for _ in range(process.MOST_UNCOLLECTED + 1_000)]         # type: ignore[var-annotated]
    collector(ManualClock(), flat=False).do_work()
    assert gc.get_count()[0] < 1_000 < len(kept)
    assert "runtime.gc: python" in caplog.text


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
