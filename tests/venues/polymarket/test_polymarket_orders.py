from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from trader.gateway.settings import GatewaySettings
from trader.model.event import Outcome, VenueStatus
from trader.model.setting import Secret
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import RateNote, SignedOrder
from trader.venues.polymarket.account import Account, ApiCredentials
from trader.venues.polymarket.orders import PolymarketOrders
from trader.venues.polymarket.rest import PolymarketRest
from trader.venues.polymarket.signing import OrderSigner, OwnSigning

KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
ACCOUNT = Account(ADDRESS, ADDRESS, 0, 137, Secret(KEY), ApiCredentials("me", Secret("c2VjcmV0"), Secret("pass"), b"secret"))
A, B = "0xaa", "0xbb"
ROW = {"id": A, "status": "LIVE", "market": "0xc", "asset_id": "7", "side": "BUY", "original_size": "100.0000",
       "size_matched": "25.0000", "price": "0.5000", "created_at": 1703875200}
TRADE = {"id": "t", "market": "0xc", "asset_id": "7", "side": "BUY", "size": "3", "price": "0.5", "status": "TRADE_STATUS_MINED",
         "match_time": "1703875200", "owner": "other", "trade_owner": "other", "trader_side": "MAKER",
         "maker_orders": [{"order_id": A, "owner": "me", "matched_amount": "3", "price": "0.5", "asset_id": "7"}]}
Scripted = httpx.Response | Exception


class ScriptedTransport(httpx.MockTransport):
    def warm(self, timeout_s: float) -> None:
        pass


class Venue:
    """Answers in order, the last answer for ever. Pauses move the clock; so does every request, by `takes_ms`."""

    def __init__(self, *answers: Scripted, takes_ms: int = 10) -> None:
        self.clock = ManualClock()
        self.answers, self.takes_ms = list(answers), takes_ms
        self.asked: list[httpx.Request] = []
        self.notes: list[RateNote] = []
        rest = PolymarketRest(ACCOUNT, "https://clob.test/", ScriptedTransport(self._answer), 1000, self.clock, self)
        self.orders = PolymarketOrders(ACCOUNT, rest, OrderSigner(ACCOUNT, OwnSigning(ACCOUNT)), GatewaySettings(), self.clock,
                                       pause=lambda s: self.clock.advance(ms=round(s * 1000)))

    def heard(self, note: RateNote) -> None:
        self.notes.append(note)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.clock.advance(ms=self.takes_ms)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(r.method, r.url.path) for r in self.asked]


def ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def accepted(*order_ids: str) -> list[dict[str, Any]]:
    return [{"success": True, "errorMsg": "", "orderID": i, "status": "live"} for i in order_ids]


def page(rows: list[Any], cursor: str = "LTE=") -> httpx.Response:
    return ok({"data": rows, "next_cursor": cursor})


def test_one_order_goes_to_order_and_several_to_orders() -> None:
    venue = Venue(ok(accepted(A)[0]), ok(accepted(A, B)))
    one, two = SignedOrder(A, b'{"order":1}'), SignedOrder(B, b'{"order":2}')
    assert [a.outcome for a in (*venue.orders.place([one]), *venue.orders.place([one, two]))] == [Outcome.OK] * 3
    assert venue.calls == [("POST", "/order"), ("POST", "/orders")]
    assert venue.asked[1].content == b'[{"order":1},{"order":2}]'


def test_a_request_carries_the_hmac_of_exactly_its_body() -> None:
    venue = Venue(ok(accepted(A)[0]))
    venue.orders.place([SignedOrder(A, b"{}")])
    expected = ACCOUNT.headers(venue.clock.wall_ms(), "POST", "/order", b"{}")
    assert venue.asked[0].headers["POLY_SIGNATURE"] == expected["POLY_SIGNATURE"]


@pytest.mark.parametrize(("failure", "outcome"), [
    (httpx.ConnectError("refused"), Outcome.VENUE_MODE), (httpx.ConnectTimeout("slow"), Outcome.VENUE_MODE),
    (httpx.ReadTimeout("slow"), Outcome.UNKNOWN), (httpx.RemoteProtocolError("gone"), Outcome.UNKNOWN),
    (httpx.WriteError("reset"), Outcome.UNKNOWN), (httpx.Response(500, text="oops"), Outcome.UNKNOWN),
    (httpx.Response(200, text="<html>"), Outcome.UNKNOWN),
])
def test_a_place_is_sent_once_and_what_may_have_happened_is_unknown(failure: Scripted, outcome: Outcome) -> None:
    venue = Venue(failure)
    [answer] = venue.orders.place([SignedOrder(A, b"{}")])
    assert answer.outcome is outcome and len(venue.asked) == 1


