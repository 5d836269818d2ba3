"""Executor core against a venue that may delay, lose, reorder and repeat everything, in a process that may be killed at any moment.
Money invariants hold at every moment, and when everything has been delivered the executor's books equal the venue's.

`EXECUTOR_RUNS=10000` runs more examples than the suite does.
"""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trader.executor.settings import ExecutorSettings
from trader.executor.state import Session
from trader.model.action import PlaceOrders
from trader.model.event import Command, Control, MarketChange, Outcome, TradeStatus
from trader.model.intent import Mode, Quote
from trader.model.market import Market
from trader.model.order import OrderSpec, Side
from trader.model.units import MICRO, PriceBp, SizeMicro, notional_micro
from trader.testing.killable_journal import KillableJournal
from trader.testing.model_desk import ModelDesk

FIRST = Market("first", "0x" + "ab" * 32, "1", "2", PriceBp(100), SizeMicro(5 * MICRO), 0, 10**13, "v1", False)
SECOND = FIRST._replace(slug="second", condition_id="0x" + "cd" * 32, yes_token="3", no_token="4")
TOKENS = (*FIRST.tokens, *SECOND.tokens)
CAPS = ExecutorSettings(gross_cap=300, max_position=120, cooldown_ms=100, caution_ms=100)
MOODS = [None, None, (Outcome.RATE_LIMITED, 400), (Outcome.WOULD_CROSS, 0), (Outcome.VENUE_MODE, 1500), (Outcome.MARKET_CLOSED, 0),
         (Outcome.INVALID, 0)]
TROUBLES = [None, None, None, None, None, None, Command.CANCEL_ALL, Command.PAUSE, Command.RESUME, Command.RESUME, "window", "window",
            "stop", "mood", "mood", "book", "book", "user stream", "heartbeat", "flatten", "kill", "kill"]
EARLIER = "earlier"          # orders of a run of which there is no journal


