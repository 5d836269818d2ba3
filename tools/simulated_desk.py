"""One desk against the committed bot population, stepped in one thread with a manual clock: strategy + executor + gateway + matcher.

No wire and no feeds: the exchange's own book, price and order events are handed over as the nouns that feeds would publish. What the desk
decides in one step of 50 ms meets the bots of the next one, so everything of ours takes 50 ms. Used by tools/simulate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trader.exchange.btc_path import up_probability
from trader.exchange.events import OrderChange, OrderChanged, TradeChanged
from trader.exchange.market_life import MarketLife
from trader.exchange.orders import NewOrder, OrderState, OrderStatus, Outcome, Trade
from trader.exchange.orders import Side as VenueSide
from trader.exchange.population import load_population
from trader.exchange.refusal import Refusal
from trader.exchange.venue import Venue
from trader.exchange.windows import Series, Window
from trader.executor.guards import Limits
from trader.executor.role import ExecutorRole, Inputs
from trader.executor.settings import ExecutorSettings
from trader.executor.state import State
from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.role import GatewayRole
from trader.gateway.settings import GatewaySettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.outbox import OrderOutbox
from trader.model import event as events
from trader.model.book import TOP_LEVELS, BookTop, FeedHealth, Level, MarketBook, ReferencePrice
from trader.model.costs import FeeSchedule, RewardBand
from trader.model.intent import Strategy
from trader.model.market import LiveMarket, Market
from trader.model.order import OrderSpec, Side
from trader.model.units import BP_PER_DOLLAR, MICRO
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.strategy.settings import StrategySettings
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import SignedOrder

START_MS = 1_795_000_000_000
STEP_MS, SETTLE_MS = 50, 1000
ACCOUNT, KEY = "desk", "desk-key"
CASH_MICRO = 10_000 * MICRO
_CYCLES = 3                  # an answer may ask for the next request: cancel, see it confirmed, place
_ANY_RATE = 100_000          # an hour is played in less than a minute here: the rate of orders is no sign of a loop
_ANY_PRICE = 100             # cents through the fair price: a baseline that is blind to it must not be saved by a guard that is not
_ENDED = {OrderStatus.MATCHED: events.VenueStatus.FILLED, OrderStatus.EXPIRED: events.VenueStatus.EXPIRED}


class Filled(NamedTuple):
    """One of our fills, as the exchange knows it, in YES terms."""

    at_ms: int
    condition_id: str
    bought: bool
    price: float             # dollars
    shares: float


class Moment(NamedTuple):
    at_ms: int
    condition_id: str
    up: float                # the true probability


class SimulatedDesk:
    def __init__(self, settings: StrategySettings, strategy: Strategy, *, seed: int, speed: float) -> None:
        self.clock = clock = ManualClock(wall_start_ms=START_MS)
        self.happened: list[object] = []
        self.fills: list[Filled] = []
        self.moments: list[Moment] = []
        self.venue = Venue(clock, self.happened.append, settle_ms=SETTLE_MS, cash_micro=CASH_MICRO)
        self.venue.open_account(ACCOUNT)
        series, population = Series(seed=seed, origin_ms=START_MS, speed=speed, protocol="v2"), load_population()
        self.life = MarketLife(clock, self.venue, self.happened.append, series, population, seed=seed, speed=speed)
        self._vol = population.price.annual_volatility * (speed / (365 * 24 * 3600)) ** 0.5
        self._number = -1
        self._wire(settings, strategy)

    def _wire(self, settings: StrategySettings, strategy: Strategy) -> None:
        clock = self.clock
        self._live, self._book, self._reference, inventory, report, pulse, self._alive, flight = (
            SnapshotCache(name) for name in ("live", "book", "reference", "inventory", "report", "pulse", "alive", "flight"))
        self._bell, self._inbox, self._outbox = Doorbell(), _Inbox(), _Outbox()
        mailbox = IntentMailbox(self._inbox.ring)
        self.strategy = StrategyRole(settings, strategy, bell=self._bell, mailbox=mailbox, pulse=pulse, clock=clock,
                                     inputs=StrategyInputs(self._live, self._book, self._reference, inventory))
        inputs = Inputs(self._book, self._alive, self._alive, self._alive, pulse, (flight,))
        own = ExecutorSettings(cooldown_ms=0, caution_ms=0, max_orders_10s=_ANY_RATE, max_through_fair_cents=_ANY_PRICE)
        self.executor = ExecutorRole(State(own, _Rules(), first_salt=0),
                                     Limits(500, 1000, 8000, True, 1000 // settings.strategy_hz), inputs, inbox=self._inbox,
                                     mailbox=mailbox, outbox=self._outbox, inventory=inventory, report=report, bell=self._bell,
                                     clock=clock, on_stopped=lambda: None)
        limits = AccountLimits(TokenBucket(clock, 1000, 1000), TokenBucket(clock, 1000, 1000))
        self._gateway = GatewayRole(1, GatewaySettings(), _Connection(self), limits, self._outbox, self._inbox, flight, clock)
        self._alive.publish(_health(clock.monotonic_ns()))
        for role in (self._gateway, self.executor, self.strategy):
            role.on_start()
        self._inbox.put(events.UserFeedUp(1))

    # --- one step -------------------------------------------------------------------------------------------------

    def run(self, windows: int) -> None:
        """Whole windows, and time for the last one to settle."""
        while len(self.life.now().winners) < windows:
            self._step()
        for _ in range(3 * SETTLE_MS // STEP_MS):
            self.clock.advance(ms=STEP_MS)
            self.venue.run_deadlines()

    def profit(self) -> float:
        """Dollars, of what has settled."""
        return (self.venue.balance_micro(ACCOUNT, None) - CASH_MICRO) / MICRO

    def _step(self) -> None:
        self.clock.advance(ms=STEP_MS)
        self.life.step()
        calendar, now_ns = self.life.now(), self.clock.monotonic_ns()
        number = len(calendar.winners)
        window, candle = calendar.windows[number], calendar.candles[-1]
        if number != self._number:
            self._number = number
            market = _market(window)
            self._live.publish(LiveMarket(market, None))
            self._inbox.put(events.MarketChange(market))
        self._book.publish(_snapshot(self.venue, window, now_ns, self.clock.wall_ms()))
        ticker = calendar.ticker
        self._reference.publish(ReferencePrice("BTCUSDT", ticker.bid_cents * 10_000, ticker.ask_cents * 10_000, None,
                                               candle.open_cents * 10_000, candle.opens_ms, now_ns))
        self._alive.publish(_health(now_ns))
        left_s = (candle.closes_ms - self.clock.wall_ms()) / 1000
        self.moments.append(Moment(self.clock.wall_ms(), window.spec.condition_id,
                                   up_probability(candle.close_cents, candle.open_cents, left_s, self._vol)))
        self._tell()
        self._bell.ring()
        self.strategy.do_work()
        for _ in range(_CYCLES):
            self.executor.do_work()
            while self._outbox.waiting():
                self._gateway.do_work()
            self._tell()

    def _tell(self) -> None:
        """What the user stream would say."""
        for one in self.happened:
            if isinstance(one, OrderChanged) and one.order.new.account_id == ACCOUNT:
                self._inbox.put(order_update(one.order, one.at_ms, cancelled=one.change is OrderChange.CANCELLATION))
            elif isinstance(one, TradeChanged):
                self._tell_trade(one.trade)
        self.happened.clear()

    def _tell_trade(self, trade: Trade) -> None:
        for leg in trade.legs:
            if leg.account_id != ACCOUNT:
                continue
            status = events.TradeStatus(trade.status.value)
            self._inbox.put(events.Fill(trade.trade_id, leg.order_id, trade.spec.condition_id, trade.spec.token_ids[leg.outcome],
                                        Side(leg.side.value), leg.price_bp, leg.size_micro, 0, status, trade.matched_ms))
            if status is events.TradeStatus.MATCHED:
                yes_bp = leg.price_bp if leg.outcome is Outcome.YES else BP_PER_DOLLAR - leg.price_bp
                bought = (leg.side is VenueSide.BUY) == (leg.outcome is Outcome.YES)
                self.fills.append(Filled(trade.matched_ms, trade.spec.condition_id, bought, yes_bp / BP_PER_DOLLAR, leg.size_micro / MICRO))


def order_update(order: OrderState, at_ms: int, *, cancelled: bool = False) -> events.OrderUpdate:
    new = order.new
    ended = events.VenueStatus.CANCELLED if cancelled else _ENDED.get(order.status)
    live = events.VenueStatus.LIVE if order.status is OrderStatus.LIVE else events.VenueStatus.CANCELLED
    return events.OrderUpdate(new.order_id, new.condition_id, new.token_id, Side(new.side.value), new.price_bp, new.size_micro,
                              order.matched_micro, ended or live, at_ms)


def _health(now_ns: int) -> FeedHealth:
    return FeedHealth(True, now_ns, now_ns, now_ns, None, 1, False)


def _market(window: Window) -> Market:
    spec = window.spec
    return Market(window.slug, spec.condition_id, *spec.token_ids, spec.tick_bp, spec.min_size_micro, window.opens_ms, window.closes_ms,
                  spec.version, spec.neg_risk, FeeSchedule(70_000, 1, True, 200_000), RewardBand(50 * MICRO, 450), "BTCUSDT")


def _snapshot(venue: Venue, window: Window, now_ns: int, now_ms: int) -> MarketBook:
    view = venue.book(window.spec.condition_id)
    bids = tuple(Level(*level) for level in view.bids[::-1][:TOP_LEVELS])
    asks = tuple(Level(*level) for level in view.asks[:TOP_LEVELS])
    mirrored = tuple(tuple(Level(BP_PER_DOLLAR - price_bp, size) for price_bp, size in side) for side in (asks, bids))
    yes, no = window.spec.token_ids
    tick_bp = window.spec.tick_bp
    tops = BookTop(yes, bids, asks, tick_bp), BookTop(no, *mirrored, tick_bp)
    return MarketBook(window.spec.condition_id, *tops, 1, now_ms, now_ns, now_ms)


class _Inbox(ExecutorInbox):
    """Never waits: the clock is moved by hand."""

    def get(self, timeout_s: float):
        return super().get(0)


class _Outbox(OrderOutbox):
    def waiting(self) -> bool:
        return any(self.depths.values())

    def take(self, *, only_cancels: bool, timeout_s: float):
        return super().take(only_cancels=only_cancels, timeout_s=0)


class _Rules:
    max_batch = 15
    size_step_micro = 10_000

    def order_id(self, order: OrderSpec) -> str:
        return f"desk-{order.salt}"


class _Connection:
    """The gateway's order client, straight into the venue."""

    def __init__(self, desk: SimulatedDesk) -> None:
        self._desk, self._venue = desk, desk.venue
        self._specs: dict[str, OrderSpec] = {}

    def warm(self) -> None: ...
    def close(self) -> None: ...

    def sign(self, order_id: str, order: OrderSpec) -> SignedOrder:
        self._specs[order_id] = order
        return SignedOrder(order_id, b"")

    def place(self, orders: Sequence[SignedOrder]):
        return tuple(self._place(order.order_id, self._specs.pop(order.order_id)) for order in orders)

    def _place(self, order_id: str, order: OrderSpec) -> events.Answer:
        try:
            spec = self._venue.spec_of_token(order.token_id)
            self._venue.place(NewOrder(order_id, ACCOUNT, KEY, ACCOUNT, spec, spec.outcome_of(order.token_id),
                                       VenueSide(order.side.value), order.price_bp, order.size_micro, post_only=True))
        except Refusal as why:
            crosses = "cross" in str(why).lower()
            return events.Answer(order_id, events.Outcome.WOULD_CROSS if crosses else events.Outcome.MARKET_CLOSED, str(why))
        return events.Answer(order_id, events.Outcome.OK)

    def cancel(self, order_ids: Sequence[str]):
        cancelled, _ = self._venue.cancel(ACCOUNT, order_ids)
        done = events.Outcome.OK, events.Outcome.NOT_FOUND
        return tuple(events.Answer(order_id, done[order_id not in cancelled]) for order_id in order_ids)

    def cancel_market(self, condition_id: str):
        cancelled, _ = self._venue.cancel_where(ACCOUNT, condition_id)
        return events.Outcome.OK, tuple(cancelled), 0

    def read_order(self, order_id: str):
        order = self._venue.order(ACCOUNT, order_id)
        if order is None:
            return events.Outcome.NOT_FOUND, None
        return events.Outcome.OK, order_update(order, self._desk.clock.wall_ms())

    def read_open_orders(self, condition_id: str):
        found = [order for order in self._venue.open_orders(ACCOUNT) if order.new.condition_id == condition_id]
        return events.Outcome.OK, tuple(order_update(order, self._desk.clock.wall_ms()) for order in found)

    def read_fills(self, condition_id: str, after_s: int):
        return events.Outcome.OK, ()             # every fill was told: this user stream loses none

    def read_balances(self, token_ids: Sequence[str], protocol: str):
        with self._venue.engine() as (engine, _):
            account = engine.ledger.accounts[ACCOUNT]
            held = dict(account.tokens_micro)
            cash_micro = account.cash_micro
        tokens = []
        for token in token_ids:
            spec = self._venue.spec_of_token(token)
            tokens.append((token, held.get((spec.condition_id, spec.outcome_of(token)), 0)))
        return events.Outcome.OK, cash_micro, tuple(tokens)
