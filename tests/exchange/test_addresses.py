"""Addresses against the library that the clients use."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.addresses import checksummed, is_address


@given(st.binary(min_size=20, max_size=20), st.booleans())
def test_every_spelling_becomes_the_checksummed_one(raw, upper):
    text = "0x" + (raw.hex().upper() if upper else raw.hex())
    assert is_address(text) and checksummed(text) == to_checksum_address(text)


@pytest.mark.parametrize("text", ["", "0x", "ab" * 20, "0x" + "g" * 40, "0x" + "a" * 41, "0x" + "a" * 40 + "\n"])
def test_what_is_no_address_is_refused(text):
    assert not is_address(text)
    with pytest.raises(ValueError, match="is not an address"):
        checksummed(text)
