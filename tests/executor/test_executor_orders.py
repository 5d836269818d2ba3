"""The table of orders: sizes, states and what may still change inventory."""

from hypothesis import given
from hypothesis import strategies as st

from trader.executor.orders import FORGET_AFTER_NS, FORGET_UNTOUCHED_AFTER_NS, OrderTable, Tracked
from trader.model.order import DONE, NEXT, Kind, OrderSpec, OrderState, Side, Slot
from trader.model.units import MICRO


def tracked(order_id="o1", side=Side.BUY, price_bp=4000, shares=100, slot_side=Side.BUY):
    spec = OrderSpec("m", "1", side, price_bp, shares * MICRO, 1, 0, "v1", False)
    return Tracked(order_id, spec, Slot(slot_side, 0, Kind.OPEN_BUY), 0, 0)


def table_with(*orders):
    table = OrderTable()
    for order in orders:
        table.add(order)
    return table


@given(st.lists(st.sampled_from(OrderState), max_size=20))
def test_an_order_moves_only_along_the_table_and_every_refused_move_is_counted(wanted):
    order, refused = tracked(), 0
    table = table_with(order)
    for state in wanted:
        before = order.state
        moved = table.move(order, state, 1)
        refused += not moved
        assert moved is (state is before or state in NEXT.get(before, ()))
        assert order.state is (state if moved else before)
        assert (order in table.live()) is (order.state not in DONE)
    assert table.refused_moves == refused


def test_remaining_is_what_neither_the_order_nor_its_trades_call_filled():
    order = tracked(shares=100)
    order.matched_micro, order.traded_micro = 30 * MICRO, 20 * MICRO
    assert order.remaining_micro == 70 * MICRO
    order.traded_micro = 40 * MICRO
    assert order.remaining_micro == 60 * MICRO


def test_a_cancel_alone_does_not_end_the_exposure_because_a_fill_may_be_on_its_way():
    order = tracked(shares=100)
    table = table_with(order)
    table.move(order, OrderState.CANCELLED, 1)
    assert list(table.exposed()) == [order]


def test_exposure_of_a_final_order_is_what_matched_and_was_not_shown_as_a_trade():
    order = tracked(shares=100)
    order.final, order.matched_micro, order.traded_micro = True, 30 * MICRO, 20 * MICRO
    assert order.exposure_micro == 10 * MICRO


def test_a_finished_order_is_exposed_again_when_a_larger_match_is_named():
    order = tracked()
    table = table_with(order)
    order.final = table.move(order, OrderState.CANCELLED, 1)
    assert list(table.exposed()) == []
    order.matched_micro = MICRO
    table.watch(order)
    assert list(table.exposed()) == [order]


def test_an_order_that_traded_is_recognised_for_ten_minutes_after_its_end_and_then_forgotten():
    table = table_with(tracked("old"), tracked("live"))
    table.get("old").traded_micro = MICRO
    table.move(table.get("old"), OrderState.CANCELLED, 0)
    table.forget(FORGET_AFTER_NS)
    assert "old" in table
    table.forget(FORGET_AFTER_NS + 1)
    assert "old" not in table and "live" in table
    assert [order.order_id for order in table.exposed()] == ["live"]


def test_an_order_that_nobody_traded_with_is_forgotten_after_a_minute():
    table = table_with(tracked("cancelled"), tracked("doubtful"), tracked("denied"))
    table.get("cancelled").final = table.get("denied").final = True
    table.get("denied").absent_answers = 3               # the venue did not know it
    for order in list(table.live()):
        table.move(order, OrderState.CANCELLED, 0)       # of "doubtful" the venue has not said how much was matched
    table.forget(FORGET_UNTOUCHED_AFTER_NS)
    assert "cancelled" in table
    table.forget(FORGET_UNTOUCHED_AFTER_NS + 1)
    assert "cancelled" not in table and "doubtful" in table and "denied" in table


def test_a_table_holds_no_more_than_a_minute_of_orders_that_came_and_went():
    table, most = OrderTable(), 0
    for second in range(600):
        for number in range(30):
            order = tracked(f"{second}-{number}")
            table.add(order)
            order.final = table.move(order, OrderState.CANCELLED, second * 1_000_000_000)
        table.close_finished()
        table.forget(second * 1_000_000_000)
        most = max(most, sum(f"{past}-0" in table for past in range(second + 1)))
    assert most == 61


def test_prices_are_compared_in_yes_terms():
    assert tracked(side=Side.BUY, price_bp=4000, slot_side=Side.BUY).yes_price_bp == 4000
    assert tracked(side=Side.SELL, price_bp=4000, slot_side=Side.BUY).yes_price_bp == 6000
    assert tracked(side=Side.BUY, price_bp=4000, slot_side=Side.SELL).yes_price_bp == 6000
