"""A desk without threads whose cycles are kept, as the executor's role keeps them, and journals in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from trader.executor import core
from trader.executor.guards import Limits
from trader.executor.recall import take_over
from trader.executor.settings import ExecutorSettings
from trader.executor.state import State
from trader.journal.folder import JournalFolder
from trader.journal.store import Journal, Run
from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, ReadBalances, ReadFills, ReadOpenOrders, ReadOrder
from trader.model.book import BookTop, FeedHealth, Level, MarketBook
from trader.model.cycle import Cycle, Now, View
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    Fill,
    FillsRead,
    MarketChange,
    MarketResolved,
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
from trader.model.order import Side
from trader.model.recall import NOTHING_RECALLED
from trader.model.units import MICRO, MoneyMicro, PriceBp, SizeMicro
from trader.ops.replay import setup_text

START_MS = 1_795_000_000_000             # 2026-11-18, about three in the afternoon
LIMITS = Limits(*(100_000 for _ in range(3)), stale_sweeps=True, strategy_period_ms=50)


def market(number=1):
    """The window of an hour; each has tokens of its own."""
    open_ms = START_MS + (number - 1) * 3_600_000
    return Market(f"window-{number}", f"0x{number:064x}", str(10**76 + number), str(2 * 10**76 + number), PriceBp(100),
                  SizeMicro(5 * MICRO), open_ms, open_ms + 3_600_000, "v1", False)


class Rules:
    max_batch, size_step_micro = 15, 10_000

    def order_id(self, order):
        return f"0x{order.salt:064x}"


class RecordedDesk:
    """`cycles` is what it did so far; `take` gives them away."""

    def __init__(self, recalled=NOTHING_RECALLED, first_salt=0, ns=1_000_000_000):
        self.settings, self.first_salt, self.recalled = ExecutorSettings(), first_salt, recalled
        self.state = State(self.settings, Rules(), first_salt)
        self.ns, self.seq, self.cycles, self.asked = ns, 0, [], []
        self.market, self.book = market(), None
        self.began = self.now()
        take_over(self.state, recalled, self.began)

    def now(self):
        return Now(self.ns, START_MS + self.ns // 1_000_000)

    def run(self, run_id="run-1"):
        setup = setup_text(self.settings, LIMITS, Rules(), self.first_salt, self.began)
        return Run(run_id, "live", "0.1.0", "0xabc", "digest", setup, self.recalled)

    def cycle(self, *letters, ms=1):
        self.ns += ms * 1_000_000
        now, health = self.now(), FeedHealth(True, self.ns, self.ns, self.ns, None, 1, False)
        view = View(self.book, health, health, health, StrategyPulse(self.ns, 0, 0, None), (), False, None, "")
        for letter in letters:
            core.step(self.state, letter, now)
        core.settle(self.state, view, now, LIMITS)
        state = self.state
        self.cycles.append(Cycle(now, letters, view, tuple(state.actions), tuple(state.notes), tuple(state.orders.take_moves()), state.mode,
                                 str(state.session), tuple(state.guards.values()), tuple(state.latched.values()),
                                 tuple(state.orders.take_closed()), state.forgiven_micro))
        self.asked += state.actions
        state.actions.clear()
        state.notes.clear()
        return self

    def take(self):
        cycles, self.cycles = self.cycles, []
        return cycles

    def requests(self, kind):
        found = [request for request in self.asked if isinstance(request, kind)]
        self.asked = [request for request in self.asked if not isinstance(request, kind)]
        return found

    # --- the venue, the strategy, the markets role ------------------------------------------------------------------

    def boots(self, number=1):
        self.market = market(number)
        self.cycle(*(() if self.cycles else (UserFeedUp(1),)), MarketChange(self.market))
        return self.proves()

    def proves(self):
        """The venue answers everything until a cancel-all is proved and what we hold is known."""
        for _ in range(6):
            requests = self.requests(tuple(self._ANSWERS))
            self.cycle(*(letter for request in requests for letter in self._ANSWERS[type(request)](self, request)),
                       ms=400)
        return self

    _ANSWERS: ClassVar = {
        PlaceOrders: lambda self, r: [PlaceResult(r, tuple(Answer(i, Outcome.SHED) for i, _ in r.orders), Timing())],
        CancelMarket: lambda self, r: [CancelMarketResult(r, Outcome.OK, (), Timing())],
        CancelOrders: lambda self, r: [CancelResult(r, tuple(Answer(i, Outcome.OK) for i in r.order_ids), Timing())],
        ReadOpenOrders: lambda self, r: [OpenOrdersRead(r, Outcome.OK, (), Timing())],
        ReadOrder: lambda self, r: [OrderRead(r, Outcome.OK, self.ended(r.order_id), Timing())],
        ReadFills: lambda self, r: [FillsRead(r, Outcome.OK, (), Timing())],
        ReadBalances: lambda self, r: [BalancesRead(r, Outcome.OK, MoneyMicro(1000 * MICRO), tuple((t, 0) for t in r.token_ids), Timing())],
    }

    def sees(self, bid_cents, ask_cents):
        def top(token, bid, ask):
            return BookTop(token, *((Level(PriceBp(cents * 100), SizeMicro(MICRO)),) for cents in (bid, ask)), PriceBp(100))

        yes, no = self.market.tokens
        self.book = MarketBook(self.market.condition_id, top(yes, bid_cents, ask_cents), top(no, 100 - ask_cents, 100 - bid_cents),
                               1, self.ns, self.ns, START_MS)
        return self

    def wants(self, bid_cents, ask_cents, shares=20):
        self.seq += 1
        quotes = (Quote(Side.BUY, PriceBp(bid_cents * 100), SizeMicro(shares * MICRO)),
                  Quote(Side.SELL, PriceBp(ask_cents * 100), SizeMicro(shares * MICRO)))
        return self.cycle(QuoteIntent(self.seq, self.market.condition_id, Mode.NORMAL, quotes, PriceBp(50 * (bid_cents + ask_cents)), "",
                                      self.ns, self.ns))

    def quotes(self, bid_cents=48, ask_cents=52):
        """Whatever rests gives way; both are placed and acknowledged. The ids of what was placed."""
        self.wants(bid_cents, ask_cents)
        placed = []
        while (cancels := self.requests(CancelOrders)) or (places := self.requests(PlaceOrders)):
            if cancels:
                self.cycle(*(CancelResult(r, tuple(Answer(i, Outcome.OK) for i in r.order_ids), Timing()) for r in cancels),
                           *(self.ended(order_id) for r in cancels for order_id in r.order_ids))
            else:
                self.acks(*places)
                placed += [order_id for place in places for order_id, _ in place.orders]
        return placed

    def ended(self, order_id):
        order = self.state.orders.get(order_id)
        spec = order.spec
        return OrderUpdate(order_id, spec.condition_id, spec.token_id, spec.side, spec.price_bp, spec.size_micro,
                           SizeMicro(order.traded_micro), VenueStatus.CANCELLED, 0)

    def acks(self, *places, outcome=Outcome.OK, detail=""):
        return self.cycle(*(PlaceResult(p, tuple(Answer(i, outcome, detail) for i, _ in p.orders), Timing()) for p in places))

    def fills(self, order_id, shares=20, trade="t1", *statuses):
        spec = self.state.orders.get(order_id).spec
        return self.cycle(*(Fill(trade, order_id, spec.condition_id, spec.token_id, None, spec.price_bp, SizeMicro(shares * MICRO),
                                 MoneyMicro(0), status, 0) for status in statuses or (TradeStatus.MATCHED,)))

    def says(self, order_id, status, matched_shares):
        """The venue's word on one order, by the user stream."""
        return self.cycle(self.ended(order_id)._replace(status=status, matched_micro=SizeMicro(matched_shares * MICRO)))

    def resolves(self, yes):
        return self.cycle(MarketResolved(self.market.condition_id, self.market.tokens[0 if yes else 1]))


