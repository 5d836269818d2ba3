from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trader.fleet.pool import Room, place


def ids(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


def test_room_in_a_connection_is_used_at_once_and_the_fullest_first():
    plan = place(ids(3), [Room(1, 100), Room(2, 396)], target=400, most=500, waited=False)
    assert plan.into == {2: ["m0", "m1"], 1: ["m2"]} and not plan.fresh and not plan.waiting


def test_without_room_a_lone_market_waits_for_company_first():
    assert place(ids(1), [], target=400, most=500, waited=False).waiting == ["m0"]


def test_without_any_connection_a_lone_market_that_waited_opens_one():
    assert place(ids(1), [], target=400, most=500, waited=True).fresh == [["m0"]]


def test_a_straggler_goes_above_the_target_and_opens_no_connection():
    plan = place(ids(1), [Room(1, 400), Room(2, 410)], target=400, most=500, waited=True)
    assert plan.into == {1: ["m0"]} and not plan.fresh


def test_a_crowd_opens_connections_and_shares_them_evenly():
    plan = place(ids(2500), [], target=400, most=500, waited=True)
    assert len(plan.fresh) == 13 and {len(one) for one in plan.fresh} == {192, 193}


rooms = st.lists(st.integers(0, 520), max_size=5).map(lambda loads: [Room(number, load) for number, load in enumerate(loads)])


@given(st.integers(0, 900), rooms, st.integers(1, 250), st.integers(0, 250), st.booleans())
def test_every_market_is_placed_once_or_waits_and_no_limit_is_broken(count, rooms, half_target, half_more, waited):
    target, most = 2 * half_target, 2 * (half_target + half_more)
    plan = place(ids(count), rooms, target=target, most=most, waited=waited)
    placed = [one for group in (*plan.into.values(), *plan.fresh, plan.waiting) for one in group]
    assert sorted(placed) == sorted(ids(count)) and not (waited and plan.waiting)
    assert all(rooms[number].assets + 2 * len(group) <= most for number, group in plan.into.items())
    assert all(group and 2 * len(group) <= target for group in plan.fresh)
