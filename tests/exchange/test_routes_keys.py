"""Funded keys for whoever asks."""

from __future__ import annotations

import pytest
from py_clob_client_v2.clob_types import ApiCreds
from py_clob_client_v2.signer import Signer

from trader.exchange.contracts import CONTRACTS, EXCHANGE_V2, EXCHANGE_V3


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


def change(ann, **settings):
    return ann.call("POST", "/control/account", {"address": ann.signer.address(), **settings}, headers={})


def test_a_wallet_of_another_kind_has_its_money_there_and_nowhere_else(ann):
    _, keys = given(ann, {"cash": 500, "signature_type": 3})
    ann.signer, ann.creds = Signer(keys["private_key"], 137), ApiCreds(keys["api_key"], keys["api_secret"], keys["api_passphrase"])
    assert keys["funder"] != keys["address"]
    balances = [ann.call("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type=str(each))[1] for each in range(4)]
    assert [each["balance"] for each in balances] == ["0", "0", "0", "500000000"]
    assert set(balances[0]["allowances"].values()) == {"0"}
    assert ann.post() == (400, {"error": "not enough balance / allowance"})        # signed for the plain address


def test_an_allowance_is_set_shown_and_enforced(ann):
    status, said = change(ann, allowance_micro=4_000_000, contract=EXCHANGE_V2.lower())
    assert status == 200 and said["allowances_micro"][EXCHANGE_V2] == "4000000"
    shown = ann.call("GET", "/balance-allowance", asset_type="COLLATERAL")[1]["allowances"]
    assert shown == {each: "4000000" if each == EXCHANGE_V2 else str(2**256 - 1) for each in CONTRACTS}
    assert ann.post(price=0.4, size=10)[0] == 200
    assert ann.post(price=0.4, size=10) == (400, {"error": "not enough balance / allowance"})
    assert change(ann, allowance_micro=None)[0] == 200 and ann.post(price=0.4, size=10)[0] == 200


def test_an_account_in_closed_only_mode_is_told_so_and_cannot_buy(ann):
    assert ann.call("GET", "/auth/ban-status/closed-only")[1] == {"closed_only": False}
    change(ann, closed_only=True)
    assert ann.call("GET", "/auth/ban-status/closed-only")[1] == {"closed_only": True}
    status, refused = ann.post()
    assert status == 400 and refused["error"] == f"'{ann.signer.address()}' address in closed only mode"


def test_tokens_are_allowed_or_not_by_contract(ann):
    assert change(ann, tokens_allowed=False, contract=EXCHANGE_V3)[1]["tokens_allowed"] == {each: each != EXCHANGE_V3 for each in CONTRACTS}
    shown = ann.call("GET", "/balance-allowance", asset_type="CONDITIONAL", token_id="111")[1]["allowances"]
    assert [shown[each] == "0" for each in CONTRACTS] == [False, False, True]


@pytest.mark.parametrize(("settings", "status", "said"), [
    ({"address": "0x1"}, 400, "address: was '0x1'"), ({"address": "0x" + "9" * 40}, 404, "no account"),
    ({"closed_only": 1}, 400, "closed_only: was 1"), ({"allowance_micro": -1}, 400, "allowance_micro: was -1"),
    ({"contract": "0x1"}, 400, "contract: was '0x1'"), ({"closedonly": True}, 400, "body: must be a JSON object of address"),
])
def test_what_makes_no_sense_of_an_account_is_refused_by_name(ann, settings, status, said):
    was, refused = change(ann, **settings)
    assert was == status and refused["error"].startswith(said)
