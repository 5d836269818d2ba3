"""Does a recorded run lead the executor's core to the decisions that it recorded? (`trader journal verify`, docs/journal.md)

Pure but for reading the journal. Runs on the command line's thread. The core is given what it was given: letters, view, times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import zip_longest
from typing import NamedTuple

import orjson

from trader.errors import JournalError
from trader.executor import core
from trader.executor.guards import Limits
from trader.executor.recall import take_over
from trader.executor.settings import ExecutorSettings
from trader.executor.state import State
from trader.journal.reader import RecordedRun
from trader.model.action import PlaceOrders
from trader.model.cycle import Cycle, Now
from trader.model.market import VenueRules
from trader.model.order import OrderSpec


class Setup(NamedTuple):
    """What decides besides the cycles. Travels as the text of `setup_text`."""

    settings: ExecutorSettings
    limits: Limits
    max_batch: int
    size_step_micro: int
    first_salt: int
    began: Now                   # when the executor took over what was recalled


class Verdict(NamedTuple):
    cycles: int                  # replayed
    letters: int
    actions: int
    difference: str              # the first one; empty: every decision was the recorded one


def setup_text(settings: ExecutorSettings, limits: Limits, rules: VenueRules, first_salt: int, began: Now) -> str:
    """Kept with the run, when it begins."""
    return orjson.dumps({"settings": asdict(settings), "limits": limits._asdict(), "max_batch": rules.max_batch,
                         "size_step_micro": rules.size_step_micro, "first_salt": first_salt, "began": began._asdict()}).decode()


def setup_of(run: RecordedRun) -> Setup:
    try:
        kept = orjson.loads(run.setup)
        return Setup(ExecutorSettings(**kept["settings"]), Limits(**kept["limits"]), kept["max_batch"], kept["size_step_micro"],
                     kept["first_salt"], Now(**kept["began"]))
    except (ValueError, TypeError, KeyError) as why:
        raise JournalError(f"run {run.run_id} was written by trader {run.version}, whose settings differ: {why}.",
                           remedy=f"Replay it with trader {run.version}.") from why


class RecordedRules:
    """Implements `model.market.VenueRules` from what was recorded: how a venue forms its ids is not the core's to decide."""

    def __init__(self, setup: Setup) -> None:
        self.max_batch, self.size_step_micro = setup.max_batch, setup.size_step_micro
        self._ids: dict[OrderSpec, str] = {}

    def learn(self, cycle: Cycle) -> None:
        self._ids = {spec: order_id for action in cycle.actions if isinstance(action, PlaceOrders) for order_id, spec in action.orders}

    def order_id(self, order: OrderSpec) -> str:
        """An order that was not recorded has no id; it is a difference anyway."""
        return self._ids.get(order, "")


def verify(run: RecordedRun, cycles: Iterable[Cycle]) -> Verdict:
    setup = setup_of(run)
    rules = RecordedRules(setup)
    state = State(setup.settings, rules, setup.first_salt)
    take_over(state, run.recalled, setup.began)
    count = letters = actions = 0
    for cycle in cycles:
        rules.learn(cycle)
        for letter in cycle.letters:
            core.step(state, letter, cycle.now)
        core.settle(state, cycle.view, cycle.now, setup.limits)
        count, letters, actions = count + 1, letters + len(cycle.letters), actions + len(cycle.actions)
        if difference := _difference(state, cycle):
            return Verdict(count, letters, actions, f"cycle {count}: {difference}")
        state.actions.clear()
        state.notes.clear()
    return Verdict(count, letters, actions, "")


def _difference(state: State, cycle: Cycle) -> str:
    """Everything that left the core: what was asked of the venue, and what was shown to people."""
    for index, (here, there) in enumerate(zip_longest(state.actions, cycle.actions)):
        if here != there:
            return f"action {index} was {there}, is {here} now"
    pairs = (("mode", state.mode.name, cycle.mode.name), ("session", str(state.session), cycle.session),
             ("guards", tuple(state.guards.values()), cycle.guards), ("latches", tuple(state.latched.values()), cycle.latches),
             ("orders", tuple(state.orders.take_moves()), cycle.moves), ("closed", tuple(state.orders.take_closed()), cycle.closed),
             ("forgiven", state.forgiven_micro, cycle.forgiven_micro), ("notes", tuple(state.notes), cycle.notes))
    for what, here, there in pairs:
        if here != there:
            return f"{what}: was {there}, is {here} now"
    return ""
