from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trader.executor.times import SLOWEST, OrderTimes, OrderTrace, SlowestOfHour
from trader.model.action import PlaceOrders
from trader.model.event import PlaceResult, Timing
from trader.model.intent import Mode, QuoteIntent

MINUTE_NS = 60_000_000_000


def intent(seq: int = 1, decided_ns: int = 100) -> QuoteIntent:
    return QuoteIntent(seq, "0x1", Mode.NORMAL, (), None, "", decided_ns, 0)


def answer(seq: int, *times_ns: int) -> PlaceResult:
    return PlaceResult(PlaceOrders(seq, 0, ()), (), Timing(*times_ns))


def trace(total_ns: int, answered_ns: int) -> OrderTrace:
    return OrderTrace(total_ns, answered_ns, 1, 0, 0, 0, 0)


def counts(times: OrderTimes) -> list[Any]:
    return [window.summary()["count"] for window in (times.intent_to_outbox, times.outbox_to_wire, times.wire_to_ack)]


def test_the_legs_of_an_order_add_up_to_its_whole_way() -> None:
    times = OrderTimes()
    times.put(7, 130, intent(decided_ns=100))
    times.answered(answer(7, 150, 190, 1_000))
    assert times.slowest.read(1_000) == [OrderTrace(900, 1_000, 1, 30, 20, 40, 810)]
    assert counts(times) == [1, 1, 1]


def test_only_the_first_place_of_an_intent_is_traced_because_later_ones_waited_for_the_venue() -> None:
    times = OrderTimes()
    for seq in (1, 2):
        times.put(seq, 200, intent())
        times.answered(answer(seq, 210, 220, 230))
    assert len(times.slowest.read(230)) == 1 and counts(times) == [1, 2, 2]


def test_what_was_shed_or_is_unknown_is_no_sample() -> None:
    times = OrderTimes()
    times.put(1, 200, intent())
    times.answered(answer(1))
    times.answered(answer(99, 1, 2, 3))
    assert times.slowest.read(0) == [] and counts(times) == [1, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, MINUTE_NS)), max_size=120))
def test_the_slowest_of_the_last_hour_are_those_that_a_sorted_list_has(steps: list[tuple[int, int]]) -> None:
    slowest, traces, now_ns = SlowestOfHour(), list[OrderTrace](), 0
    for total_ns, step_ns in steps:
        now_ns += step_ns
        traces.append(trace(total_ns, now_ns))
        slowest.add(traces[-1])
    recent = [each for each in traces if each.answered_ns // MINUTE_NS > now_ns // MINUTE_NS - 60]
    assert slowest.read(now_ns) == sorted(recent, reverse=True)[:SLOWEST]


def test_after_an_hour_of_silence_nothing_is_shown() -> None:
    slowest = SlowestOfHour()
    slowest.add(trace(5, MINUTE_NS))
    assert slowest.read(60 * MINUTE_NS) and not slowest.read(61 * MINUTE_NS)