def test_one_cancel_goes_to_order_and_several_to_orders() -> None:
    venue = Venue(ok({"canceled": [A, B], "not_canceled": {}}))
    venue.orders.cancel([A])
    assert [a.outcome for a in venue.orders.cancel([A, B])] == [Outcome.OK, Outcome.OK]
    assert venue.calls == [("DELETE", "/order"), ("DELETE", "/orders")]
    assert [orjson.loads(r.content) for r in venue.asked] == [{"orderID": A}, [A, B]]


def test_a_cancel_is_repeated_after_a_lost_connection() -> None:
    venue = Venue(httpx.ReadError("reset"), httpx.ConnectError("refused"), ok({"canceled": [A], "not_canceled": {}}))
    assert venue.orders.cancel([A])[0].outcome is Outcome.OK and len(venue.asked) == 3


def test_a_cancel_waits_as_long_as_a_429_says() -> None:
    venue = Venue(httpx.Response(429, headers={"Retry-After": "1"}), ok({"canceled": [A], "not_canceled": {}}))
    assert venue.orders.cancel([A])[0].outcome is Outcome.OK
    assert venue.clock.monotonic_ns() == 1_020_000_000


def test_a_cancel_gives_up_at_its_deadline() -> None:
    venue = Venue(httpx.ReadTimeout("slow"), takes_ms=300)
    assert venue.orders.cancel([A])[0].outcome is Outcome.UNKNOWN
    assert venue.clock.monotonic_ns() <= (GatewaySettings().cancel_ms + 300) * 1_000_000


def test_a_refused_cancel_is_not_repeated() -> None:
    venue = Venue(httpx.Response(401, json={"error": "Invalid API key"}))
    assert venue.orders.cancel([A])[0].outcome is Outcome.AUTH and len(venue.asked) == 1


def test_a_thousand_ids_and_one_are_two_requests() -> None:
    venue = Venue(ok({"canceled": [], "not_canceled": {}}))
    assert len(venue.orders.cancel([f"0x{i}" for i in range(1001)])) == 1001 and len(venue.asked) == 2


def test_cancelling_a_market_tells_what_it_cancelled() -> None:
    venue = Venue(ok({"canceled": [A, B], "not_canceled": {}}))
    assert venue.orders.cancel_market("0xc") == (Outcome.OK, (A, B), 0)
    assert venue.calls == [("DELETE", "/cancel-market-orders")] and orjson.loads(venue.asked[0].content) == {"market": "0xc"}


@pytest.mark.parametrize(("answer", "outcome"), [
    (httpx.ConnectError("refused"), Outcome.UNKNOWN), (ok([]), Outcome.UNKNOWN), (ok({}), Outcome.UNKNOWN), (httpx.Response(503, json={
        "error": "Trading is currently disabled. Check polymarket.com for updates"}), Outcome.VENUE_MODE),
])
def test_a_market_that_could_not_be_cancelled_is_not_called_cancelled(answer: Scripted, outcome: Outcome) -> None:
    assert Venue(answer).orders.cancel_market("0xc")[0] is outcome


def test_an_order_is_read_by_id() -> None:
    outcome, update = Venue(ok(ROW)).orders.read_order(A)
    assert outcome is Outcome.OK and update is not None
    assert (update.matched_micro, update.status, update.venue_ms) == (25_000_000, VenueStatus.LIVE, 1_703_875_200_000)


@pytest.mark.parametrize(("answer", "outcome"), [
    (httpx.Response(404, json={"error": "Order not found"}), Outcome.NOT_FOUND), (ok(None), Outcome.NOT_FOUND),
    (ok({"id": A}), Outcome.UNKNOWN), (httpx.ReadTimeout("slow"), Outcome.UNKNOWN), (httpx.ConnectError("no"), Outcome.UNKNOWN),
])
def test_an_order_that_was_not_read_has_no_state(answer: Scripted, outcome: Outcome) -> None:
    assert Venue(answer).orders.read_order(A) == (outcome, None)


