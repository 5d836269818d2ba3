"""A stop while the venue does not answer at all: it ends in time, says what nobody confirmed, and the exit code says so too."""

import os
import signal
import time

import pytest

from trader.testing.desk_process import Wallet
from trader.testing.exchange_process import running_exchange


@pytest.fixture
def exchange():
    """One that may be stopped: nobody else uses it. Windows of ten minutes."""
    with running_exchange(speed=6, seed=3) as urls:
        yield urls
        os.kill(urls.pid, signal.SIGCONT)


@pytest.fixture
def quoting(start_desk, exchange, tmp_path):
    wallet = Wallet(exchange, tmp_path)
    desk = start_desk(wallet.conf)
    desk.wait_until(lambda status: status.get("orders_acked", 0) > 0 and status["quotes"], 30, "it quotes")
    return desk, wallet


def is_given_up_in_time(desk):
    began_s = time.monotonic()
    code, summary = desk.interrupt(40)
    assert time.monotonic() - began_s < 30
    assert (code, summary["open_orders_at_exit"]) == (6, None), desk.log


def test_a_venue_that_hangs_is_given_up_within_half_a_minute_with_everything_it_owes_named(quoting, exchange):
    desk, wallet = quoting
    os.kill(exchange.pid, signal.SIGSTOP)
    is_given_up_in_time(desk)
    assert "orders may be open: " in desk.log and "Look at the venue's own page now" in desk.log
    os.kill(exchange.pid, signal.SIGCONT)
    until_s = time.monotonic() + 15
    while wallet.open_orders():                  # the dead-man's switch does what we could not
        assert time.monotonic() < until_s
        time.sleep(0.2)


def test_a_venue_that_answers_again_in_time_confirms_the_stop(quoting, exchange):
    desk, wallet = quoting
    os.kill(exchange.pid, signal.SIGSTOP)
    desk.send(signal.SIGINT)
    desk.wait_for("stopping", 5)
    time.sleep(6)
    os.kill(exchange.pid, signal.SIGCONT)
    code, summary = desk.finish(30)
    assert (code, summary["open_orders_at_exit"], wallet.open_orders()) == (0, 0, 0), desk.log


def test_a_venue_that_is_gone_is_given_up_in_time_too(quoting, exchange):
    desk, _ = quoting
    os.kill(exchange.pid, signal.SIGKILL)
    is_given_up_in_time(desk)
