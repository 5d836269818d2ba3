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


@pytest.mark.parametrize("after_s", [0.2, 0.8])
def test_ctrl_c_while_it_starts_ends_soon_with_nothing_open(start_desk, wallet, after_s):
    desk = start_desk(wallet.conf)
    time.sleep(after_s)          # the moment is what is tested
    code, _ = desk.interrupt(10)
    # Before there is a desk: 130, or the interpreter's own end of a program that it has not begun.
    assert code in (0, 130, 1, -signal.SIGINT), desk.log
    assert wallet.open_orders() == 0


@pytest.mark.parametrize("moment", ["cancel-all: boot", "quoting starts", "fill:"])
def test_ctrl_c_while_it_trades_ends_soon_in_order_with_nothing_open(start_desk, wallet, moment):
    desk = start_desk(wallet.conf)
    desk.wait_for(moment, 40)
    code, _ = desk.interrupt(10)
    assert code == 0, desk.log
    assert wallet.open_orders() == 0


def test_our_inventory_equals_the_exchanges_ledger(start_desk, wallet):
    desk = start_desk(wallet.conf)
    desk.wait_until(lambda now: now.get("fills", 0) >= 3, 60, "three fills")
    code, summary = desk.interrupt()
    assert code == 0, desk.log
    time.sleep(2.5)              # the last trades settle at the exchange
    held = summary["inventory"]
    assert wallet.position(summary["condition_id"]) == (held["yes"], held["no"])
    assert wallet.ledger()["fills"] == summary["fills"]


def test_a_frozen_exchange_leads_to_cancel_all_and_to_quoting_again(start_desk, wallet, exchange):
    desk = start_desk(wallet.conf)
    desk.wait_until(lambda now: now.get("orders_acked", 0) > 10, 60, "quotes before the freeze")
    os.kill(exchange.pid, signal.SIGSTOP)
    try:
        frozen = desk.wait_for("cancel-all: ", 5, after=len(desk.said))
        time.sleep(3)
    finally:
        os.kill(exchange.pid, signal.SIGCONT)
    desk.wait_for("cancel-all verified", 20, after=frozen)
    acked = desk.status()["orders_acked"]
    desk.wait_until(lambda now: now["orders_acked"] > acked + 10, 60, "quotes after the freeze")
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
