"""What a start remembers: legs, orders that may live, the day's gain, latches. The venue has the last word on all of it."""

from __future__ import annotations

import pytest

from trader.journal import reader
from trader.journal.recall import recall
from trader.model.action import CancelOrders
from trader.model.cycle import Latch
from trader.model.event import (
    Answer,
    CancelResult,
    Command,
    Control,
    Fill,
    Outcome,
    Timing,
    TradeStatus,
    VenueStatus,
)
from trader.model.order import OrderState, Side
from trader.model.recall import NOTHING_RECALLED
from trader.model.units import MICRO
from trader.ops.replay import verify

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def recalled(keeper, desk):
    """Writes what the desk did, and recalls it some hours later."""
    journal = keeper.begin(desk)

    def later(hours=0):
        keeper.write(journal, desk)
        return recall(keeper.path, desk.now().ms + hours * 3_600_000)
    return later


def test_without_a_journal_nothing_is_recalled(tmp_path):
    assert recall(tmp_path / "never", 0) == NOTHING_RECALLED


def test_orders_that_may_live_are_recalled_as_they_were_sent(desk, recalled):
    first, second = desk.quotes(48, 52)
    specs = {order_id: desk.state.orders.get(order_id).spec for order_id in (first, second)}
    assert {order.order_id: order.spec for order in recalled().orders} == specs
    assert {order.state for order in recalled().orders} == {OrderState.WORKING}


def test_an_order_that_ended_is_not_recalled_and_a_place_without_an_answer_is(desk, recalled):
    first, second = desk.quotes(48, 52)
    desk.fills(first)
    assert [order.state for order in recalled().orders if order.order_id not in (first, second)] == [OrderState.PENDING_NEW]
    assert first not in [order.order_id for order in recalled().orders]


def test_an_order_is_recalled_for_as_long_as_its_window_is_because_its_trades_count_there(desk, recalled):
    desk.quotes(48, 52)
    assert (len(recalled(hours=3).orders), len(recalled(hours=48).orders), recalled(hours=24 * 4).orders) == (2, 2, ())


def test_an_order_that_was_killed_between_its_end_and_its_trade_is_recalled(desk, recalled):
    first, second = desk.quotes(48, 52)
    desk.says(first, VenueStatus.FILLED, 20).says(second, VenueStatus.CANCELLED, 0)
    ended = {order.order_id: (order.state, order.matched_micro) for order in recalled().orders}
    assert ended[first] == (OrderState.FILLED, 20 * MICRO) and second not in ended


def test_an_order_whose_cancel_was_only_answered_is_recalled_until_the_venue_said_what_it_had_matched(desk, recalled):
    first, _ = desk.quotes(48, 52)
    desk.cycle(Control(Command.CANCEL_ALL, "test"))
    desk.cycle(*(CancelResult(r, tuple(Answer(i, Outcome.OK) for i in r.order_ids), Timing()) for r in desk.requests(CancelOrders)))
    assert (first, OrderState.CANCELLED) in [(order.order_id, order.state) for order in recalled().orders]
    desk.says(first, VenueStatus.CANCELLED, 0).cycle(ms=1_000)
    assert first not in [order.order_id for order in recalled().orders]


def test_a_loss_that_was_forgiven_stays_forgiven_for_the_day(desk, recalled):
    first, _ = desk.quotes(48, 52)
    desk.fills(first, 20).resolves(yes=False)
    desk.cycle(ms=1_100).cycle(Control(Command.FORCE_RESUME, "")).cycle(ms=1_100)
    assert recalled().forgiven_micro == 20 * 4800 * 100 == -recalled().day_pnl_micro
    assert recalled(hours=24).forgiven_micro == 0


def test_legs_come_back_with_side_and_newest_status(desk, recalled):
    first, _ = desk.quotes(48, 52)
    desk.fills(first, 15, "t1", TradeStatus.MATCHED, TradeStatus.MINED).fills(first, 5, "t2", TradeStatus.FAILED)
    legs = [(leg.trade_id, leg.side, leg.size_micro, leg.status) for leg in recalled().legs]
    assert legs == [("t1", Side.BUY, 15 * MICRO, TradeStatus.MINED), ("t2", Side.BUY, 5 * MICRO, TradeStatus.FAILED)]


def test_a_leg_whose_side_nobody_knows_is_not_recalled(desk, recalled):
    desk.cycle(Fill("t9", "foreign", desk.market.condition_id, desk.market.yes_token, None, 5000, MICRO, 0, TradeStatus.MINED, 0))
    assert recalled().legs == ()


def test_the_days_gain_is_marked_to_the_last_mid_until_the_outcome_is_known(desk, recalled):
    desk.fills(desk.quotes(48, 52)[0], 20)
    assert recalled().day_pnl_micro == 20 * 200 * 100                    # bought at 48 ¢, the mid is 50 ¢
    desk.resolves(yes=False)
    assert recalled().day_pnl_micro == -20 * 4800 * 100


def test_a_trade_that_failed_is_neither_gain_nor_loss(desk, recalled):
    desk.fills(desk.quotes(48, 52)[0], 20, "t1", TradeStatus.MATCHED, TradeStatus.FAILED)
    assert recalled().day_pnl_micro == 0


def test_yesterdays_windows_are_recalled_only_as_long_as_they_have_no_outcome(desk, recalled):
    desk.fills(desk.quotes(48, 52)[0])
    assert (len(recalled(hours=24).legs), recalled(hours=24).day_pnl_micro) == (1, 0)
    desk.resolves(yes=True)
    assert recalled(hours=24).legs == () and recalled(hours=24).windows == ()


def test_a_window_says_until_when_it_was_followed(desk, recalled):
    desk.cycle(ms=5)
    window, = recalled().windows
    assert (window.market, window.heard_ms, recalled().written_ms) == (desk.market, desk.now().ms, desk.now().ms)


def test_latches_outlive_the_run(desk, recalled):
    latch = Latch("daily_loss", "lost 100 $", 7)
    desk.cycles[-1] = desk.cycles[-1]._replace(latches=(latch,))
    assert recalled().latches == (latch,)


def test_a_run_that_took_over_from_another_replays_to_the_same_decisions(keeper, desk, recalled, new_desk):
    desk.fills(desk.quotes(48, 52)[0])
    heir = new_desk(recalled(), first_salt=500, ns=desk.ns + HOUR_NS // 60).boots().sees(48, 52)
    heir.quotes(47, 53)
    decided = len(heir.cycles)
    files = keeper.keep(heir, "run-2")
    run = reader.runs(files)[-1]
    verdict = verify(run, reader.cycles(files, run))
    assert len(run.recalled.orders) > 0 and (verdict.difference, verdict.cycles) == ("", decided)
