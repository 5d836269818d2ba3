"""Executor core against a venue that may delay, lose, reorder and repeat everything. Money invariants hold at every moment,
and when everything has been delivered the executor's books equal the venue's.

A place goes outbox → gateway thread (signed, epoch checked) → wire → venue → answer; other requests go straight to the venue.
A cancel-all may fall between any two of these. `EXECUTOR_RUNS=10000` runs more examples than the suite does.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trader.executor import core
from trader.executor.guards import Limits
from trader.executor.settings import ExecutorSettings
from trader.executor.state import Session, State
from trader.model.action import CancelOrders, Flight, PlaceOrders, ReadBalances, ReadFills, ReadOpenOrders, ReadOrder
from trader.model.book import BookTop, FeedHealth, Level, MarketBook
from trader.model.cycle import Now, RaiseEpoch, View
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
    TradeStatus,
    UserFeedDown,
    UserFeedUp,
)
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Mode, Quote, QuoteIntent, StrategyPulse
from trader.model.market import Market
from trader.model.order import OrderSpec, Side
from trader.model.units import MICRO, PriceBp, SizeMicro, notional_micro
from trader.testing.model_venue import ModelVenue

FIRST = Market("first", "0x" + "ab" * 32, "1", "2", PriceBp(100), SizeMicro(5 * MICRO), 0, 10**13, "v1", False)
SECOND = FIRST._replace(slug="second", condition_id="0x" + "cd" * 32, yes_token="3", no_token="4")
TOKENS = (*FIRST.tokens, *SECOND.tokens)
LIMITS = Limits(book_stale_ms=500, reference_stale_ms=1000, user_stale_ms=8000, stale_sweeps=True, strategy_period_ms=50)
CAPS = ExecutorSettings(gross_cap=300, max_position=120, cooldown_ms=100, caution_ms=100)
MOODS = [None, None, (Outcome.RATE_LIMITED, 400), (Outcome.WOULD_CROSS, 0), (Outcome.VENUE_MODE, 1500), (Outcome.MARKET_CLOSED, 0),
         (Outcome.INVALID, 0)]
TROUBLES = [None, None, None, None, None, None, Command.CANCEL_ALL, Command.PAUSE, Command.RESUME, Command.RESUME, "window", "window",
            "stop", "mood", "mood", "book", "book", "user stream", "heartbeat", "flatten"]
STRAY_NS = 5_000_000_000     # a request whose sender gave up arrives within this time or never: less than absence is asked for


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


def bid_for(market):
    """A book in which others bid: what an emergency close looks for."""
    def top(token, bid, ask):
        return BookTop(token, (Level(PriceBp(bid), SizeMicro(MICRO)),), (Level(PriceBp(ask), SizeMicro(MICRO)),), PriceBp(100))

    return MarketBook(market.condition_id, top(market.yes_token, 5000, 5200), top(market.no_token, 4800, 5000), 1, 1, 0, 0)


def shed(request):
    return PlaceResult(request, tuple(Answer(i, Outcome.SHED) for i, _ in request.orders), Timing())


class ExecutorMachine(RuleBasedStateMachine):
    @initialize(earlier_run=st.sampled_from([False] * 5 + [True]), may_stop=st.booleans())
    def begin(self, earlier_run, may_stop):
        self.now_ns, self.fresh, self.seq, self.first_salt = 1_000_000_000, True, 0, 0
        self.venue, self.may_stop, self.wire = ModelVenue(100 * MICRO), may_stop, []
        self.start_run()
        if earlier_run:
            for number, market in enumerate((FIRST, SECOND)):
                self.venue.rest(f"earlier{number}", OrderSpec(market.condition_id, market.yes_token, Side.BUY, PriceBp(3000),
                                                              SizeMicro(20 * MICRO), 0, 0, "v1", False))
        self.step(MarketChange(FIRST))
        self.deliver_all()
        two_sided = ((Side.BUY, 4000), (Side.SELL, 6000))
        self.intend(Mode.NORMAL, tuple(Quote(side, PriceBp(price_bp), SizeMicro(50 * MICRO)) for side, price_bp in two_sided), FIRST)
        self.for_a_while_all_goes_well(20)

    def start_run(self):
        """A new process: nothing of the last one is left but what is on the wire."""
        self.generation, self.epoch, self.lapses = 1, 0, 0
        self.outbox, self.signed, self.answers, self.stream = [], [], [], []
        self.state = self.new_state()
        self.step(UserFeedUp(1))

    def new_state(self):
        return State(CAPS, Rules(), self.first_salt)

    # --- plumbing: outbox → gateway → wire → venue → answers and stream → executor, each in any order ------------------

    def now(self):
        return Now(self.now_ns, self.now_ns // 1_000_000)

    def view(self):
        health = FeedHealth(self.fresh, self.now_ns, self.now_ns, self.now_ns, None, 1, False)
        alive = health._replace(connected=True)
        flights = tuple(Flight(True, sent_ns) for _, sent_ns, given_up in self.wire if not given_up)
        book = bid_for(self.state.market) if self.state.flatten and self.state.flatten.left is None and self.state.market else None
        beat = BeatHealth(self.now_ns, self.lapses, "")
        return View(book, health, alive, alive, StrategyPulse(self.now_ns, 0, 0, None), flights, False, beat, "")

    def step(self, event):
        core.step(self.state, event, self.now())
        self.settle(event)

    def intend(self, mode, quotes, market):
        self.seq += 1
        self.step(QuoteIntent(self.seq, market.condition_id, mode, quotes, None, "", self.now_ns, self.now_ns))

    def settle(self, *letters):
        view = self.view()
        core.settle(self.state, view, self.now(), LIMITS)
        self.keep(letters, view)
        for action in self.state.actions:
            if isinstance(action, RaiseEpoch):
                self.epoch = action.epoch
                self.answers += [shed(r) for r in self.outbox if isinstance(r, PlaceOrders)]
                self.outbox = [r for r in self.outbox if not isinstance(r, PlaceOrders)]
            else:
                self.outbox.append(action)
        self.state.actions.clear()
        self.state.notes.clear()

    def keep(self, letters, view):
        """Where the journal takes a cycle."""

    def advance(self, ms):
        """Time passes; a stray request that is due arrives first."""
        self.now_ns += ms * 1_000_000
        self.venue.now_ms = self.now_ns // 1_000_000
        for entry in [e for e in self.wire if e[2] and self.now_ns - e[1] >= STRAY_NS]:
            self.arrive(entry)
        self.settle()

    def take(self, index):
        """A gateway thread takes a request: a place is signed, anything else is served at once."""
        request = self.outbox.pop(index % len(self.outbox))
        if isinstance(request, PlaceOrders):
            self.signed.append(request)
        return request

    def send(self, index):
        """… looks at the epoch, and sends."""
        request = self.signed.pop(index % len(self.signed))
        if request.epoch < self.epoch:
            self.answers.append(shed(request))
        else:
            self.wire.append((request, self.now_ns, False))

    def arrive(self, entry, fate="fine"):
        """A place reaches the venue. Whatever it opens is in the market that the executor names, and never after STOPPED."""
        self.wire.remove(entry)
        request, _, given_up = entry
        assert self.state.session is not Session.STOPPED
        of_this_run = {spec.condition_id for _, spec in request.orders if spec.salt > self.first_salt}
        assert not of_this_run or of_this_run == {self.state.market.condition_id}
        answer = self.ask(request)
        if not given_up:
            self.answers.append(lost(request) if fate == "lost after" else answer)

    def ask(self, request):
        answer = self.venue.serve(request)
        self.hear()
        return answer

    def hear(self):
        self.stream += self.venue.truth
        self.venue.truth = []

    def deliver_all(self):
        """Everything in flight arrives, nothing new is lost; time passes until the executor has nothing left to ask."""
        for _ in range(600):
            while self.in_flight():
                self.deliver_one()
            if self.at_rest():
                return
            self.advance(100)
        raise AssertionError(f"never at rest: {self.state.session} {self.state.sweep} {self.state.fills_wanted} "
                             f"{[(o.order_id, o.state, o.final) for o in self.state.orders.exposed()]}")

    def in_flight(self):
        return self.outbox or self.signed or self.answers or self.stream or any(not e[2] for e in self.wire)

    def deliver_one(self):
        if self.outbox:
            request = self.take(0)
            if not isinstance(request, PlaceOrders):
                self.answers.append(self.ask(request))
        elif self.signed:
            self.send(0)
        elif any(not e[2] for e in self.wire):
            self.arrive(next(e for e in self.wire if not e[2]))
        elif self.stream:
            self.step(self.stream.pop(0))
        else:
            self.step(self.answers.pop(0))

    def at_rest(self):
        state = self.state
        return state.next_deadline_ns() is None and state.sweep is None and not state.fills_wanted and not self.wire \
            and state.session in (Session.ACTIVE, Session.BOOT, Session.STOPPED) and not list(state.orders.exposed())

    # --- what may happen ---------------------------------------------------------------------------------------------

    @rule(bid=st.integers(1, 98), spread=st.integers(1, 20), size=st.integers(1, 150), levels=st.sampled_from([1, 1, 1, 2, 3]),
          mode=st.sampled_from([Mode.NORMAL] * 6 + [Mode.REDUCE_ONLY, Mode.STOP]), stray=st.integers(0, 9),
          calm=st.sampled_from([0, 0, 30]))
    def quote(self, bid, spread, size, levels, mode, stray, calm):
        market = SECOND if stray == 9 else self.state.market or FIRST
        prices = [(Side.BUY, bid - level) for level in range(levels)] + [(Side.SELL, bid + spread + level) for level in range(levels)]
        quotes = tuple(Quote(side, PriceBp(cents * 100), SizeMicro(size * MICRO)) for side, cents in prices if 1 <= cents <= 99)
        self.intend(mode, () if mode is Mode.STOP else quotes, market)
        self.for_a_while_all_goes_well(calm)

    @precondition(lambda self: self.outbox)
    @rule(index=st.integers(0, 9), fate=st.sampled_from(["fine", "fine", "fine", "lost before", "lost after"]))
    def gateway_takes(self, index, fate):
        request = self.take(index)
        if not isinstance(request, PlaceOrders):
            answer = lost(request) if fate == "lost before" else self.ask(request)
            self.answers.append(lost(request) if fate == "lost after" else answer)

    @precondition(lambda self: self.signed)
    @rule(index=st.integers(0, 9))
    def gateway_sends(self, index):
        self.send(index)

    @precondition(lambda self: self.wire)
    @rule(index=st.integers(0, 9), fate=st.sampled_from(["fine", "fine", "fine", "never", "stray", "lost after"]))
    def place_arrives(self, index, fate):
        entry = self.wire[index % len(self.wire)]
        if fate in ("fine", "lost after") or entry[2]:
            self.arrive(entry, fate)
            return
        self.wire.remove(entry)
        self.answers.append(lost(entry[0]))                  # the gateway's deadline is over …
        if fate == "stray":
            self.wire.append((entry[0], self.now_ns, True))  # … and the request still on its way

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
        self.hear()

    @precondition(lambda self: self.venue.trades)
    @rule(index=st.integers(0, 9), fails=st.sampled_from([False, False, True]))
    def trade_settles(self, index, fails):
        trade_id = list(self.venue.trades)[index % len(self.venue.trades)]
        (self.venue.fail if fails else self.venue.mine)(trade_id)
        self.hear()

    @rule(ms=st.sampled_from([20, 100, 300, 300, 3000]))
    def time_passes(self, ms):
        self.advance(ms)

    @rule(events=st.integers(1, 30))
    def all_goes_well(self, events):
        self.for_a_while_all_goes_well(events)

    def for_a_while_all_goes_well(self, events):
        for _ in range(events):
            if self.in_flight():
                self.deliver_one()

    @rule(kind=st.sampled_from(TROUBLES), data=st.data())
    def trouble(self, kind, data):
        """In one rule, and rarely: a desk that is always cancelling shows nothing."""
        match kind:
            case Command():
                self.step(Control(kind, "test"))
            case "window":
                self.step(MarketChange(data.draw(st.sampled_from([None, FIRST, SECOND, SECOND]))))
            case "stop" if self.may_stop:
                self.step(Control(Command.STOP, "test"))
            case "mood":
                self.venue.mood, self.venue.mood_every = data.draw(st.sampled_from(MOODS)), data.draw(st.sampled_from([1, 1, 2, 3]))
            case "book":
                self.fresh = not self.fresh
                self.settle()
            case "user stream":
                self.lose_user_stream()
            case "heartbeat":
                self.venue.expire_heartbeat()
                self.hear()
                self.lapses += 1
                self.settle()
            case "flatten":
                self.venue.demand_micro = data.draw(st.sampled_from([0, 7, 1000])) * MICRO
                self.step(Control(Command.FLATTEN, "test"))

    def lose_user_stream(self):
        self.step(UserFeedDown(self.generation, "reset"))
        self.stream.clear()                      # nothing is replayed
        self.generation += 1
        self.step(UserFeedUp(self.generation))

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_sold_that_is_not_ours(self):
        for token in TOKENS:
            assert self.venue.settled.get(token, 0) >= self.venue.open_micro(token, Side.SELL)

    @invariant()
    def the_worst_case_stays_within_the_caps(self):
        unknowable = {trade.condition_id for trade in self.foreign_trades()}     # an earlier run's trade counts once it is mined
        for market in (FIRST, SECOND):
            if market.condition_id not in unknowable:
                self.check_caps(*market.tokens)

    def check_caps(self, yes, no):
        """A trade that fails after it was matched cannot be foreseen: it may leave that much too much open for a moment."""
        venue = self.venue
        failed = sum(t.size_micro for t in venue.trades.values() if t.status is TradeStatus.FAILED and t.token_id in (yes, no))
        cap = CAPS.max_position * MICRO + failed
        net = venue.effective(yes) - venue.effective(no)
        bids = venue.open_micro(yes, Side.BUY) + venue.open_micro(no, Side.SELL)
        asks = venue.open_micro(no, Side.BUY) + venue.open_micro(yes, Side.SELL)
        assert net + bids <= cap or bids == 0, (net, bids)
        assert asks - net <= cap or asks == 0, (net, asks)
        gross = venue.effective(yes) + venue.effective(no)
        opens = venue.open_micro(yes, Side.BUY) + venue.open_micro(no, Side.BUY)
        assert gross + opens <= CAPS.gross_cap * MICRO + failed or opens == 0, (gross, opens)

    def ours_live(self):
        return [order_id for order_id in self.venue.live() if not order_id.startswith("earlier")]

    def may_still_leave(self):
        current = [r for r in self.signed if r.epoch >= self.epoch]
        return current or self.wire or any(isinstance(r, PlaceOrders) for r in self.outbox)

    @invariant()
    def after_a_proof_nothing_is_open_and_nothing_is_on_its_way(self):
        if not self.state.placed_since_proof:
            assert not self.ours_live()
            assert not self.may_still_leave()

    @invariant()
    def what_is_quoted_beside_is_never_left_from_an_earlier_run(self):
        if self.state.session is Session.ACTIVE:
            earlier = set(self.venue.live()) - set(self.ours_live())
            assert all(self.venue.orders[i].spec.condition_id != self.state.market.condition_id for i in earlier)

    @invariant()
    def every_live_order_is_known_to_be_possibly_live(self):
        tracked = {order.order_id for order in self.state.orders.live()}
        assert set(self.ours_live()) <= tracked | {event.order_id for event in self.stream} or self.state.sweep

    @invariant()
    def stopped_means_that_nothing_is_open_or_can_become_open(self):
        if self.state.session is Session.STOPPED:
            assert not self.ours_live()
            assert not self.may_still_leave()

    # --- the end -------------------------------------------------------------------------------------------------------

    def teardown(self):
        if not hasattr(self, "venue"):
            return
        self.fresh, self.venue.mood = True, None
        self.step(Control(Command.RESUME, "end"))
        for trade_id in list(self.venue.trades):
            self.venue.mine(trade_id)
        self.hear()
        for market in (FIRST, SECOND):
            self.intend(Mode.STOP, (), market)
            self.deliver_all()
        self.step(Control(Command.CANCEL_ALL, "end"))
        self.deliver_all()
        assert not self.ours_live() and not list(self.state.orders.live())
        if not self.foreign_trades():
            assert not self.venue.refused, "the venue refused an order that the executor's own books should have forbidden"
        if self.state.session is not Session.STOPPED:
            self.check_books()

    def foreign_trades(self):
        return [trade for trade in self.venue.trades.values() if trade.order_id.startswith("earlier")]

    def check_books(self):
        """Ours equal the venue's by themselves; if an earlier run's orders traded, after the next adoption."""
        foreign = self.foreign_trades()
        if foreign or self.state.market is None:
            other = SECOND if self.state.market is FIRST else FIRST
            self.step(MarketChange(other))
            self.deliver_all()
        book, venue = self.state.ledger, self.venue
        assert not book.unsettled() and not list(self.state.orders.exposed())
        assert book.cash_micro == venue.cash_micro
        for token in TOKENS if not foreign else self.state.market.tokens:
            assert book.settled(token) == book.effective(token) == venue.settled.get(token, 0)
        if not foreign:
            assert {token: book.flow(token) for token in TOKENS} == {token: self.flow(token) for token in TOKENS}

    def flow(self, token):
        """What all trades of a token brought and cost, by the venue: the base of gain and loss."""
        trades = [t for t in self.venue.trades.values() if t.token_id == token and t.status is not TradeStatus.FAILED]
        return sum(-notional_micro(t.price_bp, t.size_micro) if self.venue.orders[t.order_id].spec.side is Side.BUY
                   else t.price_bp * t.size_micro // 10_000 for t in trades)


EFFORT = settings(max_examples=int(os.environ.get("EXECUTOR_RUNS", "150")), stateful_step_count=40, deadline=None,
                  suppress_health_check=list(HealthCheck), print_blob=True)
TestExecutorMachine = ExecutorMachine.TestCase
TestExecutorMachine.settings = EFFORT
