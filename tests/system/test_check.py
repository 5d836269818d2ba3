"""`trader check` against the embedded exchange, healthy and with faults on order: what is wrong is named, and nothing is traded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trader.cli import main
from trader.exchange.child import ExchangeUrls
from trader.testing.desk_process import Wallet
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

Capture = pytest.CaptureFixture[str]


def checked(wallet: Wallet, capsys: Capture, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    code = main(["check", str(wallet.conf), "--json", *options])
    return code, {row["what"]: row for row in json.loads(capsys.readouterr().out)["checks"]}


def failed(found: dict[str, dict[str, Any]]) -> set[str]:
    return {what for what, row in found.items() if row["verdict"] == "FAIL"}


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_a_healthy_venue_passes_and_nothing_is_traded(protocol: str, tmp_path: Any, capsys: Capture) -> None:
    with running_exchange(speed=72, seed=3, protocol=protocol) as urls:
        wallet = Wallet(urls, tmp_path)
        code, found = checked(wallet, capsys)
        assert code == 0 and len(found) == 14 and {row["verdict"] for what, row in found.items() if what != "country"} == {"ok"}
        assert (wallet.ledger()["placed"], wallet.ledger()["cancelled"]) == (0, 0)


@pytest.mark.parametrize(("fault", "wrong"), [
    ({"kind": "freeze", "channel": "market"}, {"market stream"}),
    ({"kind": "freeze", "channel": "user", "pong": False}, {"user stream"}),
    ({"kind": "server_error", "method": "GET", "path": "/balance-allowance"}, {"collateral", "tokens"}),
    ({"kind": "server_error", "method": "GET", "path": "/auth"}, {"credentials"}),
    ({"kind": "rate_limited", "method": "GET", "path": "/version"}, {"version"}),
    ({"kind": "server_error", "method": "GET", "path": "/gamma"}, {"market"}),
    ({"kind": "clock_skew", "skew_s": 300}, {"clock"}),
    ({"kind": "slow", "method": "GET", "path": "/time", "delay_ms": 7000}, {"clock"}),
], ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "")
def test_what_is_broken_is_what_fails(fault: dict[str, Any], wrong: set[str], exchange: ExchangeUrls, wallet: Wallet,
                                      capsys: Capture) -> None:
    with exchange_fault(exchange, **fault) as ordered:
        code, found = checked(wallet, capsys)
        assert code in (3, 4) and failed(found) == wrong
        assert ordered.strikes > 0 or fault.get("pong") is False        # an answer that does not come is not counted there
    assert all(row["remedy"] for row in found.values() if row["verdict"] == "FAIL")


def test_wrong_credentials_have_an_exit_code_of_their_own(wallet: Wallet, capsys: Capture) -> None:
    words = ("api_key=" + "0" * 36, "api_secret=c2VjcmV0", "passphrase=wrong")
    code, found = checked(wallet, capsys, *(part for word in words for part in ("--set", f"polymarket.{word}")))
    assert code == 3 and failed(found) == {"credentials"} and found["user stream"]["verdict"] == "skip"


def test_a_slug_that_does_not_exist_is_named(wallet: Wallet, capsys: Capture) -> None:
    code, found = checked(wallet, capsys, "--set", "market.slug=no-such-window")
    assert code == 4 and failed(found) == {"market"} and "no-such-window" in found["market"]["found"]
