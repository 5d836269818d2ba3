"""Rings coalesce, and the last one is never lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trader.handoff.doorbell import Doorbell


def test_a_new_doorbell_is_silent():
    assert not Doorbell().wait(0)


def test_a_ring_before_the_wait_is_heard():
    bell = Doorbell()
    bell.ring()
    assert bell.wait(0)


def test_many_rings_wake_once():
    bell = Doorbell()
    for _ in range(1_000):
        bell.ring()
    assert [bell.wait(0), bell.wait(0)] == [True, False]


def test_a_ring_after_a_wait_wakes_again():
    bell = Doorbell()
    for _ in range(3):
        bell.ring()
        assert bell.wait(0)


def test_a_deadline_that_has_passed_does_not_wait_for_ever():
    assert not Doorbell().wait(-1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), max_size=50))
def test_a_wait_is_true_exactly_when_somebody_rang_since_the_last_one(steps):
    bell, rung = Doorbell(), False
    for ring in steps:
        if ring:
            bell.ring()
            rung = True
        else:
            assert bell.wait(0) is rung
            rung = False