def test_a_listing_is_read_to_its_last_page() -> None:
    venue = Venue(page([ROW], "Mg=="), page([ROW | {"id": B}]))
    outcome, orders = venue.orders.read_open_orders("0xc")
    assert (outcome, [o.order_id for o in orders]) == (Outcome.OK, [A, B])
    assert [r.url.params["next_cursor"] for r in venue.asked] == ["MA==", "Mg=="]


@pytest.mark.parametrize("second", [httpx.ReadTimeout("slow"), page([{"id": B}]), ok({}), ok([]), httpx.Response(500)])
def test_half_a_listing_is_none(second: Scripted) -> None:
    assert Venue(page([ROW], "Mg=="), second).orders.read_open_orders("0xc") == (Outcome.UNKNOWN, ())


def test_a_listing_without_an_end_is_given_up() -> None:
    venue = Venue(page([], "Mg=="))
    assert venue.orders.read_open_orders("0xc")[0] is Outcome.UNKNOWN and len(venue.asked) == 100


def test_only_our_own_legs_of_the_trades_are_read() -> None:
    foreign = TRADE | {"id": "u", "maker_orders": []}
    venue = Venue(page([TRADE, foreign]))
    outcome, fills = venue.orders.read_fills("0xc", 1_703_875_000)
    assert outcome is Outcome.OK and [(f.trade_id, f.order_id, f.size_micro) for f in fills] == [("t", A, 3_000_000)]
    assert venue.asked[0].url.params["after"] == "1703875000"


def test_the_query_is_not_part_of_what_is_signed() -> None:
    venue = Venue(page([]))
    venue.orders.read_open_orders("0xc")
    expected = ACCOUNT.headers(ManualClock().wall_ms(), "GET", "/data/orders")
    assert venue.asked[0].headers["POLY_SIGNATURE"] == expected["POLY_SIGNATURE"]


def test_balances_are_in_base_units_and_named_by_the_protocol_of_the_market() -> None:
    venue = Venue(ok({"balance": "1000000000"}), ok({"balance": "5"}), ok({"balance": "0"}))
    assert venue.orders.read_balances(["7", "8"], "v2") == (Outcome.OK, 1_000_000_000, (("7", 5), ("8", 0)))
    assert [r.url.params["asset_type"] for r in venue.asked] == ["COLLATERAL", "CONDITIONAL-V2", "CONDITIONAL-V2"]


def test_a_balance_that_was_not_read_is_not_zero() -> None:
    assert Venue(ok({"balance": "1"}), httpx.Response(500)).orders.read_balances(["7"], "v1") == (Outcome.UNKNOWN, 0, ())


def test_each_request_has_the_deadline_of_its_kind_and_never_connects_longer_than_it() -> None:
    venue = Venue(httpx.Response(500))
    calls: list[Callable[[], object]] = [lambda: venue.orders.place([SignedOrder(A, b"{}")]), lambda: venue.orders.read_order(A)]
    for call in calls:
        call()
    assert [(t["connect"], t["read"]) for t in (r.extensions["timeout"] for r in venue.asked)] == [(1.0, 2.5), (1.0, 3.0)]


@pytest.mark.parametrize(("headers", "note"), [
    ({"Poly-RateLimit-Remaining": "17"}, RateNote(False, 17, 0)),
    ({"Retry-After": "9"}, RateNote(False, None, 0)),
    ({}, RateNote(False, None, 0)),
])
def test_what_an_answer_says_about_the_rate_is_passed_on(headers: dict[str, str], note: RateNote) -> None:
    venue = Venue(httpx.Response(200, json=accepted(A)[0], headers=headers))
    venue.orders.place([SignedOrder(A, b"{}")])
    assert venue.notes == [note]


def test_a_refused_cancel_counts_against_the_cancels() -> None:
    venue = Venue(httpx.Response(429, headers={"Poly-RateLimit-Remaining": "-2", "Retry-After": "3"}))
    venue.orders.cancel([A])
    assert venue.notes[0] == RateNote(True, -2, 3000)


def test_reads_are_not_counted_with_orders() -> None:
    venue = Venue(httpx.Response(429, headers={"Retry-After": "30"}))
    assert venue.orders.read_order(A) == (Outcome.RATE_LIMITED, None) and venue.notes == []


def test_what_was_not_answered_says_nothing_about_the_rate() -> None:
    venue = Venue(httpx.ReadTimeout("slow"))
    venue.orders.place([SignedOrder(A, b"{}")])
    assert venue.notes == []
