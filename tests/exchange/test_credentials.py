"""Level 1 and level 2: headers made by the vendor's client pass; anything stale, altered or borrowed does not."""

from __future__ import annotations

import pytest
from py_clob_client_v2.clob_types import ApiCreds, RequestArgs
from py_clob_client_v2.headers.headers import create_level_1_headers, create_level_2_headers
from py_clob_client_v2.signer import Signer

from trader.exchange.credentials import TIMESTAMP_TOLERANCE_S, KeyRing, verify_l1
from trader.exchange.refusal import Refusal

SIGNER = Signer("0x" + "11" * 32, 137)
OTHER = Signer("0x" + "22" * 32, 137)
NOW_S = 1_795_000_000
BODY = '{"orderID":"0x1"}'


@pytest.fixture
def keys():
    return KeyRing(seed=1)


@pytest.fixture
def api_key(keys):
    return keys.create(SIGNER.address(), 0)


def l2(api_key, signer=SIGNER, timestamp=NOW_S, **changed):
    creds = ApiCreds(api_key.key, api_key.secret, api_key.passphrase)
    args = RequestArgs(method="DELETE", request_path="/order", serialized_body=BODY)
    return create_level_2_headers(signer, creds, args, timestamp) | changed


def verify(keys, headers, method="DELETE", path="/order", body=BODY):
    return keys.verify_l2(headers, method, path, body.encode(), NOW_S)


def test_a_wallet_proves_itself_with_the_clients_l1_headers():
    assert verify_l1(create_level_1_headers(SIGNER, 7, NOW_S), NOW_S) == (SIGNER.address(), 7)


@pytest.mark.parametrize("changed", [{"POLY_ADDRESS": OTHER.address()}, {"POLY_NONCE": "8"}, {"POLY_SIGNATURE": "0x12"},
                                     {"POLY_TIMESTAMP": ""}])
def test_altered_l1_headers_are_refused(changed):
    with pytest.raises(Refusal, match="Invalid L1 Request headers"):
        verify_l1(create_level_1_headers(SIGNER, 7, NOW_S) | changed, NOW_S)


def test_an_l1_signature_goes_stale():
    headers = create_level_1_headers(SIGNER, 7, NOW_S)
    assert verify_l1(headers, NOW_S + TIMESTAMP_TOLERANCE_S)
    with pytest.raises(Refusal):
        verify_l1(headers, NOW_S + TIMESTAMP_TOLERANCE_S + 1)


def test_the_clients_hmac_is_accepted(keys, api_key):
    assert verify(keys, l2(api_key)) == api_key


@pytest.mark.parametrize("request_changed", [{"method": "POST"}, {"path": "/orders"}, {"body": BODY + " "}])
def test_the_hmac_covers_method_path_and_body(keys, api_key, request_changed):
    with pytest.raises(Refusal, match="Invalid api key"):
        verify(keys, l2(api_key), **request_changed)


@pytest.mark.parametrize("changed", [{"POLY_PASSPHRASE": "x"}, {"POLY_API_KEY": "x"}, {"POLY_ADDRESS": OTHER.address()},
                                     {"POLY_TIMESTAMP": str(NOW_S - 1)}])
def test_altered_l2_headers_are_refused(keys, api_key, changed):
    with pytest.raises(Refusal) as refused:
        verify(keys, l2(api_key, **changed))
    assert refused.value.status == 401


def test_a_stale_l2_request_is_refused(keys, api_key):
    with pytest.raises(Refusal):
        verify(keys, l2(api_key, timestamp=NOW_S - TIMESTAMP_TOLERANCE_S - 1))


def test_the_same_wallet_and_nonce_derive_the_same_key(keys, api_key):
    assert keys.derived(SIGNER.address(), 0) == api_key
    assert KeyRing(seed=1).create(SIGNER.address(), 0) == api_key
    assert keys.create(SIGNER.address(), 1) != api_key


def test_a_key_is_created_once_and_not_derived_before(keys, api_key):
    with pytest.raises(Refusal, match="Could not create api key"):
        keys.create(SIGNER.address(), 0)
    with pytest.raises(Refusal, match="Could not derive api key!"):
        keys.derived(OTHER.address(), 0)
