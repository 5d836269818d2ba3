"""The executor's core between a gateway that delays, loses and reorders everything and the model venue, stepped by hand.

A place goes outbox → gateway thread (signed, epoch checked) → wire → venue → answer; other requests go straight to the venue.
A cancel-all, or the end of the process, may fall between any two of these. No thread, no clock: whoever steps it decides
what happens next. For property tests and long runs.
"""

from __future__ import annotations

from typing import NamedTuple

from trader.executor import core
from trader.executor.guards import Limits
from trader.executor.recall import take_over
from trader.executor.settings import ExecutorSettings
from trader.executor.state import Session, State
from trader.model.action import CancelOrders, Flight, PlaceOrders, ReadBalances, ReadFills, ReadOpenOrders, ReadOrder, Request
from trader.model.book import BookTop, FeedHealth, Level, MarketBook
from trader.model.cycle import Cycle, Letter, Now, RaiseEpoch, View
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    FillsRead,
    OpenOrdersRead,
    OrderRead,
    Outcome,
    PlaceResult,
    Result,
    Timing,
    UserFeedDown,
    UserFeedUp,
)
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Mode, Quote, QuoteIntent, StrategyPulse
from trader.model.market import Market
from trader.model.order import OrderSpec
from trader.model.recall import NOTHING_RECALLED
from trader.model.units import MICRO, MoneyMicro, PriceBp, SizeMicro
from trader.ops.replay import setup_text
from trader.testing.killable_journal import KillableJournal
from trader.testing.model_venue import ModelVenue, Truth

LIMITS = Limits(book_stale_ms=500, reference_stale_ms=1000, user_stale_ms=8000, stale_sweeps=True, strategy_period_ms=50)
STRAY_NS = 5_000_000_000     # a request whose sender gave up arrives within this time or never: less than absence is asked for
_SALTS_A_RUN = 1_000_000


class Rules:
    """Implements `model.market.VenueRules`: an order's salt names it."""

    max_batch = 15
    size_step_micro = 10_000

    def order_id(self, order: OrderSpec) -> str:
        return f"o{order.salt}"


class OnWire(NamedTuple):
    request: PlaceOrders
    since_ns: int            # sent, or given up by its sender
    given_up: bool


