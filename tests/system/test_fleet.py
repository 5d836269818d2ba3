"""The fleet as a process tree against the embedded exchange: started, disturbed, compared with the exchange's own books, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from trader.errors import ControlError, TraderError
from trader.feeds.settings import FeedSettings
from trader.fleet.child import FleetChild
from trader.fleet.settings import FleetSettings
from trader.model.units import price_bp_from_wire, size_micro_from_wire
from trader.ops.frames import read_recording
from trader.ops.settings import OpsSettings
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

MARKETS = 120
RECYCLES = 20
REST = httpx.Client(timeout=5.0)         # kept: a client a request costs more than the request
FAST_FEEDS = FeedSettings(reconnect_min_s=0.1, reconnect_max_s=1.0)


@pytest.fixture(scope="module")
def wide_exchange():
    """Many markets whose books move all the time."""
    with running_exchange(speed=1, seed=5, markets=MARKETS, market_moves_per_s=100) as urls:
        yield urls


@pytest.fixture
def start_fleet(wide_exchange):
    started = []

    def start(exchange=wide_exchange, **options):
        chosen = {"num_workers": 2, "target_assets": 40, "max_assets": 60, "heartbeat_s": 0.5, "pending_wait_ms": 100} | options
        started.append(FleetChild(FleetSettings(**chosen), FAST_FEEDS, ws_url=exchange.ws_url, gamma_url=exchange.gamma_url,
                                  ops=OpsSettings(log_level="WARNING")))
        return started[-1]

    yield start
    for fleet in started:
        fleet.stop()


def test_the_process_logs_where_and_how_the_parent_does_and_counts_what_repeats(wide_exchange, tmp_path):
    """Nobody listens where the stream should be: every line is refused about every 0.1 s, as when a venue restarts."""
    ops = OpsSettings(log_format="json", log_file=str(tmp_path / "fleet.log"))
    fleet = FleetChild(FleetSettings(num_workers=1, target_assets=20, max_assets=24, pending_wait_ms=100), FAST_FEEDS,
                       ws_url="ws://127.0.0.1:9", gamma_url=wide_exchange.gamma_url, ops=ops)
    try:
        until(lambda: len(lines := fleet.stats()["pool"]["connections"]) >= 10 and min(line["age_seconds"] for line in lines) > 0.5,
              "every line was refused several times")
    finally:
        assert fleet.stop() == 0
    said = [json.loads(line) for line in (tmp_path / "fleet.log").read_text().splitlines()]
    refused = [one["message"] for one in said if "cannot connect" in one["message"]]
    assert len(refused) == 6 and re.search(r"and \d+ more like this", refused[-1]) and {one["level"] for one in said} >= {"INFO", "WARNING"}


def test_at_real_time_priority_every_thread_has_it_and_the_workers_one_below(wide_exchange, tmp_path):
    ops = OpsSettings(log_file=str(tmp_path / "fleet.log"))
    fleet = FleetChild(FleetSettings(num_workers=2, target_assets=20, max_assets=24, pending_wait_ms=100), FAST_FEEDS,
                       ws_url=wide_exchange.ws_url, gamma_url=wide_exchange.gamma_url, ops=ops, realtime_priority=3)
    try:
        until(lambda: all_subscribed(fleet), "every market has its books")
        workers = [row["pid"] for row in fleet.stats()["workers"]["worker_stats"].values()]
        priorities = [{os.sched_getparam(int(task.name)).sched_priority for task in Path(f"/proc/{pid}/task").iterdir()}
                      for pid in (fleet.pid, *workers)]
    finally:
        assert fleet.stop() == 0
    refused = "CAP_SYS_NICE" in (tmp_path / "fleet.log").read_text()
    assert priorities == ([{0}] * 3 if refused else [{3}, {2}, {2}])


_IN_A_STRICT_TERMINAL = """
import os, sys, termios, time
from trader.feeds.settings import FeedSettings
from trader.fleet.child import FleetChild
from trader.fleet.settings import FleetSettings
terminal = os.open(os.ttyname(0), os.O_RDWR)         # of this session from now on
modes = termios.tcgetattr(terminal)
modes[3] |= termios.TOSTOP
termios.tcsetattr(terminal, termios.TCSANOW, modes)
settings = FleetSettings(num_workers=1, pending_wait_ms=100, handler_factory="os:getpid_of_nobody")
try:
    FleetChild(settings, FeedSettings(), ws_url="ws://127.0.0.1:9", gamma_url=sys.argv[1])
except Exception as why:
    print("said:", why)                              # by a worker, through the fleet; both had lines for the terminal
fleet = FleetChild(FleetSettings(num_workers=1, pending_wait_ms=100), FeedSettings(), ws_url="ws://127.0.0.1:9", gamma_url=sys.argv[1])
while not any(line["age_seconds"] > 0.5 for line in fleet.stats()["pool"]["connections"]):       # refused several times
    time.sleep(0.05)
