from __future__ import annotations

import base64
import re
from dataclasses import replace

import httpx
import pytest
from py_clob_client_v2.signing.hmac import build_hmac_signature

from trader.errors import AuthError, ConfigError, TraderError, VenueUnreachable, WireError
from trader.model.setting import Secret
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.account import Account, open_account
from trader.venues.polymarket.settings import PolymarketSettings

KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
OTHER = "0xE111180000d2663C0091e4f400237545B87B996B"
HMAC_SECRET = base64.urlsafe_b64encode(b"a secret").decode()
CONFIGURED = PolymarketSettings(api_key=Secret("key"), api_secret=Secret(HMAC_SECRET), passphrase=Secret("pass"))
GRANTED = {"apiKey": "derived", "secret": HMAC_SECRET, "passphrase": "pass"}


def opened(settings: PolymarketSettings = CONFIGURED, key: str = KEY, answer: httpx.Response | None = None) -> Account:
    """Against a venue that accepts the credentials, or answers as told."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer or httpx.Response(200, json={"apiKeys": ["key"]})))
    return open_account(settings, key, ManualClock(), client)


def asked(*answers: httpx.Response | Exception) -> tuple[Account, list[httpx.Request]]:
    """Opens an account without configured credentials against these answers."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        scripted = answers[len(requests) - 1]
        if isinstance(scripted, Exception):
            raise scripted
        return scripted
    client = httpx.Client(transport=httpx.MockTransport(answer))
    return open_account(PolymarketSettings(clob_url="https://clob.test/"), KEY, ManualClock(), client), requests


def test_configured_credentials_that_the_venue_refuses_stop_the_start_and_name_the_settings() -> None:
    with pytest.raises(AuthError, match=r"polymarket\.api_key"):
        opened(answer=httpx.Response(401, json={"error": "Unauthorized/Invalid api key"}))


def test_configured_credentials_are_used_once_the_venue_accepts_them() -> None:
    account = opened()
    assert (account.address, account.funder, account.order_signer) == (ADDRESS, ADDRESS, ADDRESS)
    assert account.credentials.key == "key" and account.credentials.hmac_key == b"a secret"


def test_a_proxy_is_paid_for_by_its_funder_and_signed_for_by_the_key() -> None:
    account = opened(replace(CONFIGURED, signature_type=2, funder=OTHER.lower()))
    assert (account.funder, account.order_signer) == (OTHER, ADDRESS)


def test_a_deposit_wallet_is_its_own_signer() -> None:
    assert opened(replace(CONFIGURED, signature_type=3, funder=OTHER)).order_signer == OTHER


@pytest.mark.parametrize(("settings", "key", "named"), [
    (replace(CONFIGURED, signature_type=1), KEY, "polymarket.funder"),
    (replace(CONFIGURED, signature_type=3, funder="me"), KEY, "polymarket.funder"),
    (replace(CONFIGURED, funder=OTHER), KEY, "polymarket.funder"),
    (replace(CONFIGURED, passphrase=Secret("")), KEY, "passphrase"),
    (replace(CONFIGURED, api_secret=Secret("a")), KEY, "api_secret"),
    (replace(CONFIGURED, passphrase=Secret("pass\n")), KEY, "line break"),
    (replace(CONFIGURED, api_key=Secret("kéy")), KEY, "no header can carry"),
    (replace(CONFIGURED, chain_id=1), KEY, "chain_id"),
    (CONFIGURED, "0x" + "zz" * 32, "PM_PRIVATE_KEY"),
    (CONFIGURED, "deadbeef", "PM_PRIVATE_KEY"),
])
def test_a_wrong_setting_is_named(settings: PolymarketSettings, key: str, named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        opened(settings, key)


def test_no_secret_appears_in_any_text_of_an_account() -> None:
    shown = f"{opened()!r} {opened()} {opened().credentials!r}"
    assert not any(secret in shown for secret in ("11" * 8, HMAC_SECRET, "pass", "a secret"))


def test_a_wrong_key_is_not_shown_in_the_error() -> None:
    with pytest.raises(ConfigError) as error:
        opened(key="0x" + "ab" * 31)
    assert "abab" not in str(error.value) and error.value.__suppress_context__


def test_credentials_of_a_known_wallet_are_derived() -> None:
    account, [request] = asked(httpx.Response(200, json=GRANTED))
    assert account.credentials.key == "derived"
    assert (request.method, request.url.path, request.headers["POLY_ADDRESS"]) == ("GET", "/auth/derive-api-key", ADDRESS)
    assert request.headers["POLY_TIMESTAMP"] == "1795000000"


def test_a_wallet_that_never_had_credentials_gets_them_made() -> None:
    account, requests = asked(httpx.Response(400, json={"error": "none"}), httpx.Response(200, json=GRANTED))
    assert account.credentials.key == "derived"
    assert [(r.method, r.url.path) for r in requests] == [("GET", "/auth/derive-api-key"), ("POST", "/auth/api-key")]


@pytest.mark.parametrize(("answer", "error"), [
    (httpx.Response(401, json={"error": "Invalid L1 Request headers"}), AuthError),
    (httpx.Response(403, text="<html>blocked"), AuthError),
    (httpx.Response(502, text="bad gateway"), VenueUnreachable),
    (httpx.ConnectError("refused"), VenueUnreachable),
    (httpx.Response(200, text="<html>"), WireError),
    (httpx.Response(200, json={"apiKey": "k"}), WireError),
])
def test_each_way_to_get_no_credentials_says_what_to_do(answer: httpx.Response | Exception, error: type[TraderError]) -> None:
    with pytest.raises(error) as raised:
        asked(answer)
    assert raised.value.remedy


def test_a_venue_that_makes_no_key_either_refuses_us() -> None:
    with pytest.raises(AuthError, match="not today"):
        asked(httpx.Response(400, json={"error": "none"}), httpx.Response(400, json={"error": "not today"}))


def test_a_request_is_signed_as_the_official_client_signs_it() -> None:
    body = b'{"orderID":"0x1"}'
    headers = opened().headers(1_795_000_000_999, "DELETE", "/order", body)
    assert headers["POLY_SIGNATURE"] == build_hmac_signature(HMAC_SECRET, "1795000000", "DELETE", "/order", body.decode())
    assert (headers["POLY_API_KEY"], headers["POLY_PASSPHRASE"], headers["POLY_ADDRESS"]) == ("key", "pass", ADDRESS)
