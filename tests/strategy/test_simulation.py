"""A small run of tools/simulate.py: one seed and one window of each, so that the table of docs/strategies.md can be made again."""

import json
import logging
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def simulate():
    sys.path.insert(0, str(TOOLS))
    import simulate  # noqa: PLC0415   # a tool, not a package
    yield simulate
    sys.path.remove(str(TOOLS))
    logging.disable(logging.NOTSET)          # a simulation says nothing: it disables logging for its own process


@pytest.mark.parametrize("name", ["two_sided", "amm", "blind"])
def test_a_simulated_desk_trades_settles_and_its_parts_add_up_to_what_the_exchange_paid(simulate, name):
    account = simulate.played((name, 1, 1))
    assert account.fills > 0 and account.shares > 0
    assert account.spread + account.adverse + account.inventory == pytest.approx(account.profit, abs=0.01)


def test_the_same_seed_plays_the_same_game(simulate):
    assert simulate.played(("two_sided", 3, 1)) == simulate.played(("two_sided", 3, 1))


def test_the_table_has_a_row_for_each_strategy_and_compares_it_with_blind(simulate):
    accounts = {name: [simulate.Account(float(profit), 1.0, 0.0, 0.0, 1, 1.0) for profit in (least, least + 1)]
                for name, least in (("x", 5), ("blind", 2))}
    found = simulate.summary(accounts)
    assert (found["x"]["profit"], found["x"]["vs_blind"]) == (5.5, 3.0)
    assert len(simulate.table(found).splitlines()) == 3 and json.dumps(found)
