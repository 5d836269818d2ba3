"""One desk without threads, clock or venue: a state, the hand that steps it, and short names for what it is fed."""

from __future__ import annotations

import pytest

from trader.executor import core
from trader.executor.guards import Limits
from trader.executor.settings import ExecutorSettings
from trader.executor.state import State
from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, ReadBalances, ReadOpenOrders, ReadOrder
from trader.model.book import BookTop, FeedHealth, Level, MarketBook
from trader.model.costs import FeeSchedule
from trader.model.cycle import Now, View
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    Fill,
    MarketChange,
    OpenOrdersRead,
    OrderRead,
    OrderUpdate,
    Outcome,
    PlaceResult,
    Timing,
    TradeStatus,
    UserFeedUp,
    VenueStatus,
)
from trader.model.intent import Mode, Quote, QuoteIntent, StrategyPulse
from trader.model.market import Market
from trader.model.units import MICRO, PriceBp, SizeMicro

MARKET = Market("window", "0x" + "ab" * 32, "1", "2", PriceBp(100), SizeMicro(5 * MICRO), 0, 10**13, "v1", False,
                FeeSchedule(70_000, 1, True, 200_000))
NEXT_MARKET = MARKET._replace(slug="next", condition_id="0x" + "cd" * 32, yes_token="3", no_token="4")
LIMITS = Limits(book_stale_ms=500, reference_stale_ms=1000, user_stale_ms=8000, stale_sweeps=True, strategy_period_ms=50)


class Rules:
    max_batch = 15
    size_step_micro = 10_000

    def order_id(self, order):
        return f"o{order.salt}"


class Desk:
    """`tell` applies one event and settles; `asked` are the requests of a kind that came out since the last look."""

    market, next_market = MARKET, NEXT_MARKET

    def __init__(self, **settings):
        self.state = State(ExecutorSettings(**settings), Rules(), first_salt=0)
        self.ns, self.seq, self.requests, self.notes = 1_000_000_000, 0, [], []
        self.connected, self.suspect, self.frozen, self.crowded = True, False, None, False
        self.garbled = None
        self.flights, self.book, self.pulse_age_ms = (), None, 0
        self.beat, self.journal_trouble = None, ""

    def now(self):
        return Now(self.ns, self.ns // 1_000_000)

    def view(self):
        health = FeedHealth(True, self.ns, self.ns, self.ns, None, 1, False)
        book_health = health._replace(connected=self.connected, suspect=self.suspect, frozen=self.frozen, garbled=self.garbled)
        pulse = StrategyPulse(self.ns - self.pulse_age_ms * 1_000_000, 0, 0, None)
        return View(self.book, book_health, health, health, pulse, self.flights, self.crowded, self.beat, self.journal_trouble)

    def tell(self, *events):
        for event in events:
            core.step(self.state, event, self.now())
        return self.settle()

    def settle(self):
        core.settle(self.state, self.view(), self.now(), LIMITS)
        self.requests += self.state.actions
        self.notes += [note.text for note in self.state.notes]
        self.state.actions.clear()
        self.state.notes.clear()
        return self

    def wait(self, ms):
        self.ns += ms * 1_000_000
        return self.settle()

    def asked(self, kind):
        found = [r for r in self.requests if isinstance(r, kind)]
        self.requests = [r for r in self.requests if not isinstance(r, kind)]
        return found

    def orders(self):
        """(id, side, price, size in shares) of the places asked for since the last look."""
        return [(i, s.side, s.price_bp, s.size_micro // MICRO) for request in self.asked(PlaceOrders) for i, s in request.orders]

    def order(self, order_id="o1"):
        return self.state.orders.get(order_id)

    # --- what the strategy, the venue and the markets role say ------------------------------------------------------

    def wants(self, *quotes, mode=Mode.NORMAL, market=MARKET):
        """Quotes as (side, cents, shares)."""
        self.seq += 1
        made = tuple(Quote(side, PriceBp(cents * 100), SizeMicro(shares * MICRO)) for side, cents, shares in quotes)
        return self.tell(QuoteIntent(self.seq, market.condition_id, mode, made, None, "", self.ns, self.ns))

    def acked(self, outcome=Outcome.OK, retry_after_ms=0):
        """The venue answers every place that was asked for."""
        return self.tell(*(PlaceResult(r, tuple(Answer(i, outcome, "", retry_after_ms) for i, _ in r.orders), Timing())
                           for r in self.asked(PlaceOrders)))

    def cancels_answered(self, outcome=Outcome.OK):
        return self.tell(*(CancelResult(r, tuple(Answer(i, outcome) for i in r.order_ids), Timing()) for r in self.asked(CancelOrders)))

    def market_cancelled(self, outcome=Outcome.OK, retry_after_ms=0):
        return self.tell(*(CancelMarketResult(r, outcome, (), Timing(), retry_after_ms) for r in self.asked(CancelMarket)))

    def listed(self, *rows, outcome=Outcome.OK):
        return self.tell(*(OpenOrdersRead(r, outcome, rows, Timing()) for r in self.asked(ReadOpenOrders)))

    def proved(self):
        """Every cancel succeeds and two listings are empty."""
        return self.market_cancelled().cancels_answered().listed().listed()

    def denied(self):
        """The venue knows none of the orders that were asked for by id."""
        return self.tell(*(OrderRead(r, Outcome.NOT_FOUND, None, Timing()) for r in self.asked(ReadOrder)))

    def balances(self, cash=1000, yes=0, no=0, outcome=Outcome.OK):
        for r in self.asked(ReadBalances):
            self.tell(BalancesRead(r, outcome, cash * MICRO, tuple(zip(r.token_ids, (yes * MICRO, no * MICRO), strict=True)), Timing()))
        return self

    def filled(self, order_id, shares, trade="t1", status=TradeStatus.MATCHED):
        spec = self.order(order_id).spec
        size = SizeMicro(shares * MICRO)
        return self.tell(Fill(trade, order_id, spec.condition_id, spec.token_id, None, spec.price_bp, size, 0, status, 0))

    def update(self, order_id, status=VenueStatus.LIVE, matched=0):
        spec = self.order(order_id).spec
        return OrderUpdate(order_id, spec.condition_id, spec.token_id, spec.side, spec.price_bp, spec.size_micro,
                           SizeMicro(matched * MICRO), status, 0)

    def sees(self, bid_cents, ask_cents):
        def top(token, bid, ask):
            levels = [(Level(PriceBp(cents * 100), SizeMicro(MICRO)),) for cents in (bid, ask)]
            return BookTop(token, *levels, PriceBp(100))

        yes, no = top(MARKET.yes_token, bid_cents, ask_cents), top(MARKET.no_token, 100 - ask_cents, 100 - bid_cents)
        self.book = MarketBook(MARKET.condition_id, yes, no, 1, 1, 0, 0)
        return self

    def boots(self, market=MARKET, **held):
        self.tell(UserFeedUp(1), MarketChange(market))
        return self.proved().balances(**held)


@pytest.fixture
def desk():
    """Quoting has begun: $1000 of cash and no tokens."""
    return Desk().boots()


@pytest.fixture(scope="session")
def new_desk():
    return Desk