class ExecutorMachine(RuleBasedStateMachine):
    @initialize(earlier_run=st.sampled_from([False] * 5 + [True]), may_stop=st.booleans(),
                may_be_killed=st.sampled_from([False, False, True]))
    def begin(self, earlier_run, may_stop, may_be_killed):
        self.may_stop, self.folder, self.journal = may_stop, None, None
        if may_be_killed:
            self.folder = tempfile.TemporaryDirectory()
            self.journal = KillableJournal(Path(self.folder.name))
        self.desk = desk = ModelDesk(CAPS, 100 * MICRO, self.journal)
        self.venue = desk.venue
        if earlier_run:
            for number, market in enumerate((FIRST, SECOND)):
                self.venue.rest(f"{EARLIER}{number}", OrderSpec(market.condition_id, market.yes_token, Side.BUY, PriceBp(3000),
                                                                SizeMicro(20 * MICRO), 0, 0, "v1", False))
        desk.step(MarketChange(FIRST))
        desk.deliver_all()
        two_sided = ((Side.BUY, 4000), (Side.SELL, 6000))
        desk.intend(Mode.NORMAL, tuple(Quote(side, PriceBp(price_bp), SizeMicro(50 * MICRO)) for side, price_bp in two_sided), FIRST)
        self.all_goes_well(20)

    @property
    def state(self):
        return self.desk.state

    # --- what may happen ---------------------------------------------------------------------------------------------

    @rule(bid=st.integers(1, 98), spread=st.integers(1, 20), size=st.integers(1, 150), levels=st.sampled_from([1, 1, 1, 2, 3]),
          mode=st.sampled_from([Mode.NORMAL] * 6 + [Mode.REDUCE_ONLY, Mode.STOP]), stray=st.integers(0, 9),
          calm=st.sampled_from([0, 0, 30]))
    def quote(self, bid, spread, size, levels, mode, stray, calm):
        market = SECOND if stray == 9 else self.state.market or FIRST
        prices = [(Side.BUY, bid - level) for level in range(levels)] + [(Side.SELL, bid + spread + level) for level in range(levels)]
        quotes = tuple(Quote(side, PriceBp(cents * 100), SizeMicro(size * MICRO)) for side, cents in prices if 1 <= cents <= 99)
        self.desk.intend(mode, () if mode is Mode.STOP else quotes, market)
        self.all_goes_well(calm)

    @precondition(lambda self: self.desk.outbox)
    @rule(index=st.integers(0, 9), fate=st.sampled_from(["fine", "fine", "fine", "lost before", "lost after"]))
    def gateway_takes(self, index, fate):
        self.desk.take(index, fate)

    @precondition(lambda self: self.desk.signed)
    @rule(index=st.integers(0, 9))
    def gateway_sends(self, index):
        self.desk.send(index)

    @precondition(lambda self: self.desk.wire)
    @rule(index=st.integers(0, 9), fate=st.sampled_from(["fine", "fine", "fine", "never", "stray", "lost after"]))
    def place_arrives(self, index, fate):
        entry = self.desk.wire[index % len(self.desk.wire)]
        if fate in ("fine", "lost after") or entry.given_up:
            self.desk.arrive(entry, fate)
        else:
            self.desk.give_up(entry, arrives=fate == "stray")

    @precondition(lambda self: self.desk.answers)
    @rule(index=st.integers(0, 9))
    def answer_arrives(self, index):
        self.desk.step(self.desk.answers.pop(index % len(self.desk.answers)))

    @precondition(lambda self: self.desk.stream)
    @rule(index=st.integers(0, 9), again=st.booleans())
    def event_arrives(self, index, again):
        stream = self.desk.stream
        event = stream[index % len(stream)]
        if not again:
            stream.remove(event)
        self.desk.step(event)

    @precondition(lambda self: self.venue.live())
    @rule(index=st.integers(0, 9), size=st.integers(1, 200))
    def somebody_trades(self, index, size):
        live = self.venue.live()
        self.venue.fill(live[index % len(live)], size * MICRO)
        self.desk.hear()

    @precondition(lambda self: self.venue.trades)
    @rule(index=st.integers(0, 9), fails=st.sampled_from([False, False, True]))
    def trade_settles(self, index, fails):
        trade_id = list(self.venue.trades)[index % len(self.venue.trades)]
        (self.venue.fail if fails else self.venue.mine)(trade_id)
        self.desk.hear()

    @rule(ms=st.sampled_from([20, 100, 300, 300, 3000]))
    def time_passes(self, ms):
        self.desk.advance(ms)

    @rule(events=st.integers(1, 30))
    def all_goes_well(self, events):
        for _ in range(events):
            if self.desk.in_flight():
                self.desk.deliver_one()

    @rule(kind=st.sampled_from(TROUBLES), data=st.data())
    def trouble(self, kind, data):
        """In one rule, and rarely: a desk that is always cancelling shows nothing."""
        desk = self.desk
        match kind:
            case Command():
                desk.step(Control(kind, "test"))
            case "window":
                desk.step(MarketChange(data.draw(st.sampled_from([None, FIRST, SECOND, SECOND]))))
            case "stop" if self.may_stop:
                desk.step(Control(Command.STOP, "test"))
            case "mood":
                self.venue.mood, self.venue.mood_every = data.draw(st.sampled_from(MOODS)), data.draw(st.sampled_from([1, 1, 2, 3]))
            case "book":
                desk.book_is_fresh = not desk.book_is_fresh
                desk.settle()
            case "user stream":
                desk.lose_user_stream()
            case "heartbeat":
                desk.expire_heartbeat()
            case "flatten":
                self.venue.demand_micro = data.draw(st.sampled_from([0, 7, 1000])) * MICRO
                desk.step(Control(Command.FLATTEN, "test"))
            case "kill" if self.journal is not None:
                desk.kill(data.draw(st.integers(0, desk.unwritten)))
                desk.step(MarketChange(data.draw(st.sampled_from([FIRST, FIRST, SECOND, None]))))
                self.all_goes_well(data.draw(st.sampled_from([0, 0, 40])))

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
        return [order_id for order_id in self.venue.live() if not order_id.startswith(EARLIER)]

    def may_still_leave(self):
        desk = self.desk
        current = [request for request in desk.signed if request.epoch >= desk.epoch]
        return current or desk.wire or any(isinstance(request, PlaceOrders) for request in desk.outbox)

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
        assert set(self.ours_live()) <= tracked | {event.order_id for event in self.desk.stream} or self.state.sweep

    @invariant()
    def stopped_means_that_nothing_is_open_or_can_become_open(self):
        if self.state.session is Session.STOPPED:
            assert not self.ours_live()
            assert not self.may_still_leave()

    # --- the end -------------------------------------------------------------------------------------------------------

    def teardown(self):
        try:
            if hasattr(self, "venue"):
                self.end()
        finally:
            if getattr(self, "folder", None) is not None:
                self.journal.close()
                self.folder.cleanup()

    def end(self):
        desk = self.desk
        desk.book_is_fresh, self.venue.mood, self.venue.mines_at_once = True, None, True
        desk.step(Control(Command.RESUME, "end"))
        for trade_id in list(self.venue.trades):
            self.venue.mine(trade_id)
        desk.hear()
        for market in (FIRST, SECOND):
            desk.intend(Mode.STOP, (), market)
            desk.deliver_all()
        desk.step(Control(Command.CANCEL_ALL, "end"))
        desk.deliver_all()
        assert not self.ours_live() and not list(self.state.orders.live())
        if not self.foreign_trades():
            assert not self.venue.refused, "the venue refused an order that the executor's own books should have forbidden"
        if self.state.session is not Session.STOPPED:
            self.check_books()
        if self.journal is not None:
            self.journal.commit(desk.now())
            assert not (found := self.journal.differences()), found

    def foreign_trades(self):
        return [trade for trade in self.venue.trades.values() if trade.order_id.startswith(EARLIER)]

    def check_books(self):
        """Ours equal the venue's by themselves; if an earlier run's orders traded, after the next adoption."""
        foreign = self.foreign_trades()
        if foreign or self.state.market is None:
            other = SECOND if self.state.market is FIRST else FIRST
            self.desk.step(MarketChange(other))
            self.desk.deliver_all()
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


TestExecutorMachine = ExecutorMachine.TestCase
TestExecutorMachine.settings = settings(max_examples=int(os.environ.get("EXECUTOR_RUNS", "150")), stateful_step_count=40, deadline=None,
                                        suppress_health_check=list(HealthCheck), print_blob=True)
