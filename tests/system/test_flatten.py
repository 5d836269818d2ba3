"""`trader flatten` at a running desk: judged by the exchange's own ledger."""

import json
import subprocess
import sys

from trader.testing.exchange_faults import exchange_fault

SETTLE_S = 5


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
    if after["condition_id"] == before["condition_id"]:
        desk.wait_until(lambda status: max(wallet.position(before["condition_id"])) < 5 or status["condition_id"] != before["condition_id"],
                        SETTLE_S, "the ledger of the exchange shows it sold")
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
