"""Each check says what it found, and what to do when the venue is not there."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from trader.markets.settings import MarketSettings
from trader.ops.preflight import Check, preflight
from trader.settings import Settings
from trader.testing.manual_clock import ManualClock

NOW_S = 1_795_000_000


def checks(answer: Callable[[httpx.Request], httpx.Response], settings: Settings | None = None) -> list[Check]:
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return preflight(settings or Settings(), client, ManualClock(wall_start_ms=NOW_S * 1000))


def healthy(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text=str(NOW_S - 1) if request.url.path == "/time" else '{"events": []}')


def test_a_venue_that_answers_passes() -> None:
    assert [check.ok for check in checks(healthy)] == [True, True]


def test_the_listing_is_asked_for_the_market_that_is_to_be_traded() -> None:
    asked: list[str] = []
    checks(lambda request: asked.append(str(request.url)) or healthy(request), Settings(market=MarketSettings(slug="a-b")))
    assert asked[1] == "https://gamma-api.polymarket.com/events/slug/a-b"


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


@pytest.mark.parametrize(("answer", "found"), [
    (unreachable, "https://clob.polymarket.com/time is not reachable (Connection refused)."),
    (lambda request: httpx.Response(503), "https://clob.polymarket.com/time answered HTTP 503."),
    (lambda request: httpx.Response(200, text="<html>"), "https://clob.polymarket.com/time did not answer with the time."),
    (lambda request: httpx.Response(200, text=str(NOW_S + 60)), "this machine's clock is -60 s off the venue's."),
])
def test_a_venue_that_is_not_there_fails_with_reason_and_remedy(answer: Callable[[httpx.Request], httpx.Response], found: str) -> None:
    first = checks(answer)[0]
    assert (first.ok, first.found) == (False, found) and first.remedy


def test_a_line_reads_what_verdict_finding_remedy() -> None:
    assert str(Check("order book", False, "is away.", "Wait.")) == "order book     FAIL  is away. Wait."
