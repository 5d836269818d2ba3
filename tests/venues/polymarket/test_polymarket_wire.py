from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.errors import WireError
from trader.model.units import price_to_wire, size_micro_from_wire
from trader.venues.polymarket.wire import ms_from_wire, nearest_bp_from_wire, size_from_wire, top_bp_from_wire


@pytest.mark.parametrize("text", ["1672290701", 1672290701, "1672290701000"])
def test_seconds_and_milliseconds_are_told_apart_by_magnitude(text: str | int) -> None:
    assert ms_from_wire(text) == 1_672_290_701_000


@pytest.mark.parametrize("text", ["", "0", "0.0", "1", "1.00", None])
def test_an_empty_side_is_none_however_the_venue_writes_it(text: str | None) -> None:
    assert top_bp_from_wire(text) is None


@given(st.integers(1, 9_999))
def test_every_price_inside_the_dollar_is_a_top(price_bp: int) -> None:
    assert top_bp_from_wire(price_to_wire(price_bp)) == price_bp


@given(st.integers(0, 10**9), st.integers(0, 999_999))
def test_the_short_way_to_read_a_size_agrees_with_the_exact_one(whole: int, micro: int) -> None:
    text = f"{whole}.{micro:06d}" if micro else str(whole)
    assert size_from_wire(text) == size_micro_from_wire(text)


@given(st.text("0123456789.-e²", max_size=24))
def test_what_both_ways_read_is_the_same_and_what_one_refuses_the_other_does(text: str) -> None:
    try:
        expected: int | None = size_micro_from_wire(text) if text else 0
    except WireError:
        expected = None
    try:
        found: int | None = size_from_wire(text)
    except (WireError, ValueError):
        found = None
    assert found == expected


@pytest.mark.parametrize("text", ["²", "1e3", "-", "٣", "0x1", " 1"])
def test_what_only_looks_like_a_size_is_refused(text: str) -> None:
    with pytest.raises((WireError, ValueError)):
        size_from_wire(text)


@pytest.mark.parametrize(("text", "price_bp"), [("0.57", 5700), ("0.57004", 5700), ("0.57005", 5701), ("0.333333333333", 3333)])
def test_an_average_price_is_rounded_to_the_nearest_basis_point(text: str, price_bp: int) -> None:
    assert nearest_bp_from_wire(text) == price_bp
