"""A Trader in this process, with a strategy that misbehaves; a separate exchange is the judge of what stays open.

Whatever fails, `wait` says so, `stop` is quick, and the orders are gone. Every strategy here first rests two small orders far
from the market, so that there is something to lose.
"""

import logging
import threading
import time
from inspect import signature

import pytest

from trader import Trader
from trader.config import load_config
from trader.errors import LockedOut, OrdersMayBeOpen, RoleFailed, TraderError
from trader.model.event import Fill, TradeStatus
from trader.model.intent import Mode, Quote
from trader.model.order import Side

WATCHDOG_MS = 500
RESTING = (Quote(Side.BUY, 100, 10_000_000), Quote(Side.SELL, 9_900, 10_000_000))


class Misbehaving:
    """Rests its orders until `turn` is called; every run after that returns, raises, or waits as `then` does."""

    def __init__(self, then):
        self._then, self._turned = then, threading.Event()

    def turn(self):
        self._turned.set()

    def quote(self, view):
        return self._then() if self._turned.is_set() else (Mode.NORMAL, RESTING, "")


class HangingId:
    """An order id that holds up whoever looks it up: the executor."""

    def __init__(self, released):
        self._released, self.read = released, threading.Event()

    def __hash__(self):
        self.read.set()
        self._released.wait(30)
        return 0


def told(trader, order_id):
    """A trade with this order id reaches the executor."""
    trader._desk.hands.inbox.put(Fill("t", order_id, "c", "1", Side.BUY, 100, 1, 0, TradeStatus.MATCHED, 0))
    return Mode.NORMAL, RESTING, ""


@pytest.fixture
def released():
    event = threading.Event()
    yield event
    event.set()                                  # hung threads end with the test


def crash():
    raise ZeroDivisionError("a bug in a strategy")


@pytest.fixture
def failing_run(wallet):
    """Runs with orders open until the strategy turns; returns (seconds of wait, seconds of stop, error, trader)."""

    def run(then, *overrides):
        strategy = Misbehaving(lambda: then(trader) if signature(then).parameters else then())
        trader = Trader(load_config(wallet.conf, overrides=[f"runtime.watchdog_ms={WATCHDOG_MS}", *overrides]), strategy=strategy)
        trader.start()
        rest_orders(trader, wallet)
        strategy.turn()
        turned_s = time.monotonic()
        assert trader.wait(15) is True and not trader.healthy()
        ended_s = time.monotonic()
        with pytest.raises((RoleFailed, OrdersMayBeOpen)) as caught:
            trader.stop()
        return ended_s - turned_s, time.monotonic() - ended_s, caught.value, trader

    return run


def rest_orders(trader, wallet):
    end_s = time.monotonic() + 20
    while wallet.open_orders() < len(RESTING):
        assert time.monotonic() < end_s and trader.healthy(), trader.stats()
        time.sleep(0.05)


def test_a_strategy_that_raises_ends_the_run_with_everything_cancelled_and_verified(failing_run, wallet, caplog):
    wait_s, stop_s, error, trader = failing_run(crash)
    assert isinstance(error, RoleFailed) and error.exit_code == 7 and "role strategy crashed: ZeroDivisionError" in str(error)
    assert wallet.open_orders() == 0 == trader.summary()["open_orders_at_exit"]
    assert wait_s < 2 and stop_s < 4
    failed, = (record for record in caplog.records if record.message.startswith("role strategy failed"))
    assert "gateway-3" in failed.message and "queues: inbox" in failed.message       # the dump
    assert any(record.exc_info and "crashed" in record.message for record in caplog.records)


def test_a_strategy_that_hangs_is_found_by_the_watchdog_and_does_not_hold_up_the_stop(failing_run, wallet, released):
    wait_s, stop_s, error, trader = failing_run(lambda: released.wait(30))
    assert isinstance(error, RoleFailed) and "role strategy has been in 'cycle'" in str(error)
    assert wallet.open_orders() == 0 == trader.summary()["open_orders_at_exit"]
    assert wait_s < WATCHDOG_MS / 1000 + 5 and stop_s < 5


def test_when_the_executor_crashes_the_cancel_goes_out_without_it(failing_run, wallet):
    _, stop_s, error, trader = failing_run(lambda trader: told(trader, []))
    assert isinstance(error, OrdersMayBeOpen) and isinstance(error.__cause__, RoleFailed) and "executor" in str(error.__cause__)
    assert wallet.open_orders() == 0             # nobody verified it, but the venue did as it was told
    assert trader.summary()["open_orders_at_exit"] is None and stop_s < 5


def test_when_the_executor_hangs_the_cancel_goes_out_without_it(failing_run, wallet, released):
    wait_s, stop_s, error, _ = failing_run(lambda trader: told(trader, HangingId(released)))
    assert isinstance(error, OrdersMayBeOpen) and "executor" in str(error.__cause__)
    assert wallet.open_orders() == 0
    assert wait_s < WATCHDOG_MS / 1000 + 5 and stop_s < 5


def test_a_stop_while_the_executor_hangs_unnoticed_waits_for_the_watchdog_and_not_longer(wallet, released):
    order_id = HangingId(released)
    strategy = Misbehaving(lambda: told(trader, order_id))
    trader = Trader(load_config(wallet.conf, overrides=["runtime.watchdog_ms=2000"]), strategy=strategy)
    trader.start()
    rest_orders(trader, wallet)
    strategy.turn()
    assert order_id.read.wait(5)
    began_s = time.monotonic()
    with pytest.raises(OrdersMayBeOpen):
        trader.stop()
    assert time.monotonic() - began_s < 8 and wallet.open_orders() == 0


def test_a_strategy_that_calls_stop_is_told_to_request_it(wallet):
    """It would wait for its own end. The refusal is raised where it called, so it ends the run like any other crash."""
    strategy = Misbehaving(lambda: trader.stop())
    trader = Trader(load_config(wallet.conf), strategy=strategy)
    trader.start()
    rest_orders(trader, wallet)
    strategy.turn()
    assert trader.wait(10) is True
    with pytest.raises(TraderError, match=r"own thread strategy.*Call request_stop\(\) there"):
        trader.stop()
    assert wallet.open_orders() == 0


def test_a_second_trader_with_the_same_key_is_refused_and_the_first_goes_on(wallet, caplog):
    caplog.set_level(logging.INFO, "trader")
    with Trader(load_config(wallet.conf), strategy=Misbehaving(crash)) as first:
        rest_orders(first, wallet)
        with pytest.raises(LockedOut):
            Trader(load_config(wallet.conf)).start()
        assert first.healthy() and wallet.open_orders() == len(RESTING)
    assert wallet.open_orders() == 0


def test_an_exception_in_the_with_block_leaves_nothing_open_and_stays_the_error(wallet):
    with pytest.raises(KeyboardInterrupt), Trader(load_config(wallet.conf), strategy=Misbehaving(crash)) as trader:
        rest_orders(trader, wallet)
        raise KeyboardInterrupt
    assert wallet.open_orders() == 0 and trader.summary()["exit_reason"] == "left by KeyboardInterrupt"
