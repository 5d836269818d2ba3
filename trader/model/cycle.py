"""One cycle of the executor as a value: what it read, what it was told, what it decided. Made by `executor`, kept by `journal`.

All of it is immutable, so that it may cross to the journal's thread as it is. `letters`, `view` and the times are everything that
the executor's decisions follow from; the rest is what they were (docs/journal.md).
"""

from __future__ import annotations

from typing import NamedTuple

from trader.model.action import Flight, PlaceOrders, Request
from trader.model.book import FeedHealth, MarketBook
from trader.model.event import ExecutorEvent
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Mode, QuoteIntent, StrategyPulse
from trader.model.order import OrderState


class Now(NamedTuple):
    """Read once a cycle."""

    ns: int      # monotonic
    ms: int      # wall


class View(NamedTuple):
    """The cache references of one cycle."""

    book: MarketBook | None
    book_health: FeedHealth | None
    reference_health: FeedHealth | None
    user_health: FeedHealth | None
    pulse: StrategyPulse | None
    flights: tuple[Flight, ...]
    crowded: bool                        # too many unread letters
    beat: BeatHealth | None              # of the venue's dead-man's switch; None: it is not used
    journal_trouble: str                 # why nothing may be placed, or empty


class RaiseEpoch(NamedTuple):
    """From now on only places of this epoch may leave."""

    epoch: int


class Note(NamedTuple):
    level: int
    text: str


class Guard(NamedTuple):
    """One reason to do less than the strategy wants."""

    name: str
    cap: Mode
    reason: str
    sweeps: bool             # its entry is a cancel-all


class Latch(NamedTuple):
    """A guard that outlives a restart: in force until somebody clears it."""

    name: str
    reason: str
    since_ms: int            # wall


class Move(NamedTuple):
    """An order changed its state in this cycle."""

    order_id: str
    state: OrderState


Letter = ExecutorEvent | QuoteIntent
Action = Request | RaiseEpoch


class Cycle(NamedTuple):
    """One in which anything happened. Idle ones are not kept: the state after them is the state before."""

    now: Now
    letters: tuple[Letter, ...]          # in the order in which they were handled
    view: View
    actions: tuple[Action, ...]          # in the order in which they were carried out
    notes: tuple[Note, ...]
    moves: tuple[Move, ...]
    mode: Mode                           # after all guards
    session: str
    guards: tuple[Guard, ...]            # in force at the end
    latches: tuple[Latch, ...]           # in force at the end
    closed: tuple[str, ...] = ()         # orders that had ended and of which nothing more can be heard from here on
    forgiven_micro: int = 0              # of this UTC day's loss, by `resume --force`

    @property
    def placed_seq(self) -> int:
        """The newest place that was asked for; 0 without one."""
        return max((action.seq for action in self.actions if isinstance(action, PlaceOrders)), default=0)
