"""All that the executor knows, and how it asks for things. Owner: the executor's thread; nobody else reads or writes it.

The functions of this folder are pure in the sense that matters: what they do follows from (state, event, view, now) alone.
They append requests to `state.actions` and sentences to `state.notes`; the role carries both out.
"""

from __future__ import annotations

import heapq
import logging
from collections import Counter, deque
from enum import StrEnum
from typing import NamedTuple

from trader.executor.ledger import Ledger
from trader.executor.legs import Caps, Holdings
from trader.executor.orders import OrderTable
from trader.executor.pnl import Pnl, Windows
from trader.executor.settings import ExecutorSettings
from trader.model.action import Request
from trader.model.cycle import Guard, Latch, Note, Now, RaiseEpoch
from trader.model.event import Outcome
from trader.model.intent import Mode, QuoteIntent
from trader.model.market import Market, VenueRules
from trader.model.order import OwnFill, Slot
from trader.model.units import MICRO


class Session(StrEnum):
    """BOOT → ROLL → ADOPT → ACTIVE → ROLL → … → STOPPING → STOPPED."""

    BOOT = "boot"            # no market yet
    ROLL = "roll"            # cancelling and verifying before a market is taken up
    ADOPT = "adopt"          # reading what we hold there
    ACTIVE = "active"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Chore(StrEnum):
    """Things to do at a deadline. Each is checked again when it is due: by then it may have become pointless."""

    ASK = "ask"                          # read an order by id; key: order id
    CANCEL = "cancel"                    # repeat a cancel; key: order id
    CANCEL_MARKET = "cancel_market"      # repeat a cancel-all; key: condition id
    LIST = "list"                        # list open orders for a cancel-all; key: condition id
    BALANCES = "balances"                # read what we hold


class Sweep:
    """A cancel-all between decision and proof. See `sweep.py`."""

    __slots__ = ("cools_down", "empty", "listing", "markets", "reason", "started_ns")

    def __init__(self, reason: str, markets: tuple[str, ...], cools_down: bool, started_ns: int) -> None:
        self.reason, self.markets, self.cools_down, self.started_ns = reason, markets, cools_down, started_ns
        self.empty = dict.fromkeys(markets, 0)       # listings in a row that showed nothing
        self.listing: dict[str, int] = {}            # market → number of its unanswered listing; 0 while one is scheduled


class Refused(NamedTuple):
    """How long the venue has refused our credentials for one kind of request. See `refused_key.py`."""

    first_ns: int
    last_ns: int
    times: int


class Flatten:
    """An emergency close, from the command to its report. See `flatten.py`."""

    __slots__ = ("began_ns", "least_bp", "left", "market", "next_ns", "rounds")

    def __init__(self, market: Market | None, began_ns: int) -> None:
        self.market, self.began_ns = market, began_ns
        self.least_bp: dict[str, int] = {}           # token → least price; known from the first two-sided book on
        self.rounds = 0
        self.next_ns = began_ns                      # when the next round may be sent
        self.left: tuple[str, ...] | None = None     # what could not be sold and why; None while it is under way


