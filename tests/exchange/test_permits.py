"""What a wallet has allowed the exchange contracts, and what an account may do: judged by the engine, at every moment."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.exchange import refusal
from trader.exchange.contracts import CONTRACTS, EXCHANGE_V2, EXCHANGE_V3
from trader.exchange.engine import Engine
from trader.exchange.orders import Fate, MarketSpec, NewOrder, OrderStatus, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.exchange.trades import Stamp
from trader.model.units import MICRO

SPEC = MarketSpec("0x" + "c" * 64, ("111", "222"), "v1")


def permits_of(engine, name):
    return engine.ledger.accounts[name].permits


def test_a_new_account_has_allowed_everything(engine):
    shown = permits_of(engine, "ann").shown()
    assert not shown.closed_only and set(shown.cash_micro.values()) == set(shown.tokens_micro.values()) == {2**256 - 1}
    assert tuple(shown.cash_micro) == CONTRACTS


def test_open_orders_reserve_the_allowance(engine, order):
    permits_of(engine, "ann").allow_cash(EXCHANGE_V2, 10 * MICRO)
    engine.place(order("ann", Side.BUY, 50, 12), 0)
    with pytest.raises(Refusal, match=refusal.NOT_ENOUGH):
        engine.place(order("ann", Side.BUY, 50, 9), 0)
    assert engine.place(order("ann", Side.BUY, 50, 8), 0).order.status is OrderStatus.LIVE


def test_an_allowance_for_another_contract_is_none(engine, order):
    for contract in CONTRACTS:
        permits_of(engine, "ann").allow_cash(contract, 0 if contract != EXCHANGE_V3 else None)
    with pytest.raises(Refusal, match=refusal.NOT_ENOUGH):
        engine.place(order("ann", Side.BUY, 50, 10), 0)


def test_what_is_paid_uses_the_allowance_up_and_a_failed_trade_gives_it_back(engine, order):
    permits_of(engine, "ann").allow_cash(EXCHANGE_V2, 10 * MICRO)
    engine.place(order("ann", Side.BUY, 40, 10), 0)
    engine.place(order("bob", Side.BUY, 60, 10, Outcome.NO), 0, lambda *_: Stamp("t", Fate.FAILS))
    assert permits_of(engine, "ann").cash_micro(EXCHANGE_V2) == 6 * MICRO
    engine.advance(1_000)
    engine.advance(2_000)
    assert permits_of(engine, "ann").cash_micro(EXCHANGE_V2) == 10 * MICRO


def test_a_narrower_allowance_cancels_the_newest_orders_that_it_leaves_uncovered(engine, order):
    for number, price_cents in enumerate((10, 20, 30)):
        engine.place(order("ann", Side.BUY, price_cents, 10, order_id=f"o{number}"), 0)
    permits_of(engine, "ann").allow_cash(EXCHANGE_V2, 3 * MICRO)
    assert engine.cancel_uncovered("ann", 1) == ["o2"]
    assert engine.records.orders["o2"].status is OrderStatus.NOT_ENOUGH
    assert engine.ledger.accounts["ann"].reserved_cash_micro == 3 * MICRO


def test_tokens_that_the_contract_may_not_move_cannot_be_sold(engine, order):
    engine.ledger.accounts["ann"].tokens_micro[SPEC.condition_id, 0] = 20 * MICRO
    resting = order("ann", Side.SELL, 60, 10)
    engine.place(resting, 0)
    permits_of(engine, "ann").allow_tokens(EXCHANGE_V2, allowed=False)
    assert engine.cancel_uncovered("ann", 1) == [resting.order_id]
    with pytest.raises(Refusal, match=refusal.NOT_ENOUGH):
        engine.place(order("ann", Side.SELL, 60, 10), 2)


def test_who_may_only_close_sells_and_does_not_buy(engine, order):
    engine.ledger.accounts["ann"].tokens_micro[SPEC.condition_id, 0] = 20 * MICRO
    resting = order("ann", Side.BUY, 40, 10)
    engine.place(resting, 0)
    permits_of(engine, "ann").closed_only = True
    assert engine.cancel_uncovered("ann", 1) == [resting.order_id]
    with pytest.raises(Refusal, match="'ann' address in closed only mode"):
        engine.place(order("ann", Side.BUY, 40, 10), 2)
    assert engine.place(order("ann", Side.SELL, 60, 10), 2).order.status is OrderStatus.LIVE


STEPS = st.lists(st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["ann", "bob"]), st.sampled_from(Side), st.sampled_from(Outcome), st.integers(45, 55),
              st.integers(5, 40), st.sampled_from([OrderType.GTC, OrderType.GTC, OrderType.FAK])),
    st.tuples(st.just("allow"), st.sampled_from(["ann", "bob"]), st.none() | st.integers(0, 60)),
), min_size=5, max_size=40)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_open_orders_and_payments_never_exceed_the_allowance(steps):
    numbers, engine = itertools.count(), Engine(settle_ms=30, new_trade_id=lambda: f"t{next(numbers)}")
    engine.list_market(SPEC, 0)
    for name in ("ann", "bob"):
        engine.ledger.open(name)
        engine.ledger.deposit(name, 1_000 * MICRO)
    for now, (what, name, *rest) in enumerate(steps):
        engine.advance(now * 10)
        if what == "allow":
            permits_of(engine, name).allow_cash(EXCHANGE_V2, None if rest[0] is None else rest[0] * MICRO)
            engine.cancel_uncovered(name, now * 10)
        else:
            side, outcome, cents, size, order_type = rest
            try:
                engine.place(NewOrder(f"o{now}", name, "key", name, SPEC, outcome, side, cents * 100, size * MICRO, order_type), now * 10)
            except Refusal:
                continue
        for account in engine.ledger.accounts.values():
            assert 0 <= account.reserved_cash_micro <= min(account.cash_micro, account.permits.cash_micro(EXCHANGE_V2))
        assert engine.conserved()
