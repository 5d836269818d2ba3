from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.model.intent import Mode
from trader.model.order import Side
from trader.strategy.closing import Phase
from trader.strategy.triggers import Moment, Trigger, moment_of
from trader.strategy.view import NoView

MS = 1_000_000
CALM = Moment("0xaa", 4900, 5100, 5000, 0, Mode.NORMAL, 100)


def trigger_after_a_run(threshold_ticks=1, debounce_ms=100):
    trigger = Trigger(threshold_ticks, debounce_ms)
    trigger.ran(CALM)
    return trigger


@pytest.mark.parametrize(("change", "cause"), [
    ({"bid_bp": 5000}, "book"), ({"ask_bp": 5000}, "book"), ({"bid_bp": None}, "book"), ({"fair_bp": 5100}, "fair"),
    ({"fair_bp": None}, "fair"), ({"net_micro": 1}, "fill"), ({"mode": Mode.CAUTION}, "mode"), ({"condition_id": "0xbb"}, "market"),
    ({"phase": Phase.SMALL}, "close"), ({"shock": 1}, "shock"), ({"shock": -1, "fair_bp": 4000}, "shock"),
])
def test_each_cause_fires_and_is_counted_by_its_name(change, cause):
    trigger = trigger_after_a_run()
    assert trigger.check(CALM._replace(**change), 0)
    assert {name for name, count in trigger.fired.items() if count} == {cause}


@pytest.mark.parametrize("change", [{}, {"fair_bp": 5099}, {"fair_bp": 4901}])
def test_a_move_below_the_threshold_does_not_fire(change):
    assert not trigger_after_a_run().check(CALM._replace(**change), 0)


def test_the_threshold_is_counted_in_ticks_of_the_book():
    moved = CALM._replace(bid_bp=4910, tick_bp=10)
    assert trigger_after_a_run(threshold_ticks=1).check(moved, 0)
    assert not trigger_after_a_run(threshold_ticks=2).check(moved, 0)


def test_small_moves_add_up_from_the_last_run():
    trigger = trigger_after_a_run()
    assert [trigger.check(CALM._replace(fair_bp=5000 + step), 0) for step in (40, 80, 120)] == [None, None, "fair"]


def test_a_tick_resets_what_moves_are_measured_from():
    trigger = trigger_after_a_run()
    trigger.ran(CALM._replace(fair_bp=5080))
    assert not trigger.check(CALM._replace(fair_bp=5120), 0)


def test_the_first_look_of_all_fires():
    assert Trigger(1, 100).check(CALM, 0)


def test_a_second_move_waits_for_the_end_of_the_debounce_time():
    trigger = trigger_after_a_run()
    assert trigger.check(CALM._replace(bid_bp=4800), 0)
    trigger.ran(CALM._replace(bid_bp=4800))
    assert not trigger.check(CALM._replace(bid_bp=4700), 99 * MS)
    assert trigger.held_until_ns == 100 * MS
    assert trigger.check(CALM._replace(bid_bp=4700), 100 * MS)


def test_a_move_that_went_back_while_it_was_held_does_not_fire():
    trigger = trigger_after_a_run()
    assert trigger.check(CALM._replace(bid_bp=4800), 0)
    trigger.ran(CALM)
    assert not trigger.check(CALM._replace(bid_bp=4700), 50 * MS)
    assert not trigger.check(CALM, 100 * MS)
    assert trigger.held_until_ns is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 99)), min_size=1, max_size=40), st.integers(0, 200))
def test_the_last_move_of_a_burst_is_never_lost(burst, debounce_ms):
    """Whatever happens, waiting as long as the trigger says brings the last state to a run."""
    trigger, now_ns, moment, seen = trigger_after_a_run(debounce_ms=debounce_ms), 0, CALM, CALM
    for after_ms, cents in burst:
        now_ns += after_ms * MS
        moment = CALM._replace(fair_bp=cents * 100)
        if trigger.check(moment, now_ns):
            trigger.ran(seen := moment)
    if trigger.held_until_ns is not None and trigger.check(moment, trigger.held_until_ns):
        seen = moment
    assert seen.fair_bp == moment.fair_bp


@given(st.lists(st.integers(0, 60), max_size=60), st.integers(1, 200))
def test_early_runs_for_a_price_are_never_closer_than_the_debounce_time(waits_ms, debounce_ms):
    trigger, now_ns, runs_ns = trigger_after_a_run(debounce_ms=debounce_ms), 0, []
    for count, wait_ms in enumerate(waits_ms):
        now_ns += wait_ms * MS
        moment = CALM._replace(fair_bp=4000 + 100 * (count % 2))
        if trigger.check(moment, now_ns):
            trigger.ran(moment)
            runs_ns.append(now_ns)
    assert all(later - earlier >= debounce_ms * MS for earlier, later in pairwise(runs_ns))


def test_our_own_order_at_the_touch_is_not_a_move(make):
    before = make.view(book=make.book(4000, 6000))
    after = before._replace(
        book=before.book._replace(yes=make.top([(4900, 100), (4000, 500)], [(6000, 500)])),
        inventory=make.inventory(working=(make.order(Side.BUY, 4900, 100),)))
    trigger = Trigger(1, 0)
    trigger.ran(moment_of(before))
    assert not trigger.check(moment_of(after), 0)


def test_losing_the_view_of_the_same_market_fires_once():
    trigger = trigger_after_a_run(debounce_ms=0)
    gone = moment_of(NoView("0xaa", "waiting for the book of this market"))
    assert trigger.check(gone, 0)
    trigger.ran(gone)
    assert not trigger.check(gone, 1)


def test_a_shock_is_not_held_back(make):
    trigger = trigger_after_a_run()
    assert trigger.check(CALM._replace(bid_bp=4800), 0)
    assert trigger.check(CALM._replace(bid_bp=4800, shock=-1), 1 * MS) == "shock"


def test_a_fill_is_not_held_back():
    trigger = trigger_after_a_run()
    assert trigger.check(CALM._replace(bid_bp=4800), 0)
    assert trigger.check(CALM._replace(bid_bp=4800, net_micro=1), 1 * MS) == "fill"


def test_a_shock_fires_once_while_it_lasts_and_its_end_does_not():
    trigger = trigger_after_a_run()
    trigger.ran(CALM._replace(shock=1))
    assert trigger.check(CALM._replace(shock=1), 0) is None
    assert trigger.check(CALM, 0) is None
    assert trigger.check(CALM._replace(shock=-1), 0) == "shock"


@pytest.mark.parametrize(("z", "shock"), [(4.9, 0), (5.0, 1), (-5.0, -1)])
def test_a_shock_is_a_move_of_that_many_deviations(make, z, shock):
    assert moment_of(make.view(shock_z=z), Phase.OPEN, 5.0).shock == shock
