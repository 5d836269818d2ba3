"""The fleet as a user starts it: `trader run` with `fleet:` alone and beside a desk, judged from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from trader.errors import VenueUnreachable

ALONE = "mode: embedded\nfleet: {enabled: true, alone: true, num_workers: 2, pending_wait_ms: 100, heartbeat_s: 0.5}\n"
BESIDE = ALONE.replace("alone: true, ", "") + "strategy: {volatility_prior_bp: 8.5}\n"


@pytest.fixture
def start_run(start_desk, tmp_path):
    def start(text, *arguments):
        (tmp_path / "conf.yaml").write_text(text)
        return start_desk(tmp_path / "conf.yaml", "--set", f"ops.control_dir={tmp_path}", "--set", "ops.status_port=0",
                          "--set", f"journal.dir={tmp_path / 'journal'}", *arguments)
    return start


def watches(stats):
    fleet = stats["fleet"] or {}
    return "registry" in fleet and fleet["registry"]["subscribed"] >= 2 and fleet["router"]["messages_routed"] > 20


def tree_of(pid: int) -> set[int]:
    """All processes below this one."""
    below = {int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()}
    return below.union(*(tree_of(one) for one in below))


def is_ours(pid: int) -> bool:
    """Not one that got the number after it, and not one that has ended and was not asked for its code."""
    try:
        return "trader." in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def gone(pids, within_s: float = 10.0) -> bool:
    end_s = time.monotonic() + within_s
    while [pid for pid in pids if is_ours(pid)] and time.monotonic() < end_s:
        time.sleep(0.05)
    return not [pid for pid in pids if is_ours(pid)]


def trader(*arguments):
    return subprocess.run([sys.executable, "-m", "trader", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_a_fleet_alone_watches_shows_itself_and_ends_at_ctrl_c(start_run, tmp_path):
    run = start_run(ALONE, "--num-workers", "1")
    stats = run.wait_until(watches, 20, "markets are watched")
    assert stats["session"] == "watching" and list(stats["fleet"]["workers"]["worker_stats"]) == ["0"]
    shown = trader("fleet", "status", "--pid", run.pid, "--control-dir", tmp_path)
    assert shown.returncode == 0 and "subscribed" in shown.stdout and "1 run" in shown.stdout
    told = json.loads(trader("fleet", "status", "--json", "--pid", run.pid, "--control-dir", tmp_path).stdout)
    assert told["registry"]["subscribed"] >= 2 and told["running"] is True
    health, metrics = (httpx.get(stats["status_url"] + page) for page in ("health", "metrics"))
    assert health.status_code == 200 and health.json()["components"]["fleet"] == {"ok": True, "reason": ""}
    assert 'trader_fleet_markets{status="subscribed"}' in metrics.text and "trader_fleet_running 1.0" in metrics.text
    tree = tree_of(run.pid)
    code, summary = run.interrupt()
    assert code == 0 and summary["exit_reason"] == "SIGINT" and summary["fleet"]["router"]["messages_dropped"] == 0
    assert len(tree) >= 3 and gone(tree)


def test_beside_a_desk_both_work_and_the_desk_survives_the_fleets_death(start_run):
    run = start_run(BESIDE)
    stats = run.wait_until(lambda now: watches(now) and now.get("orders_acked", 0) > 0, 30, "the desk quotes and the fleet watches")
    fleet = next(pid for pid in tree_of(run.pid) if Path(f"/proc/{pid}/cmdline").read_text().endswith("trader.fleet\0"))
    os.kill(fleet, signal.SIGKILL)
    back = run.wait_until(lambda now: now["fleet"]["restarts"] == 1 and watches(now), 30, "the fleet is back")
    assert back["orders_acked"] >= stats["orders_acked"] and back["session"] != "stopping"
    tree = tree_of(run.pid)
    code, summary = run.interrupt()
    assert code == 0 and summary["open_orders_at_exit"] == 0 and summary["fleet"]["restarts"] == 1
    assert gone(tree)


@pytest.mark.parametrize(("text", "wanted"), [(ALONE, {3, 2}), (BESIDE, {0})], ids=["alone", "beside a desk"])
def test_a_fleet_has_real_time_priority_when_it_is_alone_and_never_beside_a_desk(start_run, text, wanted):
    run = start_run(text, "--set", "runtime.realtime_priority=3")
    run.wait_until(watches, 30, "markets are watched")
    fleet = [pid for pid in tree_of(run.pid) if "trader.fleet" in Path(f"/proc/{pid}/cmdline").read_text()]
    found = {os.sched_getparam(pid).sched_priority for pid in fleet}
    assert run.interrupt()[0] == 0
    assert len(fleet) == 3 and found == ({0} if "CAP_SYS_NICE" in run.log else wanted)


@pytest.mark.parametrize("text", [ALONE, BESIDE], ids=["alone", "beside a desk"])
def test_a_killed_parent_leaves_no_process(start_run, text):
    run = start_run(text)
    run.wait_until(watches, 30, "markets are watched")
    tree = tree_of(run.pid)
    run.kill()
    assert len(tree) >= 4 and gone(tree)


def test_a_start_that_the_fleet_refuses_ends_with_its_reason_and_nothing_running(start_run):
    run = start_run(BESIDE.replace("num_workers: 2", "handler_factory: no_such_module:make"))
    code, _ = run.finish()
    assert code == 2 and "handler_factory was" in run.log and "Traceback" not in run.log


def test_a_dry_run_shows_what_would_be_watched_and_starts_nothing(tmp_path):
    (tmp_path / "conf.yaml").write_text(ALONE)
    shown = trader("run", tmp_path / "conf.yaml", "--dry-run")
    assert shown.returncode == 0 and "on 1 connections, 2 workers" in shown.stdout and "first to end" in shown.stdout


def test_a_dry_run_without_a_fleet_says_what_is_missing(tmp_path):
    (tmp_path / "conf.yaml").write_text("mode: embedded\n")
    shown = trader("run", tmp_path / "conf.yaml", "--dry-run")
    assert shown.returncode == 2 and "fleet.enabled" in shown.stderr


def test_a_check_of_a_live_fleet_asks_for_its_listing_and_for_no_key(tmp_path):
    (tmp_path / "conf.yaml").write_text('mode: live\npolymarket: {gamma_url: "http://127.0.0.1:9"}\nfleet: {enabled: true, alone: true}\n')
    offline, online = trader("check", tmp_path / "conf.yaml", "--offline"), trader("check", tmp_path / "conf.yaml")
    assert offline.returncode == 0 and "the fleet alone" in offline.stdout
    assert online.returncode == VenueUnreachable.exit_code != 1 and "/events/keyset" in online.stderr and "Traceback" not in online.stderr


def test_the_status_of_a_fleet_that_is_not_there_says_how_to_have_one(start_run, tmp_path):
    run = start_run("mode: embedded\nstrategy: {volatility_prior_bp: 8.5}\n")
    run.wait_until(lambda now: True, 20, "it answers")
    shown = trader("fleet", "status", "--pid", run.pid, "--control-dir", tmp_path)
    assert shown.returncode != 0 and "fleet.enabled: true" in shown.stderr
