"""A desk outlives its venue: the exchange is killed under it and comes back with its state, and the desk quotes again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from trader import Trader
from trader.config import load_config
from trader.exchange.child import ExchangeChild

OUTAGE_S = 3
BACK_WITHIN_S = 5


@pytest.fixture
def exchange(tmp_path):
    """Like conftest's, but with a state that it can be started again from. Windows of ten minutes: none ends on the way."""
    children = [ExchangeChild(speed=6, settle_ms=500, seed=3, state=tmp_path / "exchange.state")]
    urls = children[0].urls

    class Exchange:
        def kill(self):
            os.kill(children[-1].urls.pid, signal.SIGKILL)
            children[-1].stop()

        def start(self):
            ports = {name: url.rpartition(":")[2] for name, url in (("port", urls.rest_url), ("ws_port", urls.ws_url))}
            children.append(ExchangeChild(speed=6, settle_ms=500, seed=3, state=tmp_path / "exchange.state", **ports))

        def __getattr__(self, name):
            return getattr(urls, name)

    yield Exchange()
    children[-1].stop()


def placed(wallet):
    return wallet.ledger()["placed"]


def until(done, timeout_s):
    began_s = time.monotonic()
    while not done():
        assert time.monotonic() - began_s < timeout_s, "not within the time"
        time.sleep(0.05)
    return time.monotonic() - began_s


def test_a_desk_quotes_again_soon_after_its_exchange_came_back_with_its_state(start_desk, wallet, exchange):
    desk = start_desk(wallet.conf)
    desk.wait_for("fill:", 40)
    lost = len(desk.said)
    exchange.kill()
    desk.wait_for("lost", 5, after=lost)
    time.sleep(OUTAGE_S)
    assert desk.process.poll() is None, desk.log
    exchange.start()
    before = placed(wallet)
    until(lambda: placed(wallet) > before, BACK_WITHIN_S)
    desk.wait_for("fill:", 40, after=lost)
    code, summary = desk.interrupt()
    assert code == 0, desk.log
    assert summary["open_orders_at_exit"] == 0 == wallet.open_orders()
    time.sleep(1.5)             # the last trades settle
    ledger = wallet.ledger()
    held = {p["outcome"]: p["settled_micro"] / 1e6 for p in ledger["positions"] if p["condition_id"] == summary["condition_id"]}
    assert (held.get("Up", 0), held.get("Down", 0)) == (summary["inventory"]["yes"], summary["inventory"]["no"]), desk.log
    assert httpx.get(f"{exchange.rest_url}/control/state").json()["conserved"] is True


def test_an_embedded_exchange_that_dies_is_started_again_and_the_desk_goes_on(tmp_path):
    conf = tmp_path / "conf.yaml"
    conf.write_text(f"mode: embedded\nstrategy: {{volatility_prior_bp: 8.5}}\nops: {{control_dir: {tmp_path}/run}}\n")
    with Trader(load_config(str(conf))) as trader:
        until(lambda: trader.stats()["orders_placed"] > 0, 15)
        os.kill(exchange_pid(), signal.SIGKILL)
        trader.wait(1)
        before = trader.stats()["orders_placed"]
        until(lambda: trader.stats()["orders_placed"] > before, BACK_WITHIN_S)
        assert trader.healthy()
    assert trader.summary()["open_orders_at_exit"] == 0


def exchange_pid():
    """Of this process's own child."""
    tasks = Path("/proc/self/task").iterdir()
    children = [Path("/proc", pid) for task in tasks for pid in (task / "children").read_text().split()]
    pid, = [int(child.name) for child in children if b"trader.exchange" in (child / "cmdline").read_bytes()]
    return pid
