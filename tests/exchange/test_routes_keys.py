"""Funded keys for whoever asks."""

from __future__ import annotations

import pytest
from py_clob_client_v2.clob_types import ApiCreds
from py_clob_client_v2.signer import Signer


def given(ann, body=None):
    return ann.call("POST", "/control/keys", body, headers={})


def test_the_keys_open_an_account_with_the_money_that_they_name(ann):
    status, keys = given(ann, {"cash": 500})
    ann.signer, ann.creds = Signer(keys["private_key"], 137), ApiCreds(keys["api_key"], keys["api_secret"], keys["api_passphrase"])
    assert (status, ann.signer.address()) == (200, keys["address"])
    assert ann.call("GET", "/balance-allowance", asset_type="COLLATERAL")[1]["balance"] == "500000000"
    assert ann.post()[0] == 200


def test_each_key_is_another_one(ann):
    assert given(ann)[1]["address"] != given(ann)[1]["address"]


@pytest.mark.parametrize("body", [{"cash": -1}, {"cash": 1.5}, {"cash": True}, {"cash": "10"}, {"cash": 10**10}])
def test_what_is_no_sum_of_dollars_is_refused(ann, body):
    status, said = given(ann, body)
    assert status == 400 and said["error"].startswith("cash: was")
