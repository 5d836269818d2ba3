"""A Trader inside somebody else's program: the examples of docs/embedding.md as they stand there, any thread, again and side by side."""

import contextlib
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from trader import Trader
from trader.config import load_config
from trader.errors import RoleFailed

ROOT = Path(__file__).parents[2]
CONF = "mode: embedded\nstrategy: {volatility_prior_bp: 8.5}\n"


def examples():
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "embedding.md").read_text(), re.DOTALL | re.MULTILINE)


def output_of(example, folder):
    """Runs it as its reader would, beside a conf.yaml. Returns what it printed, as one dict, and its log."""
    shutil.copy(ROOT / "conf.yaml.example", folder / "conf.yaml")
    done = subprocess.run([sys.executable, "-c", example], cwd=folder, capture_output=True, text=True, timeout=30,
                          env={**os.environ, "XDG_RUNTIME_DIR": str(folder)})
    assert done.returncode == 0, done.stderr
    return {key: value for line in done.stdout.splitlines() for key, value in json.loads(line).items()}, done.stderr


@pytest.fixture(scope="module")
def first_example(tmp_path_factory):
    return output_of(examples()[0], tmp_path_factory.mktemp("example"))


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "conf.yaml").write_text(CONF)
    return load_config(tmp_path / "conf.yaml", env={}, overrides=[f"ops.control_dir={tmp_path / 'run'}"])


def children():
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def footprint():
    gc.collect()                 # what earlier tests left in cycles is not part of it, or it would go in between
    return {thread.name for thread in threading.enumerate()}, len(os.listdir("/proc/self/fd")), children()


def wait_for_orders(trader):
    end_s = time.monotonic() + 15
    while not trader.stats().get("orders_acked"):
        assert time.monotonic() < end_s and trader.healthy(), trader.stats()
        time.sleep(0.05)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_first_example_quotes_pauses_and_ends_flat(first_example):
    said, log = first_example
    assert said["ended"] is False and said["healthy"] is True and said["stats"]["orders_acked"] > 0
    assert "paused" in said["guards"]
    assert said["summary"]["open_orders_at_exit"] == 0 and said["summary"]["exit_reason"] == "end of with block"
    assert "pause: the maintenance window" in log


def test_the_strategy_of_the_second_example_is_the_one_that_quotes(tmp_path):
    said, _ = output_of(examples()[1], tmp_path)
    assert said["summary"]["orders_acked"] > 0 and said["summary"]["open_orders_at_exit"] == 0


def test_the_fleet_of_the_third_example_watches_markets_and_leaves_nothing_running(tmp_path):
    said, _ = output_of(examples()[2], tmp_path)
    assert said["fleet"]["running"] is True and said["fleet"]["registry"]["subscribed"] >= 2
    assert said["fleet"]["router"]["messages_routed"] > 0
    assert said["summary"]["exit_reason"] == "end of with block" and said["summary"]["session"] == "stopped"


def documented(*headings):
    """The keys in the first column of the tables below these headings of docs/summary.md."""
    page = (ROOT / "docs" / "summary.md").read_text()
    parts = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    return {key for heading in headings for key in re.findall(r"^\| `(.*?)` \|", parts[heading], re.MULTILINE)}


def keys_of(value, path, open_ended):
    """Every path to a plain value. What is documented with a `*` or as a latency leg is not looked into."""
    if f"{path}.*" in open_ended:
        yield f"{path}.*"
    elif isinstance(value, dict) and value.keys() == {"count", "p50_us", "p99_us"}:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from keys_of(inner, f"{path}.{key}" if path else key, open_ended)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from keys_of(item, f"{path}[]", open_ended)
    else:
        yield path


@pytest.mark.parametrize(("said", "headings"), [("summary", ["Both"]), ("stats", ["Both", "Only in stats"])])
def test_the_documented_keys_are_those_of_a_real_run(first_example, said, headings):
    keys = documented(*headings)
    real = set(keys_of(first_example[0][said], "", keys))
    assert sorted(real - keys) == [], "not documented in docs/summary.md"
    assert sorted(keys - real) == [], "documented in docs/summary.md, but not there"


def test_every_guard_and_every_cause_in_the_run_is_named_on_the_page(first_example):
    page = (ROOT / "docs" / "summary.md").read_text()
    summary = first_example[0]["summary"]
    assert [name for name in (*summary["guards_ms"], *summary["cancel_alls"]) if f"`{name}`" not in page] == []


# --- threads, rounds, company -----------------------------------------------------------------------------------------


def test_two_rounds_in_one_process_leave_no_thread_no_descriptor_and_no_child(settings):
    before = footprint()
    for _ in range(2):
        with Trader(settings) as trader:
            wait_for_orders(trader)
        assert footprint() == before
        assert trader.summary()["open_orders_at_exit"] == 0 and not trader.healthy()


def test_two_side_by_side_from_threads_that_are_not_the_main_one(settings):
    before, summaries, both_quote = footprint(), {}, threading.Barrier(2, timeout=20)

    def run(name):
        with Trader(settings) as trader:
            wait_for_orders(trader)
            both_quote.wait()
        summaries[name] = trader.summary()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [summaries[name]["open_orders_at_exit"] for name in ("one", "two")] == [0, 0]
    assert footprint() == before


def test_stop_from_several_threads_at_once_stops_once_and_ends_the_wait(settings):
    trader = Trader(settings)
    trader.start()
    waited = []
    waiter = threading.Thread(target=lambda: waited.append(trader.wait()))
    stoppers = [threading.Thread(target=trader.stop, args=(name,)) for name in ("one", "two")]
    for thread in (waiter, *stoppers):
        thread.start()
    for thread in (waiter, *stoppers):
        thread.join(10)
    assert waited == [False] and trader.summary()["exit_reason"] in ("one", "two")
    trader.stop()
    assert {role["alive"] for role in trader.stats()["roles"]} == {False}


def test_request_stop_ends_the_wait_and_names_the_reason(settings):
    with Trader(settings) as trader:
        trader.request_stop("enough")
        assert trader.wait(10) is False
    assert trader.summary()["exit_reason"] == "enough"


def test_cancel_all_and_resume_reach_the_executor(settings):
    with Trader(settings) as trader:
        wait_for_orders(trader)
        trader.cancel_all("looks odd")
        trader.wait(0.5)
        stats = trader.stats()
        assert stats["cancel_alls"]["command"] == 1 and "cooldown" in stats["guards"] and stats["quotes"] == []
        trader.pause("lunch")
        trader.wait(0.3)
        assert "paused" in trader.stats()["guards"]
        trader.resume()
        trader.wait(0.3)
        assert "paused" not in trader.stats()["guards"]


def test_an_embedded_exchange_that_dies_again_and_again_ends_the_run_and_says_so(settings):
    """It is started again a few times; then there is nobody left to cancel with, and nothing to wait for."""
    before = footprint()
    trader = Trader(settings)
    trader.start()
    wait_for_orders(trader)
    end_s = time.monotonic() + 20
    while trader.healthy() and time.monotonic() < end_s:
        for exchange in children() - before[2]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(exchange), signal.SIGKILL)
        trader.wait(0.1)
    assert trader.wait(5) is True and not trader.healthy()
    began_s = time.monotonic()
    with pytest.raises(RoleFailed, match="the embedded exchange ended with exit code -9"):
        trader.stop()
    assert time.monotonic() - began_s < 8 and footprint() == before
    assert trader.summary()["open_orders_at_exit"] is None