class State:
    def __init__(self, settings: ExecutorSettings, rules: VenueRules, first_salt: int) -> None:
        self.settings, self.rules = settings, rules
        self.caps = Caps(settings.max_position * MICRO, settings.gross_cap * MICRO, rules.size_step_micro)
        self.now = Now(0, 0)
        self.session = Session.BOOT
        self.market: Market | None = None
        self.target: Market | None = None            # where a roll leads
        self.orders = OrderTable()
        self.ledger = Ledger()
        self.windows = Windows(self.ledger)
        self.pnl = Pnl(0, 0)
        self.day = -1                                # UTC, in days since the epoch …
        self.day_start_micro = 0                     # … and the marked P&L at its start, or when its loss was forgiven
        self.forgiven_micro = 0                      # how much of the day's loss was
        self.latched: dict[str, Latch] = {}          # guards that only `resume --force` ends; they outlive a restart
        self.intent: QuoteIntent | None = None       # kept, and planned again whenever what held it ends
        self.mode = Mode.STOP
        self.guards: dict[str, Guard] = {}
        self.sweep: Sweep | None = None
        self.epoch = 0
        self.paused: str | None = None
        self.flatten: Flatten | None = None          # the last emergency close
        self.lapses = 0                              # silences of the heartbeat that were dealt with
        self.user_generation = 0
        self.user_up = False
        self.user_down_generation = 0                # an "up" of this connection or an older one is out of date
        self.cooldown_until_ns = 0
        self.caution_until_ns = 0
        self.held_until_ns: dict[Slot, int] = {}     # slots that must not place just now, after a refusal
        self.errors: deque[int] = deque(maxlen=1000)             # when they happened
        self.places: deque[int] = deque(maxlen=10_000)           # when an order was given to the gateway
        self.venue_mode_until_ns = 0
        self.venue_mode = ""                         # what the venue said when it last took no orders
        self.placed_since_proof = False              # something may be open that no cancel-all has disproved
        self.refused: dict[str, Refused] = {}        # kind of request → refusals of our credentials in a row
        self.refused_for_good = ""                   # why this run must end, or empty; the role tells whoever can end it
        self.short_in_row = 0                        # places refused for lack of balance since one was accepted
        self.moved_seq: dict[str, int] = {}          # token → the newest request that was out when a trade changed our books
        self.foreign_phase: dict[tuple[str, str], int] = {}      # trades of earlier runs: how far we have seen them go
        self.reading_balances = False
        self.reading_fills: set[str] = set()         # markets
        self.fills_wanted: dict[str, int] = {}       # market → the newest request when trades began to be missing
        self.fills_since_s: dict[str, int] = {}      # market → wall time from which its trades are read
        self.happened = False                        # this cycle changed something that later ones depend on: it is journaled
        self.upkeep_ns = self.reconcile_ns = 0
        self.reconcile_asked = (0, 0)                # (number, time) of the listing that is out for a comparison
        self.settled_ns = 0                          # when the last cycle ended
        self.residual_micro = 0
        self.counts: Counter[str] = Counter()        # what happened, by name; docs/summary.md lists the names
        self.refusals: Counter[Outcome] = Counter()  # places that did not become orders, by what the venue or we said
        self.cancel_alls: Counter[str] = Counter()
        self.last_fills: deque[OwnFill] = deque(maxlen=50)       # for stats
        self.guard_ns: Counter[str] = Counter()      # how long each guard was in force
        self.guard_since_ns: dict[str, int] = {}     # when each guard that is in force now began
        self.actions: list[Request | RaiseEpoch] = []
        self.notes: list[Note] = []
        self._chores: list[tuple[int, int, Chore, str]] = []
        self._chore_due_ns: dict[tuple[Chore, str], int] = {}
        self._seq = 0
        self._salt = first_salt

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    @property
    def last_seq(self) -> int:
        return self._seq

    def next_salt(self) -> int:
        """Unique a process; below 2**53, since it travels as a JSON number."""
        self._salt = (self._salt + 1) % 2**53
        return self._salt

    def later(self, chore: Chore, key: str, delay_ms: int) -> None:
        """Does this chore in a while; once, and at the earliest moment asked for."""
        due_ns = self.now.ns + delay_ms * 1_000_000
        if due_ns < self._chore_due_ns.get((chore, key), due_ns + 1):
            self._chore_due_ns[chore, key] = due_ns
            heapq.heappush(self._chores, (due_ns, self.next_seq(), chore, key))

    def due(self) -> tuple[Chore, str] | None:
        """The next chore whose deadline has come."""
        while self._chores and self._chores[0][0] <= self.now.ns:
            due_ns, _, chore, key = heapq.heappop(self._chores)
            if self._chore_due_ns.get((chore, key)) == due_ns:       # otherwise it was moved forward, and done then
                del self._chore_due_ns[chore, key]
                self.happened = True
                return chore, key
        return None

    def next_deadline_ns(self) -> int | None:
        return self._chores[0][0] if self._chores else None

    def info(self, text: str) -> None:
        self.notes.append(Note(logging.INFO, text))

    def warn(self, text: str) -> None:
        self.notes.append(Note(logging.WARNING, text))

    def holdings(self) -> Holdings:
        """What the plan may use in the live market; nothing without one."""
        if self.market is None:
            return Holdings(0, 0, 0, 0, 0)
        yes, no = self.market.tokens
        book = self.ledger
        return Holdings(
            yes_sellable_micro=book.settled(yes) - book.debits(yes),
            no_sellable_micro=book.settled(no) - book.debits(no),
            net_micro=book.effective(yes) - book.effective(no),
            gross_micro=book.effective(yes) + book.effective(no),
            cash_micro=book.cash_micro,
        )
