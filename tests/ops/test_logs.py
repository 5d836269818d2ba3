"""The log: formatted and written by one thread, without secrets, repeats counted, nothing lost at the end."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ConfigError
from trader.model.setting import Secret
from trader.ops.logs import COMPONENTS, JsonForm, Logs, LogWriter, QueueEnd, Redactor, Repeats, TextForm, component_of, levels_in
from trader.ops.settings import OpsSettings
from trader.runtime.clock import SystemClock
from trader.testing.manual_clock import ManualClock

KEY = "0x" + "ab" * 32


def record(text: str, *args: object, level: int = logging.INFO, name: str = "trader.feeds.line") -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, args, None)


class Desk:
    """A log without a thread: `say` as any thread would, `write` as thread `log` would."""

    def __init__(self, limit: int = 10_000) -> None:
        self.end, self.clock, self.stream = QueueEnd(limit), ManualClock(), io.StringIO()
        sinks, sink = logging.Logger("sinks"), logging.StreamHandler(self.stream)
        sink.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        sinks.addHandler(sink)
        self.writer = LogWriter(self.end, sinks, self.clock)

    def say(self, text: str, *args: object, level: int = logging.INFO) -> None:
        self.end.handle(record(text, *args, level=level))

    def written(self) -> list[str]:
        self.writer.write(0)
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return lines


@pytest.fixture
def desk() -> Desk:
    return Desk()


# --- the queue --------------------------------------------------------------------------------------------------------


class Costly:
    def __init__(self) -> None:
        self.formatted_on: list[str] = []

    def __str__(self) -> str:
        self.formatted_on.append(threading.current_thread().name)
        return "costly"


def test_a_thread_that_logs_formats_nothing(desk: Desk) -> None:
    costly = Costly()
    desk.say("it is %s", costly)
    assert costly.formatted_on == []
    assert desk.written() == ["INFO it is costly"] and len(costly.formatted_on) == 1


def test_lines_keep_their_order(desk: Desk) -> None:
    for number in range(100):
        desk.say("line %s", number)
    assert desk.written() == [f"INFO line {number}" for number in range(100)]


@pytest.mark.parametrize("args", [(), ("x", "y"), (Exception,)])
def test_a_line_with_wrong_arguments_is_told_as_such_and_the_next_one_comes(desk: Desk, args: tuple[object, ...]) -> None:
    desk.say("%d of", *args)
    desk.say("next")
    assert desk.written()[-1] == "INFO next"


def test_beyond_the_limit_lines_are_left_out_and_counted_once() -> None:
    desk = Desk(limit=3)
    for number in range(5):
        desk.say("line %s", number)
    assert desk.written()[3:] == ["WARNING log: 2 lines came faster than they could be written and were left out"]
    assert desk.written() == []


def test_logging_takes_no_lock_so_that_a_signal_handler_may_log() -> None:
    end = QueueEnd()
    end.lock = object()                  # whoever took it would fail
    assert end.handle(logging.makeLogRecord({"msg": "said"}))
    assert [record.msg for record in end.take(0)] == ["said"]


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_the_same_line_again_and_again_is_counted_and_told_when_its_time_is_over(desk: Desk) -> None:
    for _ in range(9):
        desk.say("the disk is full")
    assert desk.written() == ["INFO the disk is full"] * 5
    desk.clock.advance(ms=9_999)
    assert desk.written() == []
    desk.clock.advance(ms=1)
    assert desk.written() == ["INFO the disk is full (and 4 more like this)"]


def test_of_a_warning_numbers_do_not_make_another_line(desk: Desk) -> None:
    for wait_s in range(8):
        desk.say("next attempt in %d s", wait_s, level=logging.WARNING)
    assert len(desk.written()) == 5


def test_fills_that_differ_are_all_told(desk: Desk) -> None:
    for size in range(50):
        desk.say("fill: BUY %d at 57 ¢", size)
    assert len(desk.written()) == 50


def test_a_dump_and_a_traceback_always_pass() -> None:
    repeats, dump = Repeats(limit=1), record("thread dump\nline", level=logging.ERROR)
    assert [repeats.pass_on(dump, 0) for _ in range(3)] == [[dump]] * 3


def test_what_was_counted_is_told_at_the_end(desk: Desk) -> None:
    for _ in range(7):
        desk.say("again")
    desk.writer.on_stop()
    assert desk.written()[-1] == "INFO again (and 2 more like this)"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4_000)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_every_line_is_told_or_counted_exactly_once(said: list[tuple[int, int]]) -> None:
    repeats, now_ns, told = Repeats(limit=2), 0, []
    for which, wait_ms in said:
        now_ns += wait_ms * 1_000_000
        told += repeats.pass_on(record(f"line {'abcd'[which]}"), now_ns)
    told += repeats.close()
    counted = [int(line.msg.split("(and ")[1].split()[0]) for line in told if "(and " in line.msg]
    assert len(told) - len(counted) + sum(counted) == len(said)


# --- forms and secrets ------------------------------------------------------------------------------------------------


def test_a_secret_is_in_no_line_whichever_way_it_came_there() -> None:
    redact = Redactor(lambda: [Secret(KEY), Secret("hunter2-passphrase")])
    try:
        raise ValueError(f"key {KEY[2:].upper()} with hunter2-passphrase")
    except ValueError as error:
        line = record("failed for %s", KEY)
        line.exc_info = (type(error), error, error.__traceback__)
    for form in (TextForm(redact), JsonForm(redact)):
        text = form.format(line)
        assert "abab" not in text.lower() and "hunter2" not in text and "***" in text


def test_a_secret_that_became_known_later_is_hidden_from_then_on() -> None:
    known: list[Secret] = []
    redact = Redactor(lambda: known)
    assert redact("passphrase-1") == "passphrase-1"
    known.append(Secret("passphrase-1"))
    assert redact("passphrase-1") == "***"


def test_no_secret_or_a_short_one_hides_nothing() -> None:
    assert Redactor(lambda: [Secret(""), Secret("a")])("a b c") == "a b c"


def test_a_json_line_has_everything_a_program_needs() -> None:
    line = record("hello %s", "wörld", level=logging.WARNING)
    line.created, line.threadName = 1_795_000_000.123, "pm-book"
    assert json.loads(JsonForm(str).format(line)) == {
        "time": "2026-11-18T11:06:40.123Z", "level": "WARNING", "thread": "pm-book", "component": "feeds", "message": "hello wörld"}


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_a_json_line_is_one_line_of_json_whatever_is_said(text: str) -> None:
    said = JsonForm(str).format(record("%s", text))
    assert "\n" not in said and json.loads(said)["level"] == "INFO"


@pytest.mark.parametrize(("logger", "component"), [
    ("trader.feeds.line", "feeds"), ("trader.app", "app"), ("httpx", "httpx"), ("trader", "trader")])
def test_the_component_is_the_folder(logger: str, component: str) -> None:
    assert component_of(logger) == component


# --- levels -----------------------------------------------------------------------------------------------------------


def test_levels_of_components() -> None:
    assert levels_in('{"feeds": "debug", "gateway": "ERROR"}') == {"feeds": "DEBUG", "gateway": "ERROR"}
    assert levels_in("") == {}


@pytest.mark.parametrize(("text", "said"), [
    ('{"feed": "DEBUG"}', "did you mean 'feeds'?"),
    ('{"feeds": "LOUD"}', "was 'LOUD', must be one of DEBUG"),
    ('{"feeds": 7}', "was '7'"),
])
def test_wrong_levels_are_refused_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        levels_in(text)


def test_every_component_exists() -> None:
    package = Path(__file__).parents[2] / "trader"
    assert all((package / name).is_dir() or (package / f"{name}.py").is_file() for name in COMPONENTS)


# --- all of it --------------------------------------------------------------------------------------------------------


@pytest.fixture
def root_as_before() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = list(root.handlers)
    yield root
    assert root.handlers == before


def test_between_enter_and_exit_lines_reach_the_file_through_the_thread(root_as_before: logging.Logger, tmp_path: Path) -> None:
    path = tmp_path / "desk.log"
    with Logs(OpsSettings(log_file=str(path), log_format="json"), lambda: [Secret("a-secret")], SystemClock()):
        assert "log" in {thread.name for thread in threading.enumerate()}
        logging.getLogger("trader.test").error("first a-secret")
    logging.getLogger("trader.test").error("after")
    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["first ***"]
    assert "log" not in {thread.name for thread in threading.enumerate()}


def test_a_file_that_was_moved_away_is_opened_anew(root_as_before: logging.Logger, tmp_path: Path) -> None:
    path, sink = tmp_path / "desk.log", logging.getLogger("trader.test")
    logs = Logs(OpsSettings(log_file=str(path)), list, SystemClock())
    logs.sinks.handle(record("before"))
    path.rename(tmp_path / "desk.log.1")
    logs.sinks.handle(record("after"))
    assert "before" in (tmp_path / "desk.log.1").read_text() and "after" in path.read_text() and sink


def test_a_file_that_cannot_be_written_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"ops\.log_file /nowhere/desk.log cannot be written"):
        Logs(OpsSettings(log_file="/nowhere/desk.log"), list, SystemClock())


def test_levels_of_components_hold_for_the_run_only(root_as_before: logging.Logger, tmp_path: Path) -> None:
    feeds = logging.getLogger("trader.feeds")
    with Logs(OpsSettings(log_file=str(tmp_path / "x"), log_levels='{"feeds": "ERROR"}'), list, SystemClock()):
        assert feeds.level == logging.ERROR
    assert feeds.level == logging.NOTSET