class ModelDesk:
    """`state` is the executor of the run that is under way."""

    def __init__(self, settings: ExecutorSettings, cash_micro: int, journal: KillableJournal | None = None) -> None:
        """`journal`: None for runs that are never killed."""
        self._settings, self._journal = settings, journal
        self.now_ns, self.book_is_fresh, self.seq, self.first_salt = 1_000_000_000, True, 0, 0
        self.venue = ModelVenue(cash_micro)
        self.wire: list[OnWire] = []
        self._start_run()

    def _start_run(self) -> None:
        """A new process: of the last one nothing is left but what is on the wire."""
        self.generation, self.epoch, self.lapses = 1, 0, 0
        self.outbox: list[Request] = []
        self.signed: list[PlaceOrders] = []
        self.answers: list[Result] = []
        self.stream: list[Truth] = []
        self.state = State(self._settings, Rules(), self.first_salt)
        if self._journal is not None:
            recalled = self._journal.recalled(self.now().ms) if self._journal.runs else NOTHING_RECALLED
            self._journal.begin(setup_text(self._settings, LIMITS, Rules(), self.first_salt, self.now()), self.now(), recalled)
            take_over(self.state, recalled, self.now())
        self.step(UserFeedUp(1))

    def kill(self, survivors: int) -> None:
        """`kill -9`, and the next start. `survivors`: so many of the cycles that were not known to be on disk are."""
        assert self._journal is not None
        self._journal.kill(survivors)
        self.wire = [entry if entry.given_up else OnWire(entry.request, self.now_ns, True) for entry in self.wire]
        self.first_salt += _SALTS_A_RUN
        self._start_run()

    @property
    def unwritten(self) -> int:
        return 0 if self._journal is None else self._journal.held

    # --- the executor's cycle ---------------------------------------------------------------------------------------

    def now(self) -> Now:
        return Now(self.now_ns, self.now_ns // 1_000_000)

    def step(self, letter: Letter) -> None:
        core.step(self.state, letter, self.now())
        self.settle(letter)

    def intend(self, mode: Mode, quotes: tuple[Quote, ...], market: Market) -> None:
        self.seq += 1
        self.step(QuoteIntent(self.seq, market.condition_id, mode, quotes, None, "", self.now_ns, self.now_ns))

    def settle(self, *letters: Letter) -> None:
        view = self._view()
        core.settle(self.state, view, self.now(), LIMITS)
        self._keep(letters, view)
        for action in self.state.actions:
            if isinstance(action, RaiseEpoch):
                self.epoch = action.epoch
                self.answers += [shed(request) for request in self.outbox if isinstance(request, PlaceOrders)]
                self.outbox = [request for request in self.outbox if not isinstance(request, PlaceOrders)]
            else:
                self.outbox.append(action)
        self.state.actions.clear()
        self.state.notes.clear()

    def _view(self) -> View:
        alive = FeedHealth(True, self.now_ns, self.now_ns, self.now_ns, None, 1, False)
        flights = tuple(Flight(True, entry.since_ns) for entry in self.wire if not entry.given_up)
        return View(self._book(), alive._replace(connected=self.book_is_fresh), alive, alive, StrategyPulse(self.now_ns, 0, 0, None),
                    flights, False, BeatHealth(self.now_ns, self.lapses, ""), "")

    def _book(self) -> MarketBook | None:
        """Others bid while we sell out; at other times there is no book, so that no quote is too far from it."""
        close, market = self.state.flatten, self.state.market
        return bid_for(market) if close is not None and close.left is None and market is not None else None

    def _keep(self, letters: tuple[Letter, ...], view: View) -> None:
        """As the role does: only cycles in which something happened."""
        state = self.state
        moves, closed = tuple(state.orders.take_moves()), tuple(state.orders.take_closed())
        happened, state.happened = state.happened or letters or state.actions or moves or closed, False
        if self._journal is not None and happened:
            self._journal.put(Cycle(self.now(), letters, view, tuple(state.actions), tuple(state.notes), moves, state.mode, state.session,
                                    tuple(state.guards.values()), tuple(state.latched.values()), closed, state.forgiven_micro))

    # --- outbox → gateway → wire → venue → answers and stream, each in any order --------------------------------------

    def take(self, index: int, fate: str = "fine") -> None:
        """A gateway thread takes a request: a place is signed, anything else is served at once."""
        request = self.outbox.pop(index % len(self.outbox))
        if isinstance(request, PlaceOrders):
            self.signed.append(request)
            return
        answer = lost(request) if fate == "lost before" else self.ask(request)
        self.answers.append(lost(request) if fate == "lost after" else answer)

    def send(self, index: int) -> None:
        """… waits for the journal, looks at the epoch, and sends."""
        request = self.signed.pop(index % len(self.signed))
        if self._journal is not None:
            self._journal.commit(self.now())
        if request.epoch < self.epoch:
            self.answers.append(shed(request))
        else:
            self.wire.append(OnWire(request, self.now_ns, False))

    def give_up(self, entry: OnWire, *, arrives: bool) -> None:
        """The gateway's deadline is over; the request may be on its way all the same."""
        self.wire.remove(entry)
        self.answers.append(lost(entry.request))
        if arrives:
            self.wire.append(OnWire(entry.request, self.now_ns, True))

    def arrive(self, entry: OnWire, fate: str = "fine") -> None:
        """A place reaches the venue. Whatever this run opens is in the market that its executor names, and never after STOPPED."""
        self.wire.remove(entry)
        assert self.state.session is not Session.STOPPED, "a place arrived after the proof that nothing can"
        markets = {spec.condition_id for _, spec in entry.request.orders if spec.salt > self.first_salt}
        assert not markets or (self.state.market is not None and markets == {self.state.market.condition_id}), "placed in another market"
        answer = self.ask(entry.request)
        if not entry.given_up:
            self.answers.append(lost(entry.request) if fate == "lost after" else answer)

    def ask(self, request: Request) -> Result:
        answer = self.venue.serve(request)
        self.hear()
        return answer

    def hear(self) -> None:
        """What the venue did is on the user stream now."""
        self.stream += self.venue.truth
        self.venue.truth = []

    def lose_user_stream(self) -> None:
        self.step(UserFeedDown(self.generation, "reset"))
        self.stream.clear()                      # nothing is replayed
        self.generation += 1
        self.step(UserFeedUp(self.generation))

    def expire_heartbeat(self) -> None:
        self.venue.expire_heartbeat()
        self.hear()
        self.lapses += 1
        self.settle()

    # --- time -------------------------------------------------------------------------------------------------------

    def advance(self, ms: int) -> None:
        """Time passes; a stray request that is due arrives first."""
        self.now_ns += ms * 1_000_000
        self.venue.now_ms = self.now_ns // 1_000_000
        for entry in [e for e in self.wire if e.given_up and self.now_ns - e.since_ns >= STRAY_NS]:
            self.arrive(entry)
        self.settle()

    def deliver_one(self) -> None:
        under_way = [entry for entry in self.wire if not entry.given_up]
        if self.outbox:
            self.take(0)
        elif self.signed:
            self.send(0)
        elif under_way:
            self.arrive(under_way[0])
        elif self.stream:
            self.step(self.stream.pop(0))
        else:
            self.step(self.answers.pop(0))

    def deliver_all(self) -> None:
        """Everything in flight arrives, nothing new is lost; time passes until the executor has nothing left to ask."""
        for _ in range(600):
            while self.in_flight():
                self.deliver_one()
            if self._at_rest():
                return
            self.advance(100)
        state = self.state
        raise AssertionError(f"never at rest: {state.session} {state.sweep} {state.fills_wanted} "
                             f"{[(order.order_id, order.state, order.final) for order in state.orders.exposed()]}")

    def in_flight(self) -> bool:
        return bool(self.outbox or self.signed or self.answers or self.stream or any(not entry.given_up for entry in self.wire))

    def _at_rest(self) -> bool:
        state = self.state
        return (state.next_deadline_ns() is None and state.sweep is None and not state.fills_wanted and not self.wire
                and state.session in (Session.ACTIVE, Session.BOOT, Session.STOPPED) and not list(state.orders.exposed()))


def bid_for(market: Market) -> MarketBook:
    def top(token_id: str, bid_bp: int, ask_bp: int) -> BookTop:
        return BookTop(token_id, (Level(PriceBp(bid_bp), SizeMicro(MICRO)),), (Level(PriceBp(ask_bp), SizeMicro(MICRO)),), PriceBp(100))

    return MarketBook(market.condition_id, top(market.yes_token, 5000, 5200), top(market.no_token, 4800, 5000), 1, 1, 0, 0)


def shed(request: PlaceOrders) -> PlaceResult:
    return PlaceResult(request, tuple(Answer(order_id, Outcome.SHED) for order_id, _ in request.orders), Timing())


def lost(request: Request) -> Result:
    """What the gateway answers when the venue's own answer never came."""
    match request:
        case PlaceOrders():
            return PlaceResult(request, tuple(Answer(order_id, Outcome.UNKNOWN) for order_id, _ in request.orders), Timing())
        case CancelOrders():
            return CancelResult(request, tuple(Answer(order_id, Outcome.UNKNOWN) for order_id in request.order_ids), Timing())
        case ReadOrder():
            return OrderRead(request, Outcome.UNKNOWN, None, Timing())
        case ReadOpenOrders():
            return OpenOrdersRead(request, Outcome.UNKNOWN, (), Timing())
        case ReadFills():
            return FillsRead(request, Outcome.UNKNOWN, (), Timing())
        case ReadBalances():
            return BalancesRead(request, Outcome.UNKNOWN, MoneyMicro(0), (), Timing())
        case _:
            return CancelMarketResult(request, Outcome.UNKNOWN, (), Timing())
