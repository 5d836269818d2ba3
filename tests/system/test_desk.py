"""The desk as a user runs it, against an exchange process on loopback."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from trader.ops.control import ask

ROLES = {"pm-book", "pm-user", "bn-ticker", "strategy", "executor", "gateway-0", "gateway-3", "markets", "supervisor", "control"}


def native_names(pid):
    return {(task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}


def test_the_example_quotes_gets_fills_and_leaves_nothing_open(start_desk):
    desk = start_desk("conf.yaml.example", "--for", "15")
    desk.wait_for("quoting starts", 15)
    assert native_names(desk.pid) >= ROLES
    code, summary = desk.finish(40)
    assert code == 0, desk.log
    assert summary["fills"] > 0 and summary["orders_placed"] > 0
    assert summary["open_orders_at_exit"] == 0
    assert summary["feeds"]["pm-book"]["mismatches"] == 0
    assert summary["orders_unknown"] == 0


@pytest.mark.parametrize("after_s", [0.2, 0.8, 3.0])
def test_ctrl_c_at_any_moment_ends_soon_with_nothing_open(start_desk, wallet, after_s):
    desk = start_desk(wallet.conf)
    time.sleep(after_s)          # the moment is what is tested
    began_s = time.monotonic()
    code, _ = desk.interrupt(10)
    assert time.monotonic() - began_s < 10
    assert code in ((0, 130) if after_s < 1 else (0,)), desk.log     # 130: interrupted before there was a desk
    assert wallet.open_orders() == 0


def test_our_inventory_and_cash_equal_the_exchanges_ledger(start_desk, wallet):
    desk = start_desk(wallet.conf, "--for", "12")
    code, summary = desk.finish(40)
    assert code == 0, desk.log
    time.sleep(2.5)              # the last trades settle at the exchange
    ledger = wallet.ledger()
    condition = summary["condition_id"]
    held = {p["outcome"]: p["settled_micro"] / 1e6 for p in ledger["positions"] if p["condition_id"] == condition}
    assert summary["fills"] > 0
    assert held.get("Up", 0) == summary["inventory"]["yes"] and held.get("Down", 0) == summary["inventory"]["no"]
    assert summary["fills"] == ledger["fills"]


def test_a_frozen_exchange_leads_to_cancel_all_and_to_quoting_again(start_desk, wallet, exchange):
    desk = start_desk(wallet.conf)
    desk.wait_for("fill:", 20)
    os.kill(exchange.pid, signal.SIGSTOP)
    try:
        frozen = desk.wait_for("cancel-all: ", 5, after=len(desk.said))
        time.sleep(3)
    finally:
        os.kill(exchange.pid, signal.SIGCONT)
    verified = desk.wait_for("cancel-all verified", 20, after=frozen)
    desk.wait_for("fill:", 40, after=verified)
    code, summary = desk.interrupt()
    assert code == 0, desk.log
    assert summary["open_orders_at_exit"] == 0 == wallet.open_orders()


def test_a_thread_dump_is_written_on_sigusr1_and_on_command(start_desk, wallet, tmp_path):
    desk = start_desk(wallet.conf)
    desk.wait_for("quoting starts")
    desk.send(signal.SIGUSR1)
    desk.wait_for("thread dump")
    desk.wait_for("gateway-3")
    dump = ask(tmp_path, desk.pid, {"command": "threads"})["text"]
    assert all(re.search(rf"^{role} ", dump, re.MULTILINE) for role in ROLES), dump
    desk.interrupt()


def test_the_exchange_conserves_money_whatever_the_desks_did(exchange):
    assert httpx.get(f"{exchange.rest_url}/control/state").json()["conserved"] is True
