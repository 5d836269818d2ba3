"""What counts as a number in a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.whole_numbers import is_whole_number


@given(st.integers(0, 10**18 - 1))
def test_every_number_of_up_to_18_digits_is_one(number):
    assert is_whole_number(str(number))


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", "1_0", " 1", "\u00b2", "\u0663", "9" * 19, "9" * 5_000])
def test_what_int_would_take_or_fail_on_is_none(text):
    assert not is_whole_number(text)
