"""Random order flow: the engine against a matcher so naive that it can be read at a glance, and what must always hold."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader.exchange import refusal
from trader.exchange.engine import Engine
from trader.exchange.orders import Fate, MarketSpec, NewOrder, OrderStatus, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.exchange.trades import Stamp
from trader.model.units import MICRO

SPEC = MarketSpec("0x" + "c" * 64, ("111", "222"), "v1")
NAMES = ("ann", "bob", "cat")
STEP_MS = 10
START_MS = -10_000         # when the tokens to begin with are minted


class Place(NamedTuple):
    name: str
    side: Side
    outcome: Outcome
    cents: int
    hundredths: int         # of a share, or of a dollar for a market BUY
    kind: str


class Cancel(NamedTuple):
    back: int               # how many steps ago the order was placed


def yes_cents(outcome, cents):
    return cents if outcome is Outcome.YES else 100 - cents


KINDS = ("GTC", "GTC", "GTC", "post-only", "FAK", "FOK", "dollars")
PLACES = st.builds(Place, st.sampled_from(NAMES), st.sampled_from(Side), st.sampled_from(Outcome), st.integers(48, 52),
                   st.integers(500, 3_000), st.sampled_from(KINDS))
CANCELS = st.builds(Cancel, st.integers(1, 6))
FLOWS = st.lists(st.one_of(PLACES, PLACES, PLACES, CANCELS), min_size=15, max_size=40)
FATES = st.lists(st.sampled_from(Fate), min_size=1, max_size=10)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Resting(NamedTuple):
    order_id: str
    outcome: Outcome
    is_bid: bool
    yes_cents: int
    open_micro: int


class NaiveMatcher:
    """A list in order of arrival. The best price wins, at one price the earlier place in the list."""

    def __init__(self):
        self.resting = []

    def would_fill(self, new):
        """[(order id, shares, price in YES cents)]; dollars are spent to the last micro that buys one."""
        is_bid, limit = self._terms(new)
        left, dollars, fills = new.size_micro, Fraction(new.spend_micro), []
        for other in sorted(self.resting, key=lambda each: each.yes_cents if is_bid else -each.yes_cents):
            crosses = other.yes_cents <= limit if is_bid else other.yes_cents >= limit
            if other.is_bid == is_bid or not crosses:
                continue
            own_cents = other.yes_cents if new.outcome is Outcome.YES else 100 - other.yes_cents
            wanted = int(dollars * 100 / own_cents) if new.spend_micro else left
            taken = min(wanted, other.open_micro)
            if taken:
                fills.append((other.order_id, taken, other.yes_cents))
            if taken == wanted:
                break
            left -= taken
            paid = Fraction(taken * own_cents, 100)
            dollars -= floor(paid) if other.outcome is new.outcome else ceil(paid)      # a pair's odd micro falls to the taker
        return fills

    def place(self, new):
        fills = self.would_fill(new)
        for order_id, taken, _ in fills:
            self._shrink(order_id, taken)
        left = new.size_micro - sum(taken for _, taken, _ in fills)
        if left and new.order_type.may_rest:
            is_bid, limit = self._terms(new)
            self.resting.append(Resting(new.order_id, new.outcome, is_bid, limit, left))
        return fills

    def cancel(self, order_id):
        self.resting = [each for each in self.resting if each.order_id != order_id]

    def _terms(self, new):
        return (new.side is Side.BUY) == (new.outcome is Outcome.YES), yes_cents(new.outcome, new.price_bp // 100)

    def _shrink(self, order_id, taken):
        shrunk = [each._replace(open_micro=each.open_micro - taken) if each.order_id == order_id else each for each in self.resting]
        self.resting = [each for each in shrunk if each.open_micro]

    def levels(self, is_bid):
        levels = {}
        for each in self.resting:
            if each.is_bid == is_bid:
                levels[each.yes_cents * 100] = levels.get(each.yes_cents * 100, 0) + each.open_micro
        return tuple(sorted(levels.items()))


def new_engine(taker_delay_ms=0):
    numbers = itertools.count()
    engine = Engine(settle_ms=50, taker_delay_ms=taker_delay_ms, new_trade_id=lambda: f"t{next(numbers)}")
    engine.list_market(SPEC, 0)
    for name in NAMES:
        engine.ledger.open(name)
        engine.ledger.deposit(name, 200 * MICRO)
    for number, (buys_yes, buys_no) in enumerate(itertools.permutations(NAMES, 2)):     # so that everybody has both to sell
        for name, outcome in ((buys_no, Outcome.NO), (buys_yes, Outcome.YES)):
            engine.place(NewOrder(f"mint{number}-{name}", name, "", name, SPEC, outcome, Side.BUY, 5_000, 30 * MICRO), START_MS)
            engine.advance(START_MS + taker_delay_ms)
    engine.advance(START_MS + 1_000)
    engine.advance(START_MS + 2_000)
    return engine


def order_of(place, number):
    market_buy = place.kind == "dollars" and place.side is Side.BUY
    order_type = {"dollars": OrderType.FAK, "post-only": OrderType.GTC}.get(place.kind) or OrderType(place.kind)
    new = NewOrder(f"o{number}", place.name, f"key-{place.name}", place.name, SPEC, place.outcome, place.side, place.cents * 100,
                   place.hundredths * MICRO // 100, order_type, place.kind == "post-only")
    return new._replace(spend_micro=place.hundredths * MICRO // 100) if market_buy else new


def played(flow, engine, after_each, stamp=None):
    """Runs a flow, 10 ms a step. `after_each` gets the step's order (or what was cancelled) and the engine's answer or refusal."""
    for number, step in enumerate(flow):
        engine.advance(number * STEP_MS, stamp)
        if isinstance(step, Cancel):
            order = engine.records.orders.get(f"o{number - step.back}")
            after_each(None, engine.cancel(order.new.account_id, [order.new.order_id], number * STEP_MS)[0] if order else [])
            continue
        new = order_of(step, number)
        try:
            after_each(new, engine.place(new, number * STEP_MS, stamp))
        except Refusal as refused:
            after_each(new, str(refused))


def justified(new, refused, fills, engine):
    """Whether an order may be refused for this reason, judged from the naive matcher's fills and from what the account owns."""
    account = engine.ledger.accounts[new.account_id]
    if refused == refusal.NOT_ENOUGH and new.side is Side.SELL:
        return account.free_tokens_micro((SPEC.condition_id, new.outcome)) < new.size_micro
    if refused == refusal.NOT_ENOUGH:       # the most it could cost: all at the limit, and the dearest fee, 0.0175 a share
        return account.free_cash_micro() < (new.spend_micro or new.size_micro * new.price_bp // 10_000 + 1) + new.size_micro * 6 // 100
    filled_micro = sum(taken for _, taken, _ in fills)
    return {refusal.CROSSES: new.post_only and fills, refusal.FAK_KILLED: new.order_type is OrderType.FAK and not fills,
            refusal.FOK_KILLED: new.order_type is OrderType.FOK and filled_micro < new.size_micro}[refused]


@QUICK
@given(FLOWS)
def test_the_engine_trades_rests_and_refuses_as_a_naive_matcher_does(flow):
    engine, naive = new_engine(), NaiveMatcher()

    def compare(new, answer):
        if new is None:
            for order_id in answer:
                naive.cancel(order_id)
        elif isinstance(answer, str):
            assert justified(new, answer, naive.would_fill(new), engine), (new, answer)
        else:
            assert not (new.post_only and naive.would_fill(new))
            fills = [(leg.order_id, leg.size_micro, yes_cents(leg.outcome, leg.price_bp // 100))
                     for trade in answer.trades for leg in trade.legs]
            assert fills == naive.place(new)
            assert [yes_cents(new.outcome, trade.price_bp // 100) for trade in answer.trades] == list(dict.fromkeys(f[2] for f in fills))
        view = engine.markets[SPEC.condition_id].view()
        assert (view.bids, view.asks) == (naive.levels(True), naive.levels(False))
    played(flow, engine, compare)


@QUICK
@given(FLOWS, FATES, st.sampled_from([0, 0, 35]))
def test_no_dollar_and_no_token_ever_appears_or_vanishes(flow, fates, taker_delay_ms):
    """Whatever becomes of the trades: settled, retried or failed, at once or after the taker delay."""
    engine, numbers, fate = new_engine(taker_delay_ms), itertools.count(), itertools.cycle(fates)

    def stamp(*_):
        return Stamp(f"t{next(numbers)}", next(fate))

    played(flow, engine, lambda *_: check_conserved(engine), stamp)
    engine.close_market(SPEC.condition_id, 10_000)
    engine.resolve_market(SPEC.condition_id, Outcome.NO)
    engine.advance(20_000)
    engine.advance(30_000)
    assert engine.ledger.cash_conserved() and engine.ledger.locked_micro[SPEC.condition_id] == 0
    assert all(account.cash_micro >= 0 and not account.reserved_cash_micro for account in engine.ledger.accounts.values())


def check_conserved(engine):
    assert engine.conserved()
    for account in engine.ledger.accounts.values():
        assert account.free_cash_micro() >= 0
        assert all(account.free_tokens_micro(token) >= 0 for token in account.tokens_micro)


@QUICK
@given(FLOWS, st.sampled_from([0, 35]))
def test_the_book_is_never_crossed(flow, taker_delay_ms):
    engine = new_engine(taker_delay_ms)

    def check(*_):
        book = engine.markets[SPEC.condition_id].book
        bid_bp, ask_bp = book.bids.best_bp(), book.asks.best_bp()
        assert bid_bp is None or ask_bp is None or bid_bp < ask_bp
    played(flow, engine, check)


@QUICK
@given(FLOWS)
def test_an_order_is_held_for_the_delay_and_never_longer(flow):
    engine = new_engine(taker_delay_ms=35)

    def check(*_):
        now_ms = engine.markets[SPEC.condition_id].changed_ms
        held = [order for order in engine.records.orders.values() if order.status is OrderStatus.DELAYED]
        assert all(now_ms - order.created_ms < 35 + STEP_MS for order in held)
    played(flow, engine, check)
    engine.advance(len(flow) * STEP_MS + 35)
    assert not [order for order in engine.records.orders.values() if order.status is OrderStatus.DELAYED]
