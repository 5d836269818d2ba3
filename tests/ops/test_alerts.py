"""What happened becomes an alert once, reaches its targets or says why not, and holds up nobody."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.model.setting import Secret
from trader.ops.alerts import (
    RETRY_S,
    WAITING_LIMIT,
    Alert,
    AlertRole,
    CommandLine,
    Deduplication,
    Incident,
    Incidents,
    Webhook,
    as_row,
    as_text,
    targets_of,
)
from trader.ops.settings import OpsSettings
from trader.testing.manual_clock import ManualClock

CRASH = Incident("crash", "strategy", "role strategy failed: boom.")
_S = 1_000_000_000


class Report(NamedTuple):
    guard_since_ns: dict[str, int]
    guard_ms: dict[str, int]
    cancel_alls: dict[str, int]
    slug: str = "btc-3pm"


def report(*, since: dict[str, int] | None = None, held_ms: dict[str, int] | None = None,
           cancel_alls: dict[str, int] | None = None) -> Report:
    return Report(since or {}, held_ms or {}, cancel_alls or {})


# --- what happened ----------------------------------------------------------------------------------------------------


def found(*reports: Report) -> list[tuple[str, str]]:
    """(kind, name) of what the last of these reports brought."""
    incidents = Incidents()
    last = [incidents.since_last(one) for one in reports][-1]
    return [(one.kind, one.name) for one in last]


def test_a_guard_is_told_when_it_is_entered_and_not_while_it_lasts() -> None:
    entered = report(since={"book_stale": 5}, held_ms={"book_stale": 0})
    assert found(report(), entered) == [("guard", "book_stale")]
    assert found(report(), entered, report(since={"book_stale": 5}, held_ms={"book_stale": 900})) == []


def test_a_guard_that_came_and_went_between_two_looks_is_told() -> None:
    assert found(report(held_ms={"book_stale": 100}), report(held_ms={"book_stale": 130})) == [("guard", "book_stale")]


def test_the_end_of_a_guard_that_was_told_is_not_told_again() -> None:
    assert found(report(since={"book_stale": 5}, held_ms={"book_stale": 1}), report(held_ms={"book_stale": 300})) == []


def test_a_guard_that_is_entered_again_is_told_again() -> None:
    assert found(report(since={"book_stale": 5}), report(since={"book_stale": 9})) == [("guard", "book_stale")]


@pytest.mark.parametrize("name", ["daily_loss", "paused"])
def test_what_only_an_operator_ends_is_a_kill_switch(name: str) -> None:
    assert found(report(since={name: 5})) == [("kill_switch", name)]


def test_routine_is_not_told() -> None:
    quiet = {"cancel_all": 1, "cooldown": 2, "caution": 3, "near_close": 4}
    assert found(report(since=quiet, held_ms=quiet, cancel_alls={"boot": 1, "roll": 3, "stop": 1})) == []


def test_a_cancel_all_is_told_once_by_its_reason_or_by_its_guard() -> None:
    assert found(report(), report(cancel_alls={"user_feed_returned": 1})) == [("cancel_all", "user_feed_returned")]
    swept = report(since={"book_stale": 5}, held_ms={"book_stale": 0}, cancel_alls={"book_stale": 1})
    assert found(report(), swept) == [("guard", "book_stale")]


# --- once -------------------------------------------------------------------------------------------------------------


def test_the_same_again_waits_and_brings_the_number_of_times() -> None:
    once = Deduplication(300 * _S)
    assert [alert.times for alert in once.alerts([CRASH, CRASH], 0, 0)] == [1]
    assert once.alerts([CRASH], 299 * _S, 0) == []
    assert [alert.times for alert in once.alerts([], 300 * _S, 0)] == [2]
    assert once.alerts([], 600 * _S, 0) == []
    assert [alert.times for alert in once.alerts([CRASH], 601 * _S, 0)] == [1]


def test_another_name_is_another_alert() -> None:
    assert len(Deduplication(_S).alerts([CRASH, CRASH._replace(name="executor")], 0, 0)) == 2


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 200)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_every_incident_is_in_exactly_one_alert(happened: list[tuple[str, int]]) -> None:
    once, now_ns, times = Deduplication(100 * _S), 0, 0
    for name, wait_s in happened:
        now_ns += wait_s * _S
        times += sum(alert.times for alert in once.alerts([CRASH._replace(name=name)], now_ns, 0))
    times += sum(alert.times for alert in once.alerts([], now_ns + 1000 * _S, 0))
    assert times == len(happened)


# --- delivery ---------------------------------------------------------------------------------------------------------


class FakeTarget:
    name = "webhook"

    def __init__(self) -> None:
        self.got: list[Alert] = []
        self.fails = ""

    def send(self, alert: Alert) -> str:
        self.got.append(alert)
        return self.fails


class Bench:
    def __init__(self) -> None:
        self.target, self.clock, self.report = FakeTarget(), ManualClock(), report()
        self.role = AlertRole([self.target], 300, lambda: self.report, self.clock, lambda s: self.clock.advance(ms=int(s * 1000)))

    def pass_time(self, seconds: int) -> int:
        """How many attempts that brought."""
        before = len(self.target.got)
        for _ in range(seconds * 4):
            self.role.do_work()
        return len(self.target.got) - before


def test_a_guard_in_the_report_reaches_the_target_at_the_next_look() -> None:
    bench = Bench()
    assert bench.pass_time(1) == 0
    bench.report = report(since={"book_stale": 5})
    assert bench.pass_time(1) == 1 and bench.target.got[0].incident.name == "book_stale"


def test_a_crash_that_is_told_from_another_thread_reaches_the_target() -> None:
    bench = Bench()
    bench.role.tell(CRASH)
    assert bench.pass_time(1) == 1 and bench.role.sent == 1


def test_a_target_that_fails_is_tried_again_later_and_later_and_then_given_up(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.target.fails = "HTTP 500"
    bench.role.tell(CRASH)
    assert [bench.pass_time(wait_s) for wait_s in (1, *RETRY_S, 300)] == [1] * (1 + len(RETRY_S)) + [0]
    assert bench.role.given_up == 1 and "given up after 4 attempts. Check ops.alert_webhook." in caplog.text


def test_at_the_end_everything_that_waits_gets_one_attempt() -> None:
    bench = Bench()
    for name in "abc":
        bench.role.tell(CRASH._replace(name=name))
    bench.role.on_stop()
    assert [alert.incident.name for alert in bench.target.got] == ["a", "b", "c"]


def test_more_than_the_limit_gives_up_the_oldest() -> None:
    bench = Bench()
    bench.target.fails = "no"
    for number in range(WAITING_LIMIT):
        bench.role.tell(CRASH._replace(name=f"a{number}"))
    bench.pass_time(1)
    for number in range(5):
        bench.role.tell(CRASH._replace(name=f"b{number}"))
    bench.pass_time(1)
    assert bench.role.given_up == 5


# --- targets ----------------------------------------------------------------------------------------------------------


def posted(status: int) -> tuple[str, list[httpx.Request]]:
    requests: list[httpx.Request] = []
    client = httpx.Client(transport=httpx.MockTransport(lambda request: requests.append(request) or httpx.Response(status)))
    return Webhook("http://hooks/T0KEN", client).send(Alert(CRASH, 3, 1_795_000_000_123)), requests


def test_a_webhook_gets_the_alert_as_json() -> None:
    failed, (request,) = posted(200)
    row = json.loads(request.content)
    assert failed == "" and row["severity"] == "critical" and row["count"] == 3 and row["time"] == "2026-11-18T11:06:40.123+00:00"
    assert "role strategy failed: boom." in row["text"] and "(3 times)" in row["text"]


def test_a_webhook_that_refuses_says_so_without_its_url() -> None:
    assert posted(503)[0] == "HTTP 503"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/T0KEN", "no url T0KEN", "", "ftp://x/T0KEN"])
def test_a_webhook_that_is_not_there_is_a_reason_and_no_exception(url: str) -> None:
    failed = Webhook(url).send(Alert(CRASH, 1, 0))
    assert failed and "T0KEN" not in failed


def test_a_command_gets_the_text_on_its_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "mail"
    assert CommandLine(f"sh -c 'cat > {out}'").send(Alert(CRASH, 1, 0)) == ""
    assert "critical: role strategy failed: boom." in out.read_text()


@pytest.mark.parametrize(("command", "said"), [
    ("false", "false ended with exit code 1"), ("/nowhere/mail x", "FileNotFoundError from /nowhere/mail"),
    (f"{sys.executable} -c 'import time; time.sleep(60)'", f"TimeoutExpired from {sys.executable}"),
])
def test_a_command_that_fails_or_hangs_is_a_reason(command: str, said: str) -> None:
    assert CommandLine(command, deadline_s=0.2).send(Alert(CRASH, 1, 0)) == said


def test_what_is_configured_is_where_it_goes() -> None:
    assert targets_of(OpsSettings()) == []
    both = targets_of(OpsSettings(alert_webhook=Secret("http://x"), alert_command="mail -s x y"))
    assert [target.name for target in both] == ["webhook", "command"]


def test_host_and_process_are_in_every_alert() -> None:
    assert {"host", "pid", "kind", "name"} <= as_row(Alert(CRASH, 1, 0)).keys() and "(pid " in as_text(Alert(CRASH, 1, 0))
