"""Random order flow: the engine against a matcher so naive that it can be read at a glance, and what must always hold."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader.exchange.engine import Engine
from trader.exchange.orders import MarketSpec, NewOrder, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.model.units import MICRO

SPEC = MarketSpec("0x" + "c" * 64, ("111", "222"), "v1")
NAMES = ("ann", "bob", "cat")

PLACES = st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Side)), st.sampled_from(list(Outcome)), st.integers(45, 55),
                   st.integers(500, 3_000), st.sampled_from([OrderType.GTC, OrderType.GTC, OrderType.FAK, OrderType.FOK]))
CANCELS = st.tuples(st.sampled_from(NAMES), st.integers(0, 40))
FLOWS = st.lists(st.one_of(PLACES, PLACES, PLACES, CANCELS), min_size=5, max_size=40)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Resting(NamedTuple):
    order_id: str
    is_bid: bool
    yes_cents: int
    open_micro: int


class NaiveMatcher:
    """A list in order of arrival. The best price wins, at one price the earlier place in the list."""

    def __init__(self):
        self.resting = []

    def place(self, new):
        is_bid = (new.side is Side.BUY) == (new.outcome is Outcome.YES)
        limit = new.price_bp // 100 if new.outcome is Outcome.YES else 100 - new.price_bp // 100
        left, fills = new.size_micro, []
        for other in sorted(self.resting, key=lambda each: each.yes_cents if is_bid else -each.yes_cents):
            crosses = other.yes_cents <= limit if is_bid else other.yes_cents >= limit
            if other.is_bid != is_bid and crosses and left:
                taken = min(left, other.open_micro)
                fills.append((other.order_id, taken, other.yes_cents))
                left -= taken
        if new.order_type is OrderType.FOK and left:
            return []
        for order_id, taken, _ in fills:
            self._shrink(order_id, taken)
        if left and new.order_type is OrderType.GTC:
            self.resting.append(Resting(new.order_id, is_bid, limit, left))
        return fills

    def cancel(self, order_id):
        self.resting = [each for each in self.resting if each.order_id != order_id]

    def _shrink(self, order_id, taken):
        shrunk = [each._replace(open_micro=each.open_micro - taken) if each.order_id == order_id else each for each in self.resting]
        self.resting = [each for each in shrunk if each.open_micro]

    def levels(self, is_bid):
        levels = {}
        for each in self.resting:
            if each.is_bid == is_bid:
                levels[each.yes_cents * 100] = levels.get(each.yes_cents * 100, 0) + each.open_micro
        return tuple(sorted(levels.items()))


def new_engine():
    numbers = itertools.count()
    engine = Engine(settle_ms=50, new_trade_id=lambda: f"t{next(numbers)}")
    engine.list_market(SPEC, 0)
    for name in NAMES:
        engine.ledger.open(name)
        engine.ledger.deposit(name, 1_000 * MICRO)
    return engine


def played(flow, engine, after_each):
    """Runs a flow, 10 ms a step; what the engine refuses is told as None."""
    for number, step in enumerate(flow):
        engine.advance(number * 10)
        if len(step) == 2:
            name, place = step
            after_each(f"o{place}", engine.cancel(name, [f"o{place}"], number * 10)[0])
            continue
        name, side, outcome, cents, hundredths, order_type = step
        size_micro = hundredths * MICRO // 100
        new = NewOrder(f"o{number}", name, f"key-{name}", name, SPEC, outcome, side, cents * 100, size_micro, order_type)
        try:
            after_each(new, engine.place(new, number * 10))
        except Refusal:
            after_each(new, None)


@QUICK
@given(FLOWS)
def test_the_engine_trades_and_rests_as_a_naive_matcher_does(flow):
    engine, naive = new_engine(), NaiveMatcher()

    def compare(asked, answer):
        if isinstance(asked, str):
            for order_id in answer:
                naive.cancel(order_id)
        elif answer is not None:
            legs = [(leg.order_id, leg.size_micro) for trade in answer.trades for leg in trade.legs]
            assert legs == [(order_id, taken) for order_id, taken, _ in naive.place(asked)]
        view = engine.markets[SPEC.condition_id].view()
        assert (view.bids, view.asks) == (naive.levels(True), naive.levels(False))
    played(flow, engine, compare)


@QUICK
@given(FLOWS)
def test_no_dollar_and_no_token_ever_appears_or_vanishes(flow):
    engine = new_engine()
    played(flow, engine, lambda *_: check_conserved(engine))
    engine.close_market(SPEC.condition_id, 10_000)
    engine.resolve_market(SPEC.condition_id, Outcome.NO)
    engine.advance(20_000)
    assert engine.conserved() and engine.ledger.locked_micro[SPEC.condition_id] == 0
    assert all(account.cash_micro >= 0 and not account.reserved_cash_micro for account in engine.ledger.accounts.values())


def check_conserved(engine):
    assert engine.conserved()
    for account in engine.ledger.accounts.values():
        assert account.free_cash_micro() >= 0
        assert all(account.free_tokens_micro(token) >= 0 for token in account.tokens_micro)


@QUICK
@given(FLOWS)
def test_the_book_is_never_crossed(flow):
    engine = new_engine()

    def check(*_):
        book = engine.markets[SPEC.condition_id].book
        bid_bp, ask_bp = book.bids.best_bp(), book.asks.best_bp()
        assert bid_bp is None or ask_bp is None or bid_bp < ask_bp
    played(flow, engine, check)
