from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.model.event import Answer, Outcome
from trader.venues.contract import RateNote
from trader.venues.polymarket.answers import (
    LOST,
    NOT_SENT,
    Reply,
    cancel_answers,
    error_text,
    outcome_of,
    place_answers,
    rate_note,
    retry_after_ms,
)

A, B = "0xaa", "0xbb"


def reply(body: Any, status: int = 200, retry_ms: int = 1000) -> Reply:
    return Reply(status, body, error_text(body, ""), retry_ms)


def placed(order_id: str, **changes: Any) -> dict[str, Any]:
    return {"success": True, "errorMsg": "", "orderID": order_id, "status": "live"} | changes


@pytest.mark.parametrize(("status", "text", "outcome"), [
    (400, "invalid post-only order: order crosses book", Outcome.WOULD_CROSS),
    (400, "not enough balance / allowance", Outcome.INSUFFICIENT_BALANCE),
    (400, "order 0x12 is invalid. Duplicated.", Outcome.DUPLICATE),
    (400, "the market is not yet ready to process new orders", Outcome.MARKET_CLOSED),
    (400, "invalid signature", Outcome.AUTH),
    (400, "maker address not allowed, please use the deposit wallet flow", Outcome.AUTH),
    (400, "the order signer address has to be the address of the API KEY", Outcome.AUTH),
    (400, "order_version_mismatch", Outcome.INVALID),
    (400, "Price (100) breaks minimum tick size rule: 0.1", Outcome.INVALID),
    (400, "Size (1) lower than the minimum: 5", Outcome.INVALID),
    (400, "invalid expiration", Outcome.INVALID),
    (400, "Order not found or already canceled", Outcome.NOT_FOUND),
    (400, "already matched", Outcome.NOT_FOUND),
    (401, "Invalid API key", Outcome.AUTH),
    (403, "<html>blocked</html>", Outcome.AUTH),
    (404, "", Outcome.NOT_FOUND),
    (425, "", Outcome.VENUE_MODE),
    (429, "", Outcome.RATE_LIMITED),
    (500, "could not insert order", Outcome.UNKNOWN),
    (500, "not enough balance / allowance", Outcome.UNKNOWN),
    (502, "<html>", Outcome.UNKNOWN),
    (503, "post-only mode: only post-only orders and cancels are allowed", Outcome.VENUE_MODE),
    (503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.", Outcome.VENUE_MODE),
    (503, "Trading is currently disabled. Check polymarket.com for updates", Outcome.VENUE_MODE),
    (503, "upstream connect error", Outcome.UNKNOWN),
    (302, "", Outcome.UNKNOWN),
    (NOT_SENT, "", Outcome.VENUE_MODE),
    (LOST, "not enough balance", Outcome.UNKNOWN),
])
def test_every_refusal_that_is_known_has_one_meaning(status: int, text: str, outcome: Outcome) -> None:
    assert outcome_of(status, text) is outcome


@given(st.integers(500, 599), st.text())
def test_an_engine_that_fails_is_never_taken_for_a_refusal(status: int, text: str) -> None:
    assert outcome_of(status, text) in (Outcome.UNKNOWN, Outcome.VENUE_MODE)


def test_an_accepted_order_is_ok() -> None:
    assert place_answers([A], reply(placed(A))) == (Answer(A, Outcome.OK, "live"),)


def test_a_success_without_an_id_is_the_refusal_that_it_names() -> None:
    [answer] = place_answers([A], reply(placed("", errorMsg="not enough balance / allowance")))
    assert (answer.outcome, answer.retry_after_ms) == (Outcome.INSUFFICIENT_BALANCE, 0)


@pytest.mark.parametrize("row", [
    placed(""), placed(B), placed(A, success=False), placed(A, status="unmatched"), placed(A, status=""), None, [], "yes", {},
])
def test_what_is_neither_a_success_nor_a_refusal_is_unknown(row: Any) -> None:
    assert place_answers([A], reply([row]))[0].outcome is Outcome.UNKNOWN


def test_a_batch_is_answered_in_the_order_of_the_request() -> None:
    answers = place_answers([A, B], reply([placed(A), placed("", errorMsg="invalid post-only order: order crosses book")]))
    assert [(a.order_id, a.outcome) for a in answers] == [(A, Outcome.OK), (B, Outcome.WOULD_CROSS)]


def test_a_batch_with_too_few_answers_is_unknown_as_a_whole() -> None:
    assert {a.outcome for a in place_answers([A, B], reply([placed(A)]))} == {Outcome.UNKNOWN}


def test_a_refused_batch_is_refused_for_each_order() -> None:
    answers = place_answers([A, B], reply({"error": "slow down"}, 429, 7000))
    assert [(a.outcome, a.retry_after_ms) for a in answers] == [(Outcome.RATE_LIMITED, 7000)] * 2


def test_a_200_with_everything_in_not_canceled_cancels_nothing() -> None:
    body = {"canceled": [], "not_canceled": {A: "Order not found or already canceled", B: "the order is delayed"}}
    assert [a.outcome for a in cancel_answers([A, B], reply(body))] == [Outcome.NOT_FOUND, Outcome.INVALID]


def test_an_order_that_the_answer_does_not_name_is_unknown() -> None:
    answers = cancel_answers([A, B], reply({"canceled": [A], "not_canceled": {}}))
    assert [a.outcome for a in answers] == [Outcome.OK, Outcome.UNKNOWN]


@given(st.recursive(st.none() | st.integers() | st.text(), lambda i: st.lists(i) | st.dictionaries(
    st.sampled_from(["canceled", "not_canceled", "success", "orderID", "errorMsg"]), i)))
def test_an_answer_of_any_shape_gives_one_answer_an_order_and_no_success(body: Any) -> None:
    for answers in (place_answers([A, B], reply(body)), cancel_answers([A, B], reply(body))):
        assert [a.order_id for a in answers] == [A, B] and all(a.outcome is not Outcome.OK for a in answers)


@pytest.mark.parametrize(("headers", "body", "pause_ms"), [
    ({"Retry-After": "7"}, None, 7000), ({"Retry-After": "0.5"}, {"retry_after_seconds": 9}, 500),
    ({}, {"retry_after_seconds": 79}, 79_000),
    ({}, None, 1000), ({"Retry-After": "Sat, 21 Nov 2026 04:00:00 GMT"}, None, 1000), ({"Retry-After": "-3"}, None, 0),
    ({"Retry-After": "inf"}, None, 1000), ({"Retry-After": "nan"}, None, 1000), ({"Retry-After": "1e9"}, None, 300_000),
])
def test_the_pause_is_the_one_that_the_venue_asks_for(headers: dict[str, str], body: Any, pause_ms: int) -> None:
    assert retry_after_ms(headers, body) == pause_ms


WALL_MS = 1_795_000_000_000


@pytest.mark.parametrize(("status", "headers", "note"), [
    (200, {"Poly-RateLimit-Remaining": "59", "Poly-RateLimit-Reset": "1795000900"}, RateNote(False, 59, 0)),
    (200, {"Poly-RateLimit-Remaining": "58.9"}, RateNote(False, 58, 0)),
    (200, {"Poly-RateLimit-Remaining": "many"}, RateNote(False, None, 0)),
    (200, {"Poly-RateLimit-Remaining": "1e30"}, RateNote(False, None, 0)),
    (429, {"Poly-RateLimit-Remaining": "-2", "Poly-RateLimit-Reset": "1795000003"}, RateNote(False, -2, 3000)),
    (429, {"Poly-RateLimit-Reset": "1795000003", "Retry-After": "1"}, RateNote(False, None, 1000)),
    (429, {"Poly-RateLimit-Reset": "1794000000"}, RateNote(False, None, 0)),
    (429, {"Poly-RateLimit-Reset": "9999999999"}, RateNote(False, None, 300_000)),
    (429, {}, RateNote(False, None, 1000)),
])
def test_the_rate_is_read_from_the_headers_and_the_moment_of_reset_only_from_a_refusal(
        status: int, headers: dict[str, str], note: RateNote) -> None:
    answered = Reply(status, None, "", retry_after_ms(headers, None))
    assert rate_note(answered, headers, WALL_MS, is_cancel=False) == note


@given(st.dictionaries(st.sampled_from(["Poly-RateLimit-Remaining", "Poly-RateLimit-Reset", "Retry-After"]), st.text()))
def test_no_header_can_make_a_pause_longer_than_five_minutes(headers: dict[str, str]) -> None:
    note = rate_note(Reply(429, None, "", retry_after_ms(headers, None)), headers, WALL_MS, is_cancel=True)
    assert 0 <= note.wait_ms <= 300_000
