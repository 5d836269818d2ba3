"""Whole processes on loopback: an exchange started separately, and desks as a user starts them, judged from outside."""

import pytest

from trader.testing.desk_process import DeskProcess, Wallet
from trader.testing.exchange_process import running_exchange

LONG = ("test_short_soaks.py", "test_fleet_churn.py")


def pytest_collection_modifyitems(items):
    """What takes a minute goes first, so that the others run beside it."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="module")
def exchange():
    with running_exchange(speed=72, seed=3) as urls:
        yield urls


@pytest.fixture
def start_desk(tmp_path):
    """Starts desks and ends what a failed test leaves behind."""
    started = []

    def start(*arguments, environment=None):
        started.append(DeskProcess([str(argument) for argument in arguments], tmp_path, environment))
        return started[-1]

    yield start
    for desk in started:
        desk.kill()


@pytest.fixture
def wallet(exchange, tmp_path):
    return Wallet(exchange, tmp_path)
