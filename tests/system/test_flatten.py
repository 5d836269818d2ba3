"""`trader flatten` at a running desk: judged by the exchange's own ledger."""

import json
import subprocess
import sys

import pytest

from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

SETTLE_S = 5


@pytest.fixture(scope="module")
def exchange():
    """Windows of ten minutes: none ends on the way."""
    with running_exchange(speed=6, settle_ms=500, seed=3) as urls:
        yield urls


def flatten(tmp_path, pid):
    """(exit code, what it said)."""
    done = subprocess.run([sys.executable, "-m", "trader", "flatten", "--json", "--pid", str(pid), "--control-dir", str(tmp_path)],
                          capture_output=True, text=True, timeout=90)
    return done.returncode, done.stdout + done.stderr


def holds_settled(status):
    held = status.get("inventory") or {}
    return max(held.get("yes_settled", 0), held.get("no_settled", 0)) >= 10


def test_everything_is_cancelled_and_sold_and_the_desk_stays_flat(start_desk, wallet, tmp_path):
    desk = start_desk(wallet.conf, "--set", "executor.flatten_cents=50")
    before = desk.wait_until(holds_settled, 60, "it holds settled shares")
    code, said = flatten(tmp_path, desk.pid)
    after = desk.status()
    assert code == 0, said + desk.log
    assert json.loads(said)["open_orders"] == 0 == wallet.open_orders()
    desk.wait_until(lambda _: max(wallet.position(before["condition_id"])) < 5, SETTLE_S, "the exchange's ledger shows it sold")
    assert "paused" in after["guards"] and after["quotes"] == []
    code, summary = desk.interrupt()
    assert (code, summary["open_orders_at_exit"], wallet.open_orders()) == (0, 0, 0), desk.log


def test_a_venue_that_takes_no_orders_leaves_the_shares_and_says_so(start_desk, wallet, tmp_path, exchange):
    desk = start_desk(wallet.conf)
    desk.wait_until(holds_settled, 60, "it holds settled shares")
    with exchange_fault(exchange, kind="unavailable", mode="post_only", retry_after_s=60):
        code, said = flatten(tmp_path, desk.pid)
    assert code == 8 and "are left" in said and "stays paused" in said, said + desk.log
    code, summary = desk.interrupt()
    assert (code, summary["open_orders_at_exit"], wallet.open_orders()) == (0, 0, 0), desk.log
