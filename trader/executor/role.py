"""Role 5, thread `executor`: waits for letters, lets the core decide, carries the decisions out.

Fed by the inbox (user stream, gateway, markets, control), the mailbox (strategy) and the caches of the feeds. Read by
strategy and stats through two caches of its own. Nothing else ever touches its state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from trader.errors import AuthError
from trader.executor import core, guards, sweep
from trader.executor.pnl import Pnl, WindowResult
from trader.executor.state import Session, State
from trader.executor.times import OrderTimes
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.journal import JournalQueue
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import Flight, PlaceOrders
from trader.model.book import FeedHealth, MarketBook
from trader.model.cycle import Cycle, Letter, Note, Now, RaiseEpoch, View
from trader.model.event import Answer, ExecutorEvent, MailWaiting, Outcome, PlaceResult, Timing
from trader.model.heartbeat import NO_BEAT, BeatHealth
from trader.model.intent import Inventory, Mode, QuoteIntent, StrategyPulse
from trader.model.order import OrderState, OwnFill
from trader.model.units import MoneyMicro
from trader.runtime.clock import Clock
from trader.runtime.pause import pause
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_NS = 20_000_000             # guards are looked at fifty times a second even when no letter comes
LETTERS_A_CYCLE = 64             # then due deadlines have their turn
REPORT_EVERY_NS = 200_000_000
GIVE_WAY_S = 0.002               # after a STOP or a cancel-all: the gateway needs the interpreter more than the letters that wait
_REFUSED_HELP = ("Check on the venue's own page that the API key still exists and the account may trade, that this country is not "
                 "blocked, and the machine's clock.")


class Inputs(NamedTuple):
    """The caches that a cycle reads, once."""

    book: SnapshotCache[MarketBook]
    book_health: SnapshotCache[FeedHealth]
    reference_health: SnapshotCache[FeedHealth]
    user_health: SnapshotCache[FeedHealth]
    pulse: SnapshotCache[StrategyPulse]
    flights: tuple[SnapshotCache[Flight | None], ...]    # one a gateway thread
    beat: SnapshotCache[BeatHealth] | None = None        # None: the venue has no dead-man's switch


class ExecutorReport(NamedTuple):
    """What stats and summary know of the executor. Published a few times a second and at the end."""

    session: Session
    slug: str
    cash_micro: MoneyMicro
    pnl: Pnl
    pnl_today_micro: int                     # marked, of this UTC day
    windows: tuple[WindowResult, ...]        # that we traded, oldest first
    live_orders: int
    counts: dict[str, int]
    ended: dict[str, int]
    refusals: dict[str, int]
    cancel_alls: dict[str, int]
    guard_ms: dict[str, int]
    guard_since_ns: dict[str, int]           # monotonic; only guards that are in force
    fills: int
    failed_fills: int
    volume_micro: int
    fees_micro: int
    last_fills: tuple[OwnFill, ...]          # oldest first
    residual_micro: int
    flatten: tuple[str, ...] | None          # of the last emergency close: what it could not sell; None while it is under way
    flattening: bool                         # there was one


class ExecutorRole:
    name = "executor"

    def __init__(self, state: State, limits: guards.Limits, inputs: Inputs, *, inbox: ExecutorInbox, mailbox: IntentMailbox,
                 outbox: OrderOutbox, inventory: SnapshotCache[Inventory], report: SnapshotCache[ExecutorReport],
                 bell: Doorbell, clock: Clock, on_stopped: Callable[[], None], journal: JournalQueue | None = None,
                 on_refused: Callable[[AuthError], None] = lambda _: None, pause: Callable[[float], None] = pause) -> None:
        """Without a `journal` nothing is kept and nothing recalled: for tests and simulations. `on_refused`: the venue does not
        take our credentials any more; this role goes on until it is stopped in order."""
        self._state, self._limits, self._inputs = state, limits, inputs
        self._inbox, self._mailbox, self._outbox = inbox, mailbox, outbox
        self._inventory, self._report, self._bell = inventory, report, bell
        self._clock, self._on_stopped, self._journal = clock, on_stopped, journal
        self._on_refused, self._pause = on_refused, pause
        self._letters: list[Letter] = []         # handled in this cycle
        self._fills_seen = 0
        self._report_due_ns = 0
        self._stop_told = self._refusal_told = False
        self._stops = False                      # the intent that was taken in this cycle does
        self.posture = Posture(clock)
        self.times = OrderTimes()

    def on_start(self) -> None:
        self._publish(self._now())

    def do_work(self) -> None:
        letter = self._inbox.get(self._park_s())
        now, view = self._now(), self._read_view()
        for left in reversed(range(LETTERS_A_CYCLE)):
            if self._mailbox.waiting():                  # before every letter: a STOP must not wait behind others
                self._take_mail(now)
            if letter is None:
                break
            self._handle(letter, now)
            letter = self._inbox.get(0) if left and not self._is_urgent() else None
        core.settle(self._state, view, now, self._limits)
        self._keep(view, now)
        self._carry_out()
        self._publish(now)

    def _is_urgent(self) -> bool:
        """A STOP with orders open, or a cancel-all: goes out before more is read."""
        return self._stops or any(isinstance(action, RaiseEpoch) for action in self._state.actions)

    def on_stop(self) -> None:
        """The last report, so that a summary after the end is complete, and what nobody confirmed."""
        if unproved := sweep.unproved(self._state):
            log.error("orders may be open: %s", unproved)
        self._report_due_ns = 0
        self._publish(self._now())

    def _park_s(self) -> float:
        """Until the next deadline, at most one look at the guards away."""
        deadline_ns = self._state.next_deadline_ns()
        wait_ns = PARK_NS if deadline_ns is None else min(PARK_NS, deadline_ns - self._clock.monotonic_ns())
        return max(wait_ns, 0) / 1e9

    def _now(self) -> Now:
        return Now(self._clock.monotonic_ns(), self._clock.wall_ms())

    def _read_view(self) -> View:
        seen = self._inputs
        flights = tuple(flight for cache in seen.flights if (flight := cache.read()) is not None)
        return View(seen.book.read(), seen.book_health.read(), seen.reference_health.read(), seen.user_health.read(),
                    seen.pulse.read(), flights, self._inbox.crowded, (seen.beat.read() or NO_BEAT) if seen.beat else None,
                    self._journal.trouble if self._journal else "")

    def _handle(self, letter: ExecutorEvent, now: Now) -> None:
        if isinstance(letter, MailWaiting):
            self._take_mail(now)                         # every ring is answered, or the mailbox would stay silent
            return
        if isinstance(letter, PlaceResult):
            self.times.answered(letter)
        self._letters.append(letter)
        core.step(self._state, letter, now)

    def _take_mail(self, now: Now) -> None:
        intent: QuoteIntent | None = self._mailbox.take()
        if intent is not None:
            self._letters.append(intent)
            core.step(self._state, intent, now)
            self._stops = intent.mode is Mode.STOP and len(self._state.orders) > 0

    def _keep(self, view: View, now: Now) -> None:
        """Into the journal before anything leaves: a gateway thread waits for it before it sends a place."""
        state, letters = self._state, tuple(self._letters)
        self._letters.clear()
        moves, closed = tuple(state.orders.take_moves()), tuple(state.orders.take_closed())
        happened, state.happened = state.happened or letters or state.actions or moves or closed, False
        if self._journal is not None and happened:
            self._journal.put(Cycle(now, letters, view, tuple(state.actions), tuple(state.notes), moves, state.mode, state.session,
                                    tuple(state.guards.values()), tuple(state.latched.values()), closed,
                                    state.forgiven_micro))

    def _carry_out(self) -> None:
        state = self._state
        for action in state.actions:
            if isinstance(action, RaiseEpoch):
                self._shed(self._outbox.raise_epoch(action.epoch))
                continue
            if isinstance(action, PlaceOrders):
                self.times.put(action.seq, self._clock.monotonic_ns(), state.intent)
            self._outbox.put(action)
        if self._is_urgent():
            self._pause(GIVE_WAY_S)
        self._stops = False
        state.actions.clear()
        for note in state.notes:
            _log(note)
        state.notes.clear()
        if state.session is Session.STOPPED and not self._stop_told:
            self._stop_told = True
            self._on_stopped()

        if state.refused_for_good and not self._refusal_told:
            self._refusal_told = True
            self._on_refused(AuthError(f"{state.refused_for_good}.", remedy=_REFUSED_HELP))

    def _shed(self, places: list[PlaceOrders]) -> None:
        """Purged from the outbox: they are answered like any other request, so that no record leaks."""
        for place in places:
            answers = tuple(Answer(order_id, Outcome.SHED) for order_id, _ in place.orders)
            self._inbox.put(PlaceResult(place, answers, Timing()))

    def _publish(self, now: Now) -> None:
        state = self._state
        inventory = _inventory(state)
        if inventory != self._inventory.read():
            self._inventory.publish(inventory)
        if state.ledger.fills != self._fills_seen:
            self._fills_seen = state.ledger.fills
            self._bell.ring()                            # a fill is a trigger
        if now.ns >= self._report_due_ns:
            self._report_due_ns = now.ns + REPORT_EVERY_NS
            self._report.publish(_report(state))


def _inventory(state: State) -> Inventory:
    market, book = state.market, state.ledger
    yes, no = market.tokens if market else ("", "")
    return Inventory(
        condition_id=market.condition_id if market else "",
        yes_settled_micro=book.settled(yes), no_settled_micro=book.settled(no),
        yes_effective_micro=book.effective(yes), no_effective_micro=book.effective(no),
        cash_micro=MoneyMicro(book.cash_micro),
        mode=state.mode,
        reasons=tuple(state.guards),
        working=tuple(order.snapshot() for order in state.orders.live()),
    )


def _report(state: State) -> ExecutorReport:
    market, ledger, pnl = state.market, state.ledger, state.windows.pnl()
    return ExecutorReport(
        session=state.session,
        slug=market.slug if market else "",
        cash_micro=MoneyMicro(ledger.cash_micro),
        pnl=pnl, pnl_today_micro=pnl.marked_micro - state.day_start_micro,
        windows=tuple(result for result in state.windows.results() if result.traded),
        live_orders=len(state.orders),
        counts=dict(state.counts),
        ended={end.value.lower(): state.orders.ended[end] for end in OrderState if state.orders.ended[end]},
        refusals={outcome.value: count for outcome, count in state.refusals.items()},
        cancel_alls=dict(state.cancel_alls),
        guard_ms={name: held_ns // 1_000_000 for name, held_ns in state.guard_ns.items()},
        guard_since_ns=state.guard_since_ns,
        fills=ledger.fills, failed_fills=ledger.failed, volume_micro=ledger.volume_micro, fees_micro=ledger.fees_micro,
        last_fills=tuple(state.last_fills),
        residual_micro=state.residual_micro,
        flatten=state.flatten.left if state.flatten else None, flattening=state.flatten is not None,
    )


def _log(note: Note) -> None:
    log.log(note.level, "%s", note.text)