class Keeper:
    """Journals in one folder. Whatever is opened is closed when the test ends."""

    def __init__(self, path: Path):
        self.path, self.folder, self.journals = path, JournalFolder(path), []

    def open(self, run, *, fresh=False, max_bytes=2**30, keep=20):
        self.journals.append(Journal(self.folder, run, fresh=fresh, max_bytes=max_bytes, keep=keep))
        return self.journals[-1]

    def begin(self, desk, run_id="run-1", **options):
        journal = self.open(desk.run(run_id), **options)
        journal.begin(desk.began)
        return journal

    def write(self, journal, desk):
        """Everything that the desk did since the last time, in one group."""
        if cycles := desk.take():
            journal.commit([journal.prepare(cycles)])
        return journal

    def keep(self, desk, run_id="run-1"):
        """A whole run, and its files."""
        journal = self.write(self.begin(desk, run_id), desk)
        journal.end(desk.now(), "end of test")
        journal.close()
        return self.folder.files()

    def close(self):
        for journal in self.journals:
            journal.close()
        self.folder.release()


@pytest.fixture
def keeper(tmp_path):
    keeper = Keeper(tmp_path / "live-0xabc")
    yield keeper
    keeper.close()


@pytest.fixture(scope="session")
def new_desk():
    return RecordedDesk


@pytest.fixture
def desk():
    """Quoting has begun in window 1."""
    return RecordedDesk().boots().sees(48, 52)
