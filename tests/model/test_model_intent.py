"""Modes combine to the strictest: the order in which guards are asked must not matter."""

from __future__ import annotations

from itertools import product

import pytest

from trader.model.intent import Inventory, Mode

# What each mode still permits. An independent statement of the docstrings: stricter means permitting less.
PERMITS = {
    Mode.NORMAL: {"tight", "bid", "ask", "reduce"},
    Mode.CAUTION: {"bid", "ask", "reduce"},
    Mode.ONE_SIDED_BUY: {"bid", "reduce"},
    Mode.ONE_SIDED_SELL: {"ask", "reduce"},
    Mode.REDUCE_ONLY: {"reduce"},
    Mode.STOP: set(),
}
pairs = pytest.mark.parametrize(("one", "other"), list(product(Mode, Mode)))


@pairs
def test_a_capped_mode_permits_what_both_permit(one, other):
    assert PERMITS[one.capped(other)] == PERMITS[one] & PERMITS[other]


@pairs
def test_capping_is_commutative(one, other):
    assert one.capped(other) is other.capped(one)


@pytest.mark.parametrize(("one", "two", "three"), list(product(Mode, Mode, Mode)))
def test_capping_is_associative(one, two, three):
    assert one.capped(two).capped(three) is one.capped(two.capped(three))


@pytest.mark.parametrize("mode", Mode)
def test_capping_twice_changes_nothing(mode):
    assert mode.capped(mode) is mode


@pytest.mark.parametrize("mode", Mode)
def test_normal_caps_nothing_and_stop_caps_everything(mode):
    assert mode.capped(Mode.NORMAL) is mode
    assert mode.capped(Mode.STOP) is Mode.STOP


def test_net_is_what_is_at_risk_and_gross_is_what_is_held():
    held = Inventory("0x1", 0, 0, 70, 30, 0, Mode.NORMAL, (), ())
    assert (held.net_micro, held.gross_micro) == (40, 100)
