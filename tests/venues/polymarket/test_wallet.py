"""Key, address and login, beside the libraries that the venue's own client uses for them."""

from __future__ import annotations

import pytest
from eth_utils.address import is_checksum_address, to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from py_clob_client_v2.headers import create_level_1_headers
from py_clob_client_v2.signer import Signer

from trader.venues.polymarket.wallet import Wallet, checksummed, is_address

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = st.integers(1, CURVE_ORDER - 1).map(lambda number: f"0x{number:064x}")


@settings(max_examples=40, deadline=None)
@given(KEYS, st.sampled_from([137, 80002]), st.integers(0, 2**40))
def test_a_login_is_the_official_clients_byte_for_byte(key: str, chain_id: int, seconds: int) -> None:
    assert Wallet(key).login_headers(chain_id, seconds) == create_level_1_headers(Signer(key, chain_id), nonce=0, timestamp=seconds)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=20, max_size=20))
def test_addresses_are_spelled_as_eip_55_says(data: bytes) -> None:
    address = "0x" + data.hex()
    assert checksummed(address) == to_checksum_address(address)
    assert is_address(address) and is_address(checksummed(address))
    assert is_checksum_address(checksummed(address))


@pytest.mark.parametrize("text", ["", "me", "0x", "0x" + "g" * 40, "0x" + "1" * 39, "0x" + "1" * 41,
                                  "0xe111180000d2663C0091e4f400237545B87B996B"])      # the last: one letter in the wrong case
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("key", ["", "deadbeef", "0x" + "zz" * 32, "0x" + "ab" * 31, "0x" + "00" * 32, f"0x{CURVE_ORDER:064x}"])
def test_what_is_no_key_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(ValueError) as refusal:
        Wallet(key)
    assert not key or key[2:] not in str(refusal.value)