print("running:", fleet.stats()["running"], "ended with", fleet.stop())
"""


def test_under_stty_tostop_a_line_to_the_terminal_stops_nobody(wide_exchange):
    ours, theirs = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", _IN_A_STRICT_TERMINAL, wide_exchange.gamma_url], stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):                              # the terminal is gone with its last process
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    assert process.wait(5) == 0
    assert b"cannot connect" in shown and b"running: True ended with 0" in shown and b"getpid_of_nobody" in shown


def until(true, what: str, within_s: float = 15.0):
    """Polls; fails by naming what did not come true."""
    end_s = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < end_s, f"{what}: not within {within_s:g} s"
        time.sleep(0.05)
    return found


def all_subscribed(fleet, markets: int = MARKETS):
    registry = fleet.stats()["registry"]
    return registry["pending"] == 0 and registry["subscribed"] >= markets


def tokens_of(exchange) -> list[str]:
    found, cursor = [], {}
    while True:
        page = REST.get(f"{exchange.gamma_url}/events/keyset", params={"closed": "false", "limit": 100, **cursor}).json()
        for event in page["events"]:
            for market in event["markets"]:
                found += [token for token in market["clobTokenIds"].strip("[]").replace('"', "").split(", ") if market["acceptingOrders"]]
        if "next_cursor" not in page:
            return found
        cursor = {"after_cursor": page["next_cursor"]}


def levels(rows) -> list[list[int]]:
    return sorted([price_bp_from_wire(row["price"]), size_micro_from_wire(row["size"])] for row in rows)


def equals_the_exchange(fleet, exchange, token: str) -> bool:
    """Both are asked while the market moves: equal at one of several moments is equal."""
    for _ in range(20):
        book, rest = fleet.book(token), REST.get(f"{exchange.rest_url}/book", params={"token_id": token}).json()
        if book and book["is_whole"] and (sorted(book["bids"]), sorted(book["asks"])) == (levels(rest["bids"]), levels(rest["asks"])):
            return True
        time.sleep(0.02)
    return False


def different_books(fleet, exchange) -> list[str]:
    return [token for token in tokens_of(exchange) if not equals_the_exchange(fleet, exchange, token)]


def test_every_book_equals_the_exchanges(start_fleet, wide_exchange):
    fleet = start_fleet()
    until(lambda: all_subscribed(fleet), "every market has its books")
    assert len(tokens_of(wide_exchange)) >= 2 * MARKETS and different_books(fleet, wide_exchange) == []
    stats = fleet.stats()
    assert stats["router"]["messages_dropped"] == 0 and all(verdict["ok"] for verdict in stats["health"].values())
    assert stats["pool"]["active_connections"] == stats["pool"]["connection_count"] >= 6


def test_books_survive_replacements_resets_freezes_and_killed_workers(start_fleet, wide_exchange):
    fleet = start_fleet(quiet_s=1.0)
    until(lambda: all_subscribed(fleet), "every market has its books")
    disturb = [
        lambda: exchange_fault(wide_exchange, kind="reset", channel="market"),
        lambda: exchange_fault(wide_exchange, kind="freeze", channel="market", for_ms=1500),
        lambda: killed_worker(fleet),
    ]
    done = rounds = 0
    with ExitStack() as faults:
        while done < RECYCLES:
            fleet.recycle()
            fleet.recycle()
            if rounds % 2 == 0:
                faults.enter_context(disturb[rounds // 2 % len(disturb)]())
            rounds += 1
            done = until(lambda ended=done: ended < ended_recycles(fleet) and ended_recycles(fleet), "a replacement has ended", 40)
        assert rounds >= 2 * len(disturb), "each disturbance has struck at least once"
    until(lambda: all_subscribed(fleet) and fleet.stats()["pool"]["active_connections"] >= 6, "all is up again")
    until(lambda: whole(fleet) >= 2 * MARKETS, "every book is whole again")
    assert different_books(fleet, wide_exchange) == []
    stats = fleet.stats()
    assert stats["recycler"]["recycles_completed"] >= RECYCLES // 2
    carried = sum(row["active"] for row in stats["pool"]["connections"])
    assert carried == 2 * stats["registry"]["subscribed"]


def ended_recycles(fleet) -> int:
    recycler = fleet.stats()["recycler"]
    return recycler["recycles_completed"] + recycler["recycles_failed"]


def whole(fleet) -> int:
    return sum(row.get("whole", 0) for row in fleet.stats()["workers"]["worker_stats"].values())


def worker_pids(fleet) -> dict[str, int]:
    return {number: row["pid"] for number, row in fleet.stats()["workers"]["worker_stats"].items() if row["pid"]}


@contextmanager
def killed_worker(fleet):
    pid = next(iter(worker_pids(fleet).values()))
    os.kill(pid, signal.SIGKILL)
    yield pid


def test_a_worker_that_dies_is_replaced_and_refilled_within_five_seconds_while_the_other_goes_on(start_fleet, wide_exchange):
    fleet = start_fleet()
    until(lambda: all_subscribed(fleet) and whole(fleet) >= 2 * MARKETS, "every book is whole")
    before = worker_pids(fleet)
    with killed_worker(fleet) as killed:
        began_s = time.monotonic()
        until(lambda: len(worker_pids(fleet)) == 2 and killed not in worker_pids(fleet).values(), "there is a new worker", 5)
        until(lambda: whole(fleet) >= 2 * MARKETS, "its books are whole", 5 - (time.monotonic() - began_s))
    assert worker_pids(fleet)["1"] == before["1"]
    assert different_books(fleet, wide_exchange) == []


def test_a_worker_that_hangs_is_found_by_its_silence(start_fleet):
    fleet = start_fleet()
    until(lambda: all_subscribed(fleet), "every market has its books")
    hung = worker_pids(fleet)["0"]
    os.kill(hung, signal.SIGSTOP)
    until(lambda: worker_pids(fleet).get("0") not in (None, hung), "it is replaced", 8)


def test_filters_decide_what_is_watched_and_a_link_group_where(start_fleet, wide_exchange):
    fleet = start_fleet(series="btc-up-or-down-hourly", tags="crypto, sports", link_groups="btc-up-or-down-hourly")
    until(lambda: all_subscribed(fleet, 4), "the hourly windows have their books")
    workers = until(lambda: (rows := fleet.stats()["workers"]["worker_stats"].values()) and all("assets" in row for row in rows) and rows,
                    "both workers have told of themselves")
    assert sorted(row["assets"] for row in workers) == [0, 8] and fleet.stats()["registry"]["total_markets"] == 4


def test_markets_are_born_at_once_and_end(start_fleet):
    with running_exchange(speed=1, seed=6, markets=20, market_life_s=6, market_moves_per_s=20) as exchange:
        fleet = start_fleet(exchange, grace_s=1.0, cleanup_s=0.5, expiry_s=0.5, discovery_s=60.0)
        until(lambda: all_subscribed(fleet, 20), "every market has its books")
        born = until(lambda: (stats := fleet.stats()["lifecycle"])["expired"] >= 5 <= stats["removed"] and stats, "markets come and go")
        assert born["scans"] == 1 and born["lookups"] >= 5 and born["added"] >= 25
        until(lambda: fleet.stats()["registry"]["subscribed"] >= 18, "the born ones are subscribed")


def test_what_the_fleet_records_gives_the_same_books(start_fleet, tmp_path):
    fleet = start_fleet(record_dir=str(tmp_path / "recording"))
    until(lambda: all_subscribed(fleet), "every market has its books")
    fleet.recycle()
    until(lambda: fleet.stats()["recycler"]["recycles_completed"] == 1, "a replacement")
    fleet.stop()
    report = read_recording([str(file) for file in sorted(Path(tmp_path / "recording").iterdir())])
    decoded = [row for row in report["connections"].values() if row["decoded"]]
    assert len(decoded) >= 7 and sum(row["mismatches"] for row in decoded) == 0
    assert len({row["token_id"] for row in report["assets"] if row["state"] == "whole"}) >= 2 * MARKETS


@pytest.mark.parametrize("factory", ["no_such_module:make", "json:no_such_factory", "json", "builtins:str"])
def test_a_start_that_fails_says_why_and_leaves_nothing_running(start_fleet, factory):
    with pytest.raises(TraderError, match="handler_factory was"):
        start_fleet(handler_factory=factory)
    assert not [pid for pid in children_of(os.getpid()) if "trader.fleet" in command_of(pid)]


def test_the_tree_ends_when_its_parents_pipe_closes(start_fleet):
    fleet = start_fleet()
    workers = list(worker_pids(fleet).values())
    began_s = time.monotonic()
    assert fleet.stop() == 0 and time.monotonic() - began_s < 10
    assert not [pid for pid in workers if "trader.fleet" in command_of(pid)]


def test_workers_end_when_the_fleet_is_killed(start_fleet):
    fleet = start_fleet()
    workers = list(worker_pids(fleet).values())
    os.kill(fleet.pid, signal.SIGKILL)
    until(lambda: not [pid for pid in workers if "trader.fleet" in command_of(pid)], "the workers have ended", 5)


def test_it_ends_in_order_when_it_is_terminated_while_it_answers(start_fleet):
    fleet = start_fleet()
    workers = list(worker_pids(fleet).values())
    os.kill(fleet.pid, signal.SIGTERM)
    with suppress(ControlError):                 # one of these is the last that is answered
        for _ in range(1_000):
            fleet.stats()
    assert until(lambda: fleet.exit_code() is not None, "it has ended", 10) and fleet.exit_code() == 0
    assert not [pid for pid in workers if "trader.fleet" in command_of(pid)]


def test_a_terminals_interrupt_reaches_neither_fleet_nor_workers(start_fleet):
    fleet = start_fleet()
    for pid in (fleet.pid, *worker_pids(fleet).values()):
        os.kill(pid, signal.SIGINT)
    until(lambda: all_subscribed(fleet), "it goes on")


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
