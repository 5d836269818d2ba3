"""From a stack to what a thread waits for, and from that to who is stuck because of whom."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from trader.ops.waits import PARKING, Spot, Wait, picture, wait_of
from trader.runtime.supervisor import RoleReport

SHELL = Spot("/x/trader/runtime/role.py", 85, "run", "self.role.do_work()")


def at(path: str, function: str, source: str = "") -> Spot:
    return Spot(f"/usr/lib/{path}", 1, function, source)


LOCK_WAIT = at("python3.11/threading.py", "wait")
EXECUTOR = (SHELL, at("trader/executor/role.py", "do_work"), at("trader/handoff/inbox.py", "get"), at("python3.11/queue.py", "get"),
            LOCK_WAIT)
GATEWAY = (SHELL, at("trader/gateway/role.py", "do_work"), at("trader/handoff/outbox.py", "take"), LOCK_WAIT)
REQUEST = (SHELL, at("trader/gateway/role.py", "_place"), at("trader/gateway/transport.py", "handle_request"),
           at("trader/gateway/transport.py", "_receive"))


def test_an_idle_executor_waits_at_its_inbox_for_those_that_write_to_it() -> None:
    wait = wait_of("executor", EXECUTOR)
    assert wait.what == "inbox" and "pm-user" in wait.fed_by


def test_the_innermost_parking_spot_counts() -> None:
    assert wait_of("gateway-1", REQUEST) == Wait("gateway-1", "an HTTP answer", ("the venue",))


def test_a_timer_counts_only_while_its_cycle_has_gone_no_deeper() -> None:
    cycle = (SHELL, at("trader/gateway/heartbeat.py", "do_work"))
    assert wait_of("heartbeat", (*cycle, LOCK_WAIT)).fed_by == ("the clock",)
    assert wait_of("heartbeat", (*cycle, *REQUEST[2:])).what == "an HTTP answer"


def test_what_is_no_parking_spot_runs_and_says_where() -> None:
    wait = wait_of("strategy", (SHELL, at("trader/strategy/pricing.py", "fair"), at("python3.11/statistics.py", "erf")))
    assert wait == Wait("strategy", "runs trader/strategy/pricing.py:1 fair", ())


def test_a_thread_at_a_with_line_of_a_lock_wants_that_lock() -> None:
    assert wait_of("x", (SHELL, at("trader/gateway/limits.py", "take", "with self._lock:"))).what == "a lock (with self._lock)"


def test_a_thread_of_another_program_is_shown_by_its_own_place() -> None:
    assert wait_of("x", (at("theirs/app.py", "main"),)).what == "runs /usr/lib/theirs/app.py:1 main"
    assert wait_of("x", ()).what == "runs nowhere"


def role(name: str, doing_ms: int, *, alive: bool = True) -> RoleReport:
    return RoleReport(name, 1, alive, "cycle", doing_ms, 250, 7)


def test_the_picture_names_who_is_stuck_and_who_goes_without() -> None:
    stuck = wait_of("executor", (SHELL, at("trader/executor/core.py", "step")))
    lines = picture([stuck, wait_of("gateway-1", GATEWAY)], {"executor": role("executor", 5_300), "gateway-1": role("gateway-1", 9)})
    assert lines[1:] == [
        "  executor        runs trader/executor/core.py:1 step   OVERDUE",
        "  gateway-1       outbox ⇐ executor",
        "stuck: executor, 5300 ms in 'cycle' (limit 250 ms): runs trader/executor/core.py:1 step. Fed by it: gateway-1 (outbox).",
    ]


def test_any_gateway_thread_feeds_the_inbox() -> None:
    lines = picture([wait_of("executor", EXECUTOR), wait_of("gateway-3", REQUEST)], {"gateway-3": role("gateway-3", 9_000)})
    assert lines[-1].endswith("an HTTP answer ⇐ the venue. Fed by it: executor (inbox).")


def test_a_healthy_picture_accuses_nobody() -> None:
    assert not any("stuck" in line for line in picture([wait_of("executor", EXECUTOR)], {"executor": role("executor", 9)}))


@pytest.mark.parametrize(("file", "function"), PARKING)
def test_every_parking_spot_exists(file: str, function: str) -> None:
    package, _, rest = file.partition("/")
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    tree = ast.parse((Path(spec.origin).parent / rest).read_text())
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert function in names, f"PARKING of trader/ops/waits.py names {file} {function}, which is gone: correct the line."
