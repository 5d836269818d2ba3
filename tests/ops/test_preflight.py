"""Each check says what it found, and what to do when something is wrong; what it needs and has not, it skips."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from trader.config import load_config
from trader.errors import AuthError, VenueUnreachable
from trader.ops.check import FAILED, OK, SKIPPED, Check, failure_of
from trader.ops.preflight import Preflight
from trader.testing.fake_socket import FakeNetwork, FakeSocket
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.contracts import exchange_of

NOW_S = 1_795_000_000
UP, DOWN = "11", "12"
MARKET = {
    "slug": "btc-3pm", "conditionId": "0x" + "ab" * 32, "version": "v1",
    "outcomes": '["Up", "Down"]', "clobTokenIds": f'["{UP}", "{DOWN}"]',
    "orderPriceMinTickSize": 0.01, "orderMinSize": 5, "eventStartTime": "2026-11-18T11:00:00Z", "endDate": "2026-11-18T12:00:00Z",
    "acceptingOrders": True, "closed": False, "enableOrderBook": True, "negRisk": False, "feesEnabled": False,
}
UNLIMITED = {"balance": "500000000", "allowances": {exchange_of(137, "v1", False): str(2**255)}}
HEALTHY: dict[str, Any] = {
    "/time": NOW_S, "/version": {"version": 2}, "/api/geoblock": {"blocked": False, "country": "CH"},
    "/auth/derive-api-key": {"apiKey": "k", "secret": "c2VjcmV0", "passphrase": "p"},
    "/auth/ban-status/closed-only": {"closed_only": False}, "/balance-allowance": UNLIMITED,
    "/events/keyset": {"events": [{"markets": [MARKET]}]}, "/events/slug/btc-3pm": {"markets": [MARKET]},
}


def book(token_id: str) -> dict[str, Any]:
    return {"event_type": "book", "asset_id": token_id, "bids": [{"price": "0.48", "size": "10"}], "asks": [], "timestamp": "1795000000000",
            "tick_size": "0.01", "hash": ""}


class Bench:
    """A venue that answers as it should, but for what a test changes in `says`, and streams that it scripts."""

    def __init__(self, *overrides: str) -> None:
        self.says = {**HEALTHY}
        self.asked: list[httpx.Request] = []
        self.clock = ManualClock(wall_start_ms=NOW_S * 1000)
        self.network = FakeNetwork(self.clock)
        self.books, self.user, self.reference = (self.network.accept() for _ in range(3))
        self.books.push(json.dumps([book(UP), book(DOWN)]))
        self.user.push("PONG")
        self.reference.push('{"s": "BTCUSDT", "b": "60000.01", "a": "60000.02"}')
        basics = ("mode=live", "polymarket.private_key=0x" + "ab" * 32, "polymarket.clob_url=https://clob.polymarket.com")
        self.settings = load_config("/dev/null", env={}, overrides=[*basics, *overrides])

    def checks(self) -> dict[str, Check]:
        def client() -> httpx.Client:
            return httpx.Client(transport=httpx.MockTransport(self._answer))

        run = Preflight(self.settings, self.clock, new_client=client, connect=self.network.connect, wait=self.network.wait)
        return {check.what: check for check in run.checks()}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        said = book(request.url.params["token_id"]) if path == "/book" and path not in self.says else self.says.get(path)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, httpx.Response) else httpx.Response(404 if said is None else 200, json=said)


def test_a_venue_that_is_as_it_should_be_passes_every_check() -> None:
    found = Bench().checks()
    assert [check.verdict for check in found.values()] == [OK] * 13 and failure_of(list(found.values())) is None


def test_nothing_is_placed_cancelled_or_approved() -> None:
    bench = Bench()
    bench.checks()
    assert {request.method for request in bench.asked} == {"GET"}


def test_the_market_is_the_one_that_is_to_be_traded() -> None:
    bench = Bench("market.slug=btc-3pm")
    assert bench.checks()["market"].verdict == OK and any(request.url.path == "/events/slug/btc-3pm" for request in bench.asked)


def test_the_market_may_be_named_by_its_condition_id() -> None:
    bench = Bench(f"market.condition_id={MARKET['conditionId']}")
    bench.says["/markets"] = [MARKET]
    assert bench.checks()["market"].verdict == OK
    assert Bench(f"market.condition_id={MARKET['conditionId']}").checks()["market"].verdict == FAILED


@pytest.mark.parametrize(("path", "said", "what", "found"), [
    ("/time", httpx.ConnectError("refused"), "clock", "https://clob.polymarket.com/time is not reachable (refused)."),
    ("/time", httpx.Response(503), "clock", "answered HTTP 503."),
    ("/time", httpx.Response(200, text="<html>"), "clock", "did not answer with the time, but with '<html>'."),
    ("/time", NOW_S + 60, "clock", "this machine's clock is -60 s off the venue's."),
    ("/version", {"version": 3}, "version", "has version 3; this trader signs for 2."),
    ("/version", {"v": 2}, "version", "answered without a version"),
    ("/api/geoblock", {"blocked": True, "country": "US"}, "country", "may not be used from US."),
    ("/auth/derive-api-key", httpx.Response(401, text="bad"), "credentials", "refused the wallet"),
    ("/auth/ban-status/closed-only", {"closed_only": True}, "closed-only", "this account may only close positions."),
    ("/auth/ban-status/closed-only", httpx.Response(401), "closed-only", "refused us (HTTP 401)."),
    ("/events/keyset", {"events": []}, "market", "series 10114 has no market that takes orders now."),
    ("/events/keyset", httpx.Response(502), "market", "Gamma answered /events/keyset with HTTP 502."),
    ("/book", httpx.Response(404), "market ids", "/book answered HTTP 404."),
    ("/balance-allowance", {"balance": "0", "allowances": UNLIMITED["allowances"]}, "collateral", "0.00 $, but a quote"),
    ("/balance-allowance", {"balance": "500000000", "allowances": {}}, "collateral", "may not take the wallet's pUSD"),
    ("/balance-allowance", {"balance": "500000000", "allowances": {}}, "tokens", "nothing could be sold"),
    ("/balance-allowance", ["balance"], "tokens", "cannot be read"),
])
def test_what_is_wrong_is_found_with_a_remedy(path: str, said: Any, what: str, found: str) -> None:
    bench = Bench()
    bench.says[path] = said
    check = bench.checks()[what]
    assert check.verdict == FAILED and found in check.found and check.remedy


def test_a_v2_market_must_have_position_ids_and_its_own_exchange_contract() -> None:
    position = (1 << 248) + (7 << 120)
    ids = {"version": "v2", "clobTokenIds": None, "positionIds": [str(position), str(position + 1)]}
    bench = Bench()
    bench.says["/events/keyset"] = {"events": [{"markets": [MARKET | ids]}]}
    found = bench.checks()
    assert (found["market ids"].verdict, found["collateral"].verdict) == (OK, FAILED)
    assert exchange_of(137, "v2", False) in found["collateral"].found
    bench = Bench()
    bench.says["/events/keyset"] = {"events": [{"markets": [MARKET | ids | {"positionIds": [str(1 << 50), "1"]}]}]}
    assert "is not a position id of outcome 0" in bench.checks()["market ids"].found


def test_a_funder_that_is_the_key_itself_does_not_go_with_a_proxy_type() -> None:
    address = Bench().checks()["wallet"].found.split()[0]
    check = Bench("polymarket.signature_type=2", f"polymarket.funder={address}").checks()["wallet"]
    assert check.verdict == FAILED and "polymarket.funder is the key's own address" in check.found


def test_another_address_than_the_venues_own_is_not_asked_about_countries() -> None:
    assert Bench("polymarket.clob_url=http://127.0.0.1:8080").checks()["country"].verdict == SKIPPED


def test_what_needs_something_that_failed_is_skipped_and_names_it() -> None:
    bench = Bench()
    bench.says |= {"/auth/derive-api-key": httpx.Response(401), "/events/keyset": {"events": []}}
    found = bench.checks()
    assert {what for what, check in found.items() if check.verdict == SKIPPED} == {
        "wallet", "closed-only", "market ids", "collateral", "tokens", "market stream", "user stream"}
    assert found["tokens"].found == "needs credentials" and found["market stream"].found == "needs market"


def stream(of: Callable[[Bench], FakeSocket], *texts: str) -> Bench:
    """This socket says only these texts."""
    bench = Bench()
    socket = of(bench)
    socket.read()
    socket.push(*texts)
    return bench


@pytest.mark.parametrize(("what", "bench"), [
    ("market stream", stream(lambda bench: bench.books, json.dumps(book(UP)))),
    ("user stream", stream(lambda bench: bench.user)),
    ("reference", stream(lambda bench: bench.reference, '{"e": "aggTrade", "s": "BTCUSDT", "p": "1.0", "T": 1}')),
])
def test_a_stream_that_stays_silent_fails_after_ten_seconds(what: str, bench: Bench) -> None:
    check = bench.checks()[what]
    assert check.verdict == FAILED and "nothing came within 10 s, while waiting for" in check.found


def test_a_stream_that_hangs_up_on_us_fails_at_once_and_its_line_is_closed() -> None:
    bench = Bench()
    bench.user.read()
    bench.user.push_close()
    check = bench.checks()["user stream"]
    assert check.verdict == FAILED and "closed by the other side, while waiting for an answer: the venue hangs up" in check.found
    assert bench.user.closed


def test_no_secret_is_in_any_line() -> None:
    bench = Bench()
    bench.user.read()
    assert not any(secret in str(check) for check in bench.checks().values() for secret in ("ab" * 32, "c2VjcmV0"))


def test_a_snapshot_source_is_asked_instead_of_the_stream() -> None:
    said = {"symbol": "BTCUSDT", "ts_ms": NOW_S * 1000, "bid": 1.0, "ask": 2.0, "mid_px": 1.5, "age_ms": 7, "stale": False}
    bench = Bench("binance.snapshot_url=http://127.0.0.1:9/snapshot")
    bench.says["/snapshot"] = said
    assert bench.checks()["reference"].found.endswith("that is 7 ms old")
    bench.says["/snapshot"] = said | {"stale": True}
    assert "calls itself stale" in bench.checks()["reference"].found


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda part: st.lists(part, max_size=3)
                    | st.dictionaries(st.sampled_from(["version", "balance", "allowances", "events", "markets", "bids", "blocked"]), part))


@given(st.dictionaries(st.sampled_from([*HEALTHY, "/book"]), JSON, max_size=4))
@effort(max_examples=150, deadline=None)
def test_whatever_the_venue_answers_every_check_comes_to_a_verdict(answers: dict[str, Any]) -> None:
    bench = Bench()
    bench.says |= answers
    assert len(bench.checks()) == 13


def test_a_line_reads_what_verdict_finding_remedy() -> None:
    assert str(Check("clock", FAILED, "is away.", "Wait.")) == "clock           FAIL  is away. Wait."


def test_refused_credentials_have_an_exit_code_of_their_own() -> None:
    failed = Check("credentials", FAILED, "no", "x", refused=True)
    assert isinstance(failure_of([failed]), AuthError) and isinstance(failure_of([failed._replace(refused=False)]), VenueUnreachable)
