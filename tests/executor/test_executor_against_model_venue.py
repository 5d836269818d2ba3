"""Executor core against a venue that may delay, lose, reorder and repeat everything. Money invariants hold at every moment,
and when everything has been delivered the executor's books equal the venue's."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trader.executor import core
from trader.executor.guards import Limits
from trader.executor.settings import ExecutorSettings
from trader.executor.state import Now, RaiseEpoch, Session, State, View
from trader.model.action import (
    CancelOrders,
    PlaceOrders,
    ReadBalances,
    ReadFills,
    ReadOpenOrders,
    ReadOrder,
)
from trader.model.book import FeedHealth
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    Command,
    Control,
    FillsRead,
    MarketChange,
    OpenOrdersRead,
    OrderRead,
    Outcome,
    PlaceResult,
    Timing,
    UserFeedDown,
    UserFeedUp,
)
from trader.model.intent import Mode, Quote, QuoteIntent, StrategyPulse
from trader.model.market import Market
from trader.model.order import Side
from trader.model.units import MICRO, PriceBp, SizeMicro
from trader.testing.model_venue import ModelVenue

MARKET = Market("window", "0x" + "ab" * 32, "1", "2", PriceBp(100), SizeMicro(5 * MICRO), 0, 10**13, "v1", False)
LIMITS = Limits(book_stale_ms=500, reference_stale_ms=1000, user_stale_ms=8000, stale_sweeps=True, strategy_period_ms=50)
CAPS = ExecutorSettings(gross_cap=300, max_position=120, cooldown_ms=200, caution_ms=200)


class Rules:
    max_batch = 15
    size_step_micro = 10_000

    def order_id(self, order):
        return f"o{order.salt}"


def lost(request):
    """What the gateway answers when the venue's own answer never came."""
    match request:
        case PlaceOrders():
            return PlaceResult(request, tuple(Answer(i, Outcome.UNKNOWN) for i, _ in request.orders), Timing())
        case CancelOrders():
            return CancelResult(request, tuple(Answer(i, Outcome.UNKNOWN) for i in request.order_ids), Timing())
        case ReadOrder():
            return OrderRead(request, Outcome.UNKNOWN, None, Timing())
        case ReadOpenOrders():
            return OpenOrdersRead(request, Outcome.UNKNOWN, (), Timing())
        case ReadFills():
            return FillsRead(request, Outcome.UNKNOWN, (), Timing())
        case ReadBalances():
            return BalancesRead(request, Outcome.UNKNOWN, 0, (), Timing())
        case _:
            return CancelMarketResult(request, Outcome.UNKNOWN, (), Timing())


class ExecutorMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.now_ns, self.fresh, self.generation, self.seq = 1_000_000_000, True, 1, 0
        self.venue = ModelVenue(100 * MICRO)
        self.state = State(CAPS, Rules(), first_salt=0)
        self.outbox, self.answers, self.stream = [], [], []
        self.epoch = 0
        self.step(UserFeedUp(1))
        self.step(MarketChange(MARKET))
        self.deliver_all()

    # --- plumbing: outbox → venue → answers and stream → executor, each in any order ---------------------------------

    def view(self):
        health = FeedHealth(self.fresh, self.now_ns, self.now_ns, self.now_ns, None, 1, False)
        alive = health._replace(connected=True)
        return View(None, health, alive, alive, StrategyPulse(self.now_ns, 0, 0, None), (), False)

    def step(self, event):
        core.step(self.state, event, Now(self.now_ns, self.now_ns // 1_000_000))
        self.settle()

    def intend(self, mode, quotes):
        self.seq += 1
        self.step(QuoteIntent(self.seq, MARKET.condition_id, mode, quotes, None, "", self.now_ns, self.now_ns))

    def settle(self):
        core.settle(self.state, self.view(), Now(self.now_ns, self.now_ns // 1_000_000), LIMITS)
        for action in self.state.actions:
            if isinstance(action, RaiseEpoch):
                self.epoch = action.epoch
                shed = [r for r in self.outbox if isinstance(r, PlaceOrders)]
                self.outbox = [r for r in self.outbox if not isinstance(r, PlaceOrders)]
                self.answers += [PlaceResult(r, tuple(Answer(i, Outcome.SHED) for i, _ in r.orders), Timing()) for r in shed]
            else:
                self.outbox.append(action)
        self.state.actions.clear()
        self.state.notes.clear()

    def serve(self, index, fate):
        request = self.outbox.pop(index % len(self.outbox))
        if fate == "lost before":
            answer = lost(request)
        else:
            answer = self.venue.serve(request)
            self.stream += self.venue.truth
            self.venue.truth = []
            answer = lost(request) if fate == "lost after" else answer
        self.answers.append(answer)

    def deliver_all(self):
        """Everything in flight arrives, nothing new is lost; time passes until the executor has nothing left to ask."""
        for _ in range(400):
            while self.outbox or self.answers or self.stream:
                if self.outbox:
                    self.serve(0, "fine")
                elif self.stream:
                    self.step(self.stream.pop(0))
                else:
                    self.step(self.answers.pop(0))
            if self.state.next_deadline_ns() is None and self.state.sweep is None and not self.state.fills_wanted \
                    and self.state.session is Session.ACTIVE and not list(self.state.orders.exposed()):
                return
            self.now_ns += 100_000_000
            self.settle()

    # --- what may happen ---------------------------------------------------------------------------------------------

    @rule(bid=st.integers(1, 98), spread=st.integers(1, 20), size=st.integers(1, 150), mode=st.sampled_from([Mode.NORMAL, Mode.STOP]))
    def quote(self, bid, spread, size, mode):
        ask = min(99, bid + spread)
        quotes = tuple(Quote(side, PriceBp(cents * 100), SizeMicro(size * MICRO)) for side, cents in ((Side.BUY, bid), (Side.SELL, ask)))
        self.intend(mode, quotes if mode is Mode.NORMAL else ())

    @precondition(lambda self: self.outbox)
    @rule(index=st.integers(0, 9), fate=st.sampled_from(["fine", "fine", "fine", "lost before", "lost after"]))
    def venue_serves(self, index, fate):
        self.serve(index, fate)

    @precondition(lambda self: self.answers)
    @rule(index=st.integers(0, 9))
    def answer_arrives(self, index):
        self.step(self.answers.pop(index % len(self.answers)))

    @precondition(lambda self: self.stream)
    @rule(index=st.integers(0, 9), again=st.booleans())
    def event_arrives(self, index, again):
        event = self.stream[index % len(self.stream)]
        if not again:
            self.stream.remove(event)
        self.step(event)

    @precondition(lambda self: self.venue.live())
    @rule(index=st.integers(0, 9), size=st.integers(1, 200))
    def somebody_trades(self, index, size):
        live = self.venue.live()
        self.venue.fill(live[index % len(live)], size * MICRO)
        self.stream += self.venue.truth
        self.venue.truth = []

    @precondition(lambda self: self.venue.trades)
    @rule(index=st.integers(0, 9), fails=st.sampled_from([False, False, True]))
    def trade_settles(self, index, fails):
        trade_id = list(self.venue.trades)[index % len(self.venue.trades)]
        (self.venue.fail if fails else self.venue.mine)(trade_id)
        self.stream += self.venue.truth
        self.venue.truth = []

    @rule(ms=st.sampled_from([20, 100, 300, 3000]))
    def time_passes(self, ms):
        self.now_ns += ms * 1_000_000
        self.settle()

    @rule(command=st.sampled_from([Command.CANCEL_ALL, Command.PAUSE, Command.RESUME]))
    def operator_commands(self, command):
        self.step(Control(command, "test"))

    @rule(fresh=st.booleans())
    def book_feed_changes(self, fresh):
        self.fresh = fresh
        self.settle()

    @rule()
    def user_stream_breaks_and_returns(self):
        self.step(UserFeedDown(self.generation, "reset"))
        self.stream.clear()                      # nothing is replayed
        self.generation += 1
        self.step(UserFeedUp(self.generation))

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_sold_that_is_not_ours(self):
        for token in MARKET.tokens:
            assert self.venue.settled.get(token, 0) >= self.venue.open_micro(token, Side.SELL)

    @invariant()
    def the_worst_case_stays_within_the_caps(self):
        yes, no = MARKET.tokens
        venue, cap = self.venue, CAPS.max_position * MICRO
        net = venue.effective(yes) - venue.effective(no)
        bids = venue.open_micro(yes, Side.BUY) + venue.open_micro(no, Side.SELL)
        asks = venue.open_micro(no, Side.BUY) + venue.open_micro(yes, Side.SELL)
        assert net + bids <= cap or bids == 0, (net, bids)
        assert asks - net <= cap or asks == 0, (net, asks)
        gross = venue.effective(yes) + venue.effective(no)
        opens = venue.open_micro(yes, Side.BUY) + venue.open_micro(no, Side.BUY)
        assert gross + opens <= CAPS.gross_cap * MICRO or opens == 0, (gross, opens)

    @invariant()
    def after_a_proof_nothing_is_open_and_nothing_is_on_its_way(self):
        if not self.state.placed_since_proof:
            assert not self.venue.live()
            assert not any(isinstance(request, PlaceOrders) for request in self.outbox)

    def teardown(self):
        if not hasattr(self, "venue"):
            return
        self.fresh = True
        self.step(Control(Command.RESUME, "end"))
        self.intend(Mode.STOP, ())
        self.deliver_all()
        for trade_id in list(self.venue.trades):
            self.venue.mine(trade_id)
        self.stream += self.venue.truth
        self.venue.truth = []
        self.step(Control(Command.CANCEL_ALL, "end"))
        self.deliver_all()
        book, venue = self.state.ledger, self.venue
        assert not venue.live() and not list(self.state.orders.live())
        assert {t: book.settled(t) for t in MARKET.tokens} == {t: venue.settled.get(t, 0) for t in MARKET.tokens}
        assert {t: book.effective(t) for t in MARKET.tokens} == {t: venue.effective(t) for t in MARKET.tokens}
        assert not venue.refused, "the venue refused an order that the executor's own books should have forbidden"


TestExecutorMachine = ExecutorMachine.TestCase
TestExecutorMachine.settings = settings(max_examples=int(os.environ.get("EXECUTOR_RUNS", "150")), stateful_step_count=60, deadline=None,
                                        suppress_health_check=list(HealthCheck))
