"""The table of an order's life."""

from __future__ import annotations

import pytest

from trader.model.order import DONE, NEXT, OrderState


def reachable(start):
    seen, todo = {start}, [start]
    while todo:
        fresh = NEXT.get(todo.pop(), frozenset()) - seen
        seen |= fresh
        todo += fresh
    return seen


def test_every_state_is_reached_from_a_new_order():
    assert reachable(OrderState.PENDING_NEW) == set(OrderState)


def test_what_is_done_is_dead_in_four_ways_and_has_no_exit():
    assert {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED} == DONE
    assert not DONE & NEXT.keys()


@pytest.mark.parametrize("state", NEXT)
def test_every_living_state_can_end_in_every_way_because_the_venue_has_the_last_word(state):
    assert NEXT[state] >= DONE


@pytest.mark.parametrize("state", NEXT)
def test_no_state_follows_itself_and_nothing_becomes_new_again(state):
    assert state not in NEXT[state]
    assert OrderState.PENDING_NEW not in NEXT[state]


@pytest.mark.parametrize("state", NEXT)
def test_any_answer_may_be_lost_and_an_unknown_order_is_cancelled_or_found_working(state):
    assert state is OrderState.UNKNOWN or OrderState.UNKNOWN in NEXT[state]
    assert {OrderState.WORKING, OrderState.PENDING_CANCEL} <= NEXT[OrderState.UNKNOWN]


def test_an_order_works_again_after_its_cancel_was_refused():
    assert OrderState.WORKING in NEXT[OrderState.PENDING_CANCEL]
