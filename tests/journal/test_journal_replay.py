"""A journal leads the core to the decisions that it recorded, and any change in it is found out."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from trader.arguments import parser
from trader.errors import JournalError
from trader.journal import reader, report
from trader.journal.report import Wanted
from trader.model.action import PlaceOrders
from trader.model.event import Command, Control, TradeStatus
from trader.model.intent import Mode
from trader.ops.journal_commands import run as run_command
from trader.ops.replay import verify


@pytest.fixture
def lived(desk):
    """Quotes, fills, a pause, a flatten, a resolution, another window."""
    for cents in range(44, 49):
        desk.fills(desk.quotes(cents, 99 - cents)[0], 5, f"t{cents}", TradeStatus.MINED)
    desk.cycle(Control(Command.PAUSE, "lunch"), ms=10).proves().cycle(Control(Command.RESUME, ""), ms=20_000)
    desk.resolves(yes=True).boots(2).sees(40, 60)
    desk.quotes(41, 59)
    return desk


def replayed(keeper, desk, change=lambda cycles: cycles):
    desk.cycles = change(desk.cycles)
    files = keeper.keep(desk)
    run = reader.runs(files)[-1]
    return verify(run, reader.cycles(files, run))


def test_a_run_replays_to_the_same_decisions(keeper, lived):
    count = len(lived.cycles)
    verdict = replayed(keeper, lived)
    assert verdict.difference == "" and verdict.cycles == count and verdict.actions > 20


def changed_where(holds, change):
    """Changes the last cycle in which `holds`, and leaves the others as they were."""
    def changed(cycles):
        index = max(number for number, cycle in enumerate(cycles) if holds(cycle))
        return [*cycles[:index], change(cycles[index]), *cycles[index + 1:]]
    return changed


def cheaper(cycle):
    """A recorded place is a tick off what the core decides."""
    return cycle._replace(actions=tuple(
        action._replace(orders=tuple((i, spec._replace(price_bp=spec.price_bp - 100)) for i, spec in action.orders))
        if isinstance(action, PlaceOrders) else action for action in cycle.actions))


@pytest.mark.parametrize(("where", "change", "what"), [
    ("placed_seq", cheaper, "was PlaceOrders"),
    ("placed_seq", lambda cycle: cycle._replace(actions=()), "action 0 was None"),
    ("placed_seq", lambda cycle: cycle._replace(letters=()), "is None now"),
    ("placed_seq", lambda cycle: cycle._replace(view=cycle.view._replace(crowded=True)), "action"),
    ("placed_seq", lambda cycle: cycle._replace(mode=Mode.CAUTION), "mode: was CAUTION"),
    ("placed_seq", lambda cycle: cycle._replace(session="stopped"), "session: was stopped"),
    ("notes", lambda cycle: cycle._replace(notes=()), "notes: was ()"),
    ("moves", lambda cycle: cycle._replace(moves=()), "orders: was ()"),
    ("guards", lambda cycle: cycle._replace(guards=()), "guards: was ()"),
], ids=["price", "no action", "no letter", "view", "mode", "session", "notes", "moves", "guards"])
def test_any_change_is_found_and_named(keeper, lived, where, change, what):
    verdict = replayed(keeper, lived, changed_where(lambda cycle: getattr(cycle, where), change))
    assert what in verdict.difference


def verified(path):
    return run_command(parser().parse_args(["journal", "verify", str(path)]), 0, 80)


def test_the_command_says_how_much_was_replayed(keeper, lived):
    keeper.keep(lived)
    assert "ended by end of test" in verified(keeper.path) and "all" in verified(keeper.path)


def test_the_command_fails_with_the_first_difference(keeper, lived):
    lived.cycles = changed_where(lambda cycle: cycle.placed_seq, cheaper)(lived.cycles)
    keeper.keep(lived)
    with pytest.raises(JournalError, match=r"does not replay: cycle \d+: action \d was PlaceOrders"):
        verified(keeper.path)


def test_cycles_of_another_layout_are_refused_and_their_tables_are_not(keeper, lived):
    file, = keeper.keep(lived)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("UPDATE runs SET layout = 'older', version = '0.0.9'")
    assert len(report.fills([file], Wanted())) == 5
    with pytest.raises(JournalError, match=r"another layout.*Replay it with trader 0\.0\.9"):
        verified(keeper.path)


def test_a_cycle_that_was_damaged_is_named_and_what_came_before_it_is_read(keeper, lived):
    kept = list(lived.cycles)
    file, = keeper.keep(lived)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("UPDATE cycles SET packed = X'0123456789' WHERE number = 5")
    run, = reader.runs([file])
    cycles = reader.cycles([file], run)
    before = [cycle.now for _, cycle in zip(range(4), cycles, strict=False)]
    assert before == [cycle.now for cycle in kept[:4]]
    with pytest.raises(JournalError, match=r"cycle 5 of run run-1 is damaged"):
        next(cycles)
