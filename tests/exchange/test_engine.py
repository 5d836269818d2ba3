"""Orders in, events and balances out; each test is one small story of two accounts."""

from __future__ import annotations

import pytest

from trader.exchange.events import BookChanged, LevelChange, OrderChange, OrderChanged, TradeChanged
from trader.exchange.orders import OrderStatus, OrderType, Outcome, Side, TradeStatus
from trader.exchange.refusal import Refusal
from trader.model.units import MICRO


def cash(engine, name):
    account = engine.ledger.accounts[name]
    return account.cash_micro + account.incoming_cash_micro - account.deposited_micro


def holds(engine, name, spec):
    account = engine.ledger.accounts[name]
    return [account.holds_micro((spec.condition_id, outcome)) // MICRO for outcome in Outcome]


def mint(engine, order, spec, size=100):
    """Ann gets YES, Bob gets NO, both at 50 ¢, settled at 2,000 ms."""
    engine.place(order("bob", Side.BUY, 50, size, Outcome.NO), 0)
    engine.place(order("ann", Side.BUY, 50, size), 0)
    engine.advance(2_000)
    engine.events.clear()


def test_a_fill_happens_at_the_makers_limit(engine, order):
    engine.place(order("bob", Side.BUY, 45, 10, Outcome.NO), 0)
    placed = engine.place(order("ann", Side.BUY, 60, 10), 0)
    assert [trade.price_bp for trade in placed.trades] == [5_500]


def test_buys_of_both_outcomes_mint_a_pair_from_the_two_payments(engine, order, spec):
    engine.place(order("bob", Side.BUY, 45, 10, Outcome.NO), 0)
    engine.place(order("ann", Side.BUY, 55, 10), 0)
    assert engine.ledger.locked_micro[spec.condition_id] == 10 * MICRO
    assert (holds(engine, "ann", spec), holds(engine, "bob", spec)) == ([10, 0], [0, 10])
    assert cash(engine, "bob") == -4_500_000


def test_sales_of_both_outcomes_merge_a_pair_and_split_the_dollar(engine, order, spec):
    mint(engine, order, spec)
    engine.place(order("bob", Side.SELL, 40, 10, Outcome.NO), 2_000)
    placed = engine.place(order("ann", Side.SELL, 60, 10), 2_000)
    assert placed.trades[0].legs[0].price_bp == 4_000
    assert engine.ledger.locked_micro[spec.condition_id] == 90 * MICRO
    assert engine.conserved()


def test_tokens_change_hands_in_an_ordinary_trade(engine, order, spec):
    mint(engine, order, spec)
    engine.place(order("ann", Side.SELL, 70, 10), 2_000)
    engine.place(order("bob", Side.BUY, 70, 10), 2_000)
    assert (holds(engine, "ann", spec), holds(engine, "bob", spec)) == ([90, 0], [10, 100])
    assert engine.ledger.locked_micro[spec.condition_id] == 100 * MICRO


def test_bought_tokens_cannot_be_sold_before_they_are_mined(engine, order, spec):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    engine.place(order("ann", Side.BUY, 50, 10), 0)
    engine.advance(999)
    with pytest.raises(Refusal, match="not enough balance"):
        engine.place(order("ann", Side.SELL, 60, 10), 999)
    engine.advance(1_000)
    assert engine.place(order("ann", Side.SELL, 60, 10), 1_000).order.status is OrderStatus.LIVE


def test_sold_tokens_leave_at_once_and_their_money_comes_later(engine, order, spec):
    mint(engine, order, spec)
    engine.place(order("bob", Side.BUY, 40, 100), 2_000)
    engine.place(order("ann", Side.SELL, 40, 100), 2_000)
    ann = engine.ledger.accounts["ann"]
    assert ann.tokens_micro[spec.condition_id, Outcome.YES] == 0
    assert ann.incoming_cash_micro == 40 * MICRO - ann.fees_paid_micro + 1_750_000      # the mint's fee was paid in cash


def test_an_open_sell_reserves_its_tokens(engine, order, spec):
    mint(engine, order, spec)
    engine.place(order("ann", Side.SELL, 60, 60), 2_000)
    with pytest.raises(Refusal, match="not enough balance"):
        engine.place(order("ann", Side.SELL, 61, 60), 2_000)


def test_open_buys_reserve_their_cost_until_they_are_cancelled(engine, order):
    first = order("ann", Side.BUY, 90, 11_000)
    engine.place(first, 0)
    with pytest.raises(Refusal, match="not enough balance"):
        engine.place(order("ann", Side.BUY, 50, 300), 0)
    assert engine.cancel("ann", [first.order_id], 0) == ([first.order_id], {})
    assert engine.place(order("ann", Side.BUY, 50, 300), 0).order.status is OrderStatus.LIVE


def test_the_taker_pays_the_fee_and_the_maker_none(engine, order):
    engine.place(order("bob", Side.BUY, 50, 100, Outcome.NO), 0)
    engine.place(order("ann", Side.BUY, 50, 100), 0)
    assert engine.ledger.accounts["ann"].fees_paid_micro == engine.ledger.fees_micro == 1_750_000
    assert cash(engine, "bob") == -50 * MICRO


def test_a_post_only_order_that_would_trade_is_refused(engine, order):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    with pytest.raises(Refusal, match="invalid post-only order: order crosses book"):
        engine.place(order("ann", Side.BUY, 50, 10, post_only=True), 0)
    assert engine.place(order("ann", Side.BUY, 49, 10, post_only=True), 0).order.status is OrderStatus.LIVE


def test_fill_or_kill_takes_all_or_changes_nothing(engine, order, spec):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    before = engine.markets[spec.condition_id].view()
    with pytest.raises(Refusal, match="couldn't be fully filled"):
        engine.place(order("ann", Side.BUY, 50, 11, order_type=OrderType.FOK), 0)
    assert engine.markets[spec.condition_id].view() == before
    assert engine.place(order("ann", Side.BUY, 50, 10, order_type=OrderType.FOK), 0).order.status is OrderStatus.MATCHED


def test_fill_and_kill_takes_what_there_is_and_cancels_the_rest(engine, order, spec):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    placed = engine.place(order("ann", Side.BUY, 50, 15, order_type=OrderType.FAK), 0)
    assert (placed.order.status, placed.order.matched_micro) == (OrderStatus.CANCELED, 10 * MICRO)
    assert engine.markets[spec.condition_id].view().bids == ()


def test_the_same_order_hash_is_refused_even_after_its_end(engine, order):
    new = order("ann", Side.BUY, 50, 10)
    engine.place(new, 0)
    engine.cancel("ann", [new.order_id], 0)
    with pytest.raises(Refusal, match=r"is invalid\. Duplicated\."):
        engine.place(new, 1)


def test_a_gtd_order_dies_a_minute_before_its_stated_end(engine, order):
    new = order("ann", Side.BUY, 50, 10, order_type=OrderType.GTD, expires_ms=200_000)
    engine.place(new, 0)
    engine.advance(139_999)
    assert engine.records.open["ann"]
    engine.advance(140_000)
    assert engine.records.orders[new.order_id].status is OrderStatus.EXPIRED


def test_a_cancel_of_somebody_elses_order_finds_nothing(engine, order):
    new = order("ann", Side.BUY, 50, 10)
    engine.place(new, 0)
    assert engine.cancel("bob", [new.order_id], 0) == ([], {new.order_id: "Order not found or already canceled"})


def test_a_cancel_that_comes_too_late_says_matched(engine, order):
    new = order("bob", Side.BUY, 50, 10, Outcome.NO)
    engine.place(new, 0)
    engine.place(order("ann", Side.BUY, 50, 10), 0)
    assert engine.cancel("bob", [new.order_id], 0) == ([], {new.order_id: "the order is already matched"})


def test_a_trade_is_matched_then_mined_then_confirmed(engine, order):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    engine.place(order("ann", Side.BUY, 50, 10), 0)
    for now_ms in (999, 1_000, 1_999, 2_000):
        engine.advance(now_ms)
    told = [(event.trade.status, event.trade.updated_ms) for event in engine.events if isinstance(event, TradeChanged)]
    assert told == [(TradeStatus.MATCHED, 0), (TradeStatus.MINED, 1_000), (TradeStatus.CONFIRMED, 2_000)]


def test_one_trade_names_every_maker_at_its_price_and_each_price_has_its_own_trade(engine, order):
    for cents, size in ((50, 10), (50, 20), (49, 30)):
        engine.place(order("bob", Side.BUY, cents, size, Outcome.NO), 0)
    placed = engine.place(order("ann", Side.BUY, 51, 60), 0)
    sizes = {trade.price_bp: [leg.size_micro // MICRO for leg in trade.legs] for trade in placed.trades}
    assert sizes == {5_000: [10, 20], 5_100: [30]}


def test_a_burst_tells_the_rest_of_the_taker_first_and_then_the_levels_that_it_took(engine, order, spec):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    engine.place(order("bob", Side.BUY, 49, 10, Outcome.NO), 0)
    engine.events.clear()
    engine.place(order("ann", Side.BUY, 51, 25), 7)
    change = next(event for event in engine.events if isinstance(event, BookChanged))
    taken = (LevelChange(Side.SELL, 5_000, 0), LevelChange(Side.SELL, 5_100, 0))
    assert change.levels == (LevelChange(Side.BUY, 5_100, 5 * MICRO), *taken)
    assert (change.at_ms, len(change.trades)) == (7, 2)


def test_both_parties_hear_of_their_orders(engine, order):
    engine.place(order("bob", Side.BUY, 50, 30, Outcome.NO), 0)
    engine.events.clear()
    engine.place(order("ann", Side.BUY, 50, 10), 0)
    told = [(event.change, event.order.new.account_id, event.order.status, event.order.matched_micro // MICRO)
            for event in engine.events if isinstance(event, OrderChanged)]
    assert told == [(OrderChange.PLACEMENT, "ann", OrderStatus.LIVE, 0), (OrderChange.UPDATE, "bob", OrderStatus.LIVE, 10),
                    (OrderChange.UPDATE, "ann", OrderStatus.MATCHED, 10)]


def test_closing_a_market_cancels_what_is_open_and_takes_no_more_orders(engine, order, spec):
    new = order("ann", Side.BUY, 50, 10)
    engine.place(new, 0)
    engine.close_market(spec.condition_id, 5)
    assert engine.records.orders[new.order_id].status is OrderStatus.RESOLVED
    assert engine.ledger.accounts["ann"].reserved_cash_micro == 0
    with pytest.raises(Refusal, match="not yet ready"):
        engine.place(order("ann", Side.BUY, 50, 10), 6)


def test_winning_tokens_pay_a_dollar_even_those_that_were_not_mined_at_the_resolution(engine, order, spec):
    engine.place(order("bob", Side.BUY, 50, 10, Outcome.NO), 0)
    engine.place(order("ann", Side.BUY, 50, 10), 0)
    engine.close_market(spec.condition_id, 500)
    engine.resolve_market(spec.condition_id, Outcome.YES)
    engine.advance(1_000)
    assert cash(engine, "ann") == 5 * MICRO - engine.ledger.fees_micro
    assert cash(engine, "bob") == -5 * MICRO
    assert engine.ledger.locked_micro[spec.condition_id] == 0 and engine.conserved()
