"""A Trader before it runs, and starts that are refused: one error, and nothing left behind."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from trader import Trader, TraderError
from trader.config import load_config
from trader.desk import HandOffs
from trader.errors import ConfigError, ControlError, PortInUse, VenueUnreachable
from trader.model.action import Flight
from trader.model.intent import Inventory, Mode
from trader.model.setting import Secret
from trader.runtime.clock import SystemClock

KEY = "0x" + "ab" * 32


def children():
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def footprint():
    """What a Trader could leave behind in this process."""
    return {thread.name for thread in threading.enumerate()}, len(os.listdir("/proc/self/fd")), children()


@pytest.fixture
def settings(tmp_path):
    def load(*overrides):
        (tmp_path / "conf.yaml").write_text("mode: embedded\n")
        return load_config(tmp_path / "conf.yaml", env={}, overrides=[f"ops.control_dir={tmp_path}/run", *overrides])

    return load


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return port


def refused(settings, error, **options):
    """A start that must fail. Returns the trader and the error, after proving that nothing is left."""
    before = footprint()
    trader = Trader(settings, **options)
    with pytest.raises(error) as caught:
        trader.start()
    assert footprint() == before
    trader.stop()                                # a failed start needs no stop, and bears one
    return trader, caught.value


def test_making_one_starts_nothing(settings):
    before = footprint()
    Trader(settings())
    assert footprint() == before


def test_before_the_start_every_question_has_an_answer(settings):
    trader = Trader(settings())
    assert trader.healthy() is False and trader.wait() is False
    assert trader.stats()["roles"] == [] and trader.summary()["exit_reason"] == ""
    assert "queues: none" in trader.threads_text()


def test_stop_before_the_start_does_nothing(settings):
    Trader(settings()).stop()


@pytest.mark.parametrize("order", [lambda t: t.pause("lunch"), lambda t: t.resume(), lambda t: t.cancel_all()])
def test_an_order_to_a_trader_that_does_not_run_is_refused_and_not_swallowed(settings, order):
    with pytest.raises(TraderError, match=r"does not run\. Call it between start\(\) and stop\(\)"):
        order(Trader(settings()))


def test_a_reload_changes_the_strategy_and_refuses_everything_else(settings):
    with Trader(settings()) as trader:
        trader.reload(settings("strategy.base_size=50"))
        with pytest.raises(ConfigError, match=r"only strategy: can change while the trader runs; these differ too: executor\."):
            trader.reload(settings("executor.gross_cap=2000"))
        with pytest.raises(ConfigError, match=r"strategy\.strategy_hz cannot change"):
            trader.reload(settings("strategy.strategy_hz=7"))
        with pytest.raises(ControlError, match="from a program, not from a file"):
            trader.reread()
        end_s = time.monotonic() + 5
        while trader.stats()["strategy_reloads"] < 1:
            assert time.monotonic() < end_s


def test_the_secrets_of_a_run_are_named_for_whoever_writes_its_log(settings):
    with Trader(settings()) as trader:
        assert len(trader.secrets()) == 4 and all(isinstance(secret, Secret) and secret for secret in trader.secrets())


def test_an_exchange_that_cannot_listen(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        trader, error = refused(settings(f"exchange.port={port}"), PortInUse)
    assert str(port) in str(error) and trader.summary()["exit_reason"] == error.problem


def test_a_venue_that_is_not_there(settings, unused_port):
    live = settings("mode=live", f"polymarket.private_key={KEY}", f"polymarket.clob_url=http://127.0.0.1:{unused_port}")
    _, error = refused(live, VenueUnreachable)
    assert str(unused_port) in str(error) and KEY[2:] not in str(error)


def test_a_refusal_after_the_exchange_started_ends_the_exchange(settings, tmp_path):
    (tmp_path / "run").write_text("not a folder")
    _, error = refused(settings(), ConfigError)
    assert "ops.control_dir" in str(error)


def test_a_control_folder_that_others_may_enter_is_refused_before_anything_trades(settings, tmp_path, caplog):
    (tmp_path / "run").mkdir(mode=0o755)
    _, error = refused(settings(), ConfigError)
    assert "is open to others" in str(error) and "nothing is open" not in caplog.text


def test_a_role_that_cannot_start_fails_the_start_and_undoes_all_of_it(settings, tmp_path):
    _, error = refused(settings(f"ops.control_dir={tmp_path / ('x' * 120)}"), ConfigError)      # raised on the thread `control`
    assert "longer than the 107 bytes" in str(error)


def test_a_trader_runs_once(settings, unused_port):
    trader, _ = refused(settings("mode=live", f"polymarket.private_key={KEY}",
                                 f"polymarket.clob_url=http://127.0.0.1:{unused_port}"), VenueUnreachable)
    with pytest.raises(TraderError, match=r"started before\. Make a new one"):
        trader.start()


class LandingClock:
    """Half a second a look. At the second look after the first cancel, the place that is in the air lands."""

    def __init__(self, hands):
        self._hands, self._now_ns, self._looks = hands, 0, 0
        self.cancels_before = None

    def monotonic_ns(self):
        self._now_ns += 500_000_000
        self._looks += bool(self._hands.outbox.depths["cancel_all"])
        if self._looks == 2:
            self.cancels_before = self._hands.outbox.depths["cancel_all"]
            self._hands.flights[1].publish(None)
        return self._now_ns

    def wall_ms(self):
        return 0


def test_without_an_executor_the_cancel_goes_out_at_once_and_again_when_the_last_place_has_landed(settings):
    """A cancel may overtake a place that is in the air, which would then rest for ever."""
    hands = HandOffs(settings())
    hands.inventory.publish(Inventory("0xaa", 0, 0, 0, 0, 0, Mode.NORMAL, (), ()))
    hands.flights[1].publish(Flight(True, 1))
    clock = LandingClock(hands)
    Trader(settings(), clock=clock)._cancel_directly(hands)
    assert (clock.cancels_before, hands.outbox.depths["cancel_all"]) == (1, 2)
    hands.book_orders.close()
    hands.user_orders.close()


class InterruptedClock(SystemClock):
    """Ctrl-C on the starting thread, once, while all roles already run."""

    def __init__(self):
        self._armed = True

    def monotonic_ns(self):
        if self._armed and threading.current_thread() is threading.main_thread() and "control" in footprint()[0]:
            self._armed = False
            raise KeyboardInterrupt
        return super().monotonic_ns()


def test_ctrl_c_in_the_middle_of_a_start_undoes_all_of_it(settings):
    trader, _ = refused(settings(), KeyboardInterrupt, clock=InterruptedClock())
    assert trader.summary()["exit_reason"] == "start failed" and trader.summary()["open_orders_at_exit"] == 0


def test_no_start_touches_what_belongs_to_the_process(settings, tmp_path):
    """Signals, logging, the switch interval: they are the embedder's."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD]

    def owned():
        return ([signal.getsignal(n) for n in numbers], list(logging.getLogger().handlers), logging.getLogger().level,
                logging.getLogger("trader").level, sys.getswitchinterval(), sys.excepthook, threading.excepthook)

    before = owned()
    (tmp_path / "run").mkdir(mode=0o755)
    refused(settings(), ConfigError)
    assert owned() == before
