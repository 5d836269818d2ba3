"""Wire text becomes exact integers, or a WireError: nothing else may leave this module (trap 1 and 2)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trader.errors import WireError
from trader.model.units import (
    BP_PER_DOLLAR,
    ceil_to_tick,
    complement_bp,
    decimal_text,
    floor_to_tick,
    money_micro_from_wire,
    notional_micro,
    price_bp_from_wire,
    price_to_wire,
    scaled_int,
    size_micro_from_wire,
    size_to_wire,
)

quick = settings(max_examples=200, deadline=None)
prices_bp = st.integers(0, BP_PER_DOLLAR)
ticks_bp = st.sampled_from((1, 10, 25, 50, 100))
sizes_micro = st.integers(0, 10**18)

MALFORMED = ["", ".", "-", "-.", "nan", "inf", "Infinity", " 1", "1 ", "+1", "1_000", "1,000", "1e5", "1E-2", "0x1", "--1", "1.-5",
             "1.2.3", "1\n", "½", "²", "٣", "１", "1.٣", "None", "null", "true"]


def test_every_wire_price_survives_the_round_trip():
    for price_bp in range(BP_PER_DOLLAR + 1):
        assert price_bp_from_wire(price_to_wire(price_bp)) == price_bp


@quick
@given(sizes_micro)
@example(100_090_000)
def test_every_wire_size_survives_the_round_trip(size_micro):
    assert size_micro_from_wire(size_to_wire(size_micro)) == size_micro


@quick
@given(st.integers(-(10**18), 10**18), st.integers(0, 18))
def test_decimal_text_is_exact_and_the_shortest(value, digits):
    text = decimal_text(value, digits)
    assert Decimal(text) == Decimal(value).scaleb(-digits)
    assert scaled_int(text, digits, "value") == value
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(("text", "price_bp"), [
    ("0.29", 2_900), ("0.57", 5_700), ("0.58", 5_800), (".5", 5_000), ("0.50", 5_000), ("1", 10_000), ("1.0", 10_000), ("0", 0),
    ("0.0001", 1), ("0.0025", 25), ("0.290000", 2_900),
])
def test_prices_that_a_float_would_lose_are_exact(text, price_bp):
    assert price_bp_from_wire(text) == price_bp


@pytest.mark.parametrize("text", MALFORMED)
@pytest.mark.parametrize("read", [price_bp_from_wire, size_micro_from_wire, money_micro_from_wire])
def test_malformed_text_is_a_wire_error_that_quotes_it(read, text):
    with pytest.raises(WireError) as caught:
        read(text)
    assert repr(text) in caught.value.problem
    assert caught.value.remedy


@quick
@given(st.text(max_size=12))
def test_any_text_is_read_exactly_or_refused(text):
    try:
        price_bp = price_bp_from_wire(text)
    except WireError:
        return
    assert Decimal(text) * BP_PER_DOLLAR == price_bp


@pytest.mark.parametrize("text", ["-0.29", "-1", "1.0001", "2", "10000"])
def test_a_price_outside_zero_to_one_is_refused_each_time(text):
    for _attempt in range(2):                   # a memo of the first attempt must not let the second pass
        with pytest.raises(WireError, match="outside"):
            price_bp_from_wire(text)


@pytest.mark.parametrize("text", ["0.29001", "0.00001"])
def test_a_price_finer_than_a_basis_point_is_refused_instead_of_rounded(text):
    with pytest.raises(WireError, match="at most 4 decimals"):
        price_bp_from_wire(text)


def test_a_negative_size_is_refused_because_sizes_are_absolute():
    with pytest.raises(WireError, match="negative"):
        size_micro_from_wire("-5")


def test_an_amount_of_money_may_be_negative():
    assert money_micro_from_wire("-0.5") == -500_000


@pytest.mark.parametrize("text", ["1" * 5_000, "0." + "0" * 5_000])
def test_a_number_of_absurd_length_is_a_wire_error_and_quoted_in_part(text):
    with pytest.raises(WireError) as caught:
        size_micro_from_wire(text)
    assert len(str(caught.value)) < 250


def test_a_uint256_is_not_too_long():
    assert scaled_int(str(2**256), 0, "token") == 2**256


@quick
@given(prices_bp, ticks_bp)
def test_bids_round_down_and_asks_round_up_by_less_than_a_tick(price_bp, tick_bp):
    down, up = floor_to_tick(price_bp, tick_bp), ceil_to_tick(price_bp, tick_bp)
    assert down <= price_bp <= up
    assert price_bp - down < tick_bp > up - price_bp
    assert down % tick_bp == up % tick_bp == 0


@quick
@given(prices_bp, sizes_micro)
def test_a_reservation_is_never_too_little_and_less_than_a_micro_dollar_too_much(price_bp, size_micro):
    excess = notional_micro(price_bp, size_micro) * BP_PER_DOLLAR - price_bp * size_micro
    assert 0 <= excess < BP_PER_DOLLAR


@quick
@given(prices_bp)
def test_a_price_and_its_complement_make_a_dollar(price_bp):
    assert price_bp + complement_bp(price_bp) == BP_PER_DOLLAR
    assert complement_bp(complement_bp(price_bp)) == price_bp
