"""The status server of real desks: two in one process, and what it says of an exchange that stands still."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from trader import Trader
from trader.config import load_config
from trader.runtime.clock import SystemClock

ROOT = Path(__file__).parents[2]


def desk(folder: Path, port: int) -> Trader:
    overrides = (f"ops.status_port={port}", f"ops.control_dir={folder}", f"journal.dir={folder}/journal")
    return Trader(load_config(ROOT / "conf.yaml.example", env={}, overrides=overrides))


def until(trader: Trader, holds: Callable[[], bool], what: str, within_s: float = 20) -> None:
    clock = SystemClock()
    end_ns = clock.monotonic_ns() + int(within_s * 1e9)
    while not holds():
        assert clock.monotonic_ns() < end_ns, f"not within {within_s} s: {what}"
        trader.wait(0.1)


def test_two_traders_of_one_process_have_a_status_server_each(tmp_path: Path) -> None:
    with desk(tmp_path / "one", 0) as one:
        until(one, lambda: one.stats()["status_url"] is not None, "an address")
        taken = httpx.URL(one.stats()["status_url"]).port or 0
        with desk(tmp_path / "two", taken) as two:
            until(two, lambda: two.stats()["status_url"] is not None, "an address of the second")
            for trader in (one, two):
                until(trader, lambda trader=trader: trader.stats()["journal"]["file"] != "", "a journal")
            files = [httpx.get(f"{trader.stats()['status_url']}stats").json()["journal"]["file"] for trader in (one, two)]
            assert len(set(files)) == 2


def test_a_trader_without_a_status_server_has_neither_address_nor_threads_of_it(tmp_path: Path) -> None:
    with desk(tmp_path, -1) as trader:
        trader.wait(0.5)
        assert trader.stats()["status_url"] is None
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("ops-http")]


def test_health_names_what_a_frozen_exchange_does_to_each_component_and_is_well_again_afterwards(tmp_path: Path) -> None:
    with desk(tmp_path, 0) as trader:
        until(trader, lambda: trader.stats().get("orders_acked", 0) > 0 and trader.health()["ok"], "quotes")
        health = f"{trader.stats()['status_url']}health"
        assert httpx.get(health).status_code == 200
        exchange = trader._exchange
        assert exchange is not None
        os.kill(exchange.pid, signal.SIGSTOP)
        try:
            until(trader, lambda: httpx.get(health).status_code == 503, "503", 10)
            until(trader, lambda: not httpx.get(health).json()["components"]["pm-book"]["ok"], "the book is stale", 10)
            said = httpx.get(health).json()
            assert "probe unanswered" in said["components"]["pm-book"]["reason"] and said["components"]["executor"]["ok"]
        finally:
            os.kill(exchange.pid, signal.SIGCONT)
        until(trader, lambda: httpx.get(health).status_code == 200, "200 again", 60)
