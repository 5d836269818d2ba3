"""The chain of ids, against a venue that keeps one and loses answers."""

from __future__ import annotations

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.model.setting import Secret
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.account import Account, ApiCredentials
from trader.venues.polymarket.heartbeats import PolymarketHeartbeats
from trader.venues.polymarket.rest import PolymarketRest

ADDRESS = "0x" + "a" * 40
ACCOUNT = Account(ADDRESS, ADDRESS, 0, 137, Secret("0x" + "11" * 32), ApiCredentials("me", Secret("s"), Secret("pass"), b"secret"))


class Chain(httpx.MockTransport):
    """The venue's side. `lose` drops the answer to a beat that was accepted; `error_key` is what it calls its error."""

    def __init__(self, error_key="error_msg"):
        super().__init__(self.answer)
        self.expected, self.count, self.asked, self.lose, self.failure, self.error_key = None, 0, [], False, None, error_key

    def warm(self, timeout_s):
        pass

    def answer(self, request):
        shown = orjson.loads(request.content)["heartbeat_id"]
        self.asked.append((request.method, request.url.path, shown))
        if self.failure is not None:
            return self.failure
        if self.expected not in (None, shown):
            return httpx.Response(400, json={self.error_key: "Invalid Heartbeat ID", "heartbeat_id": self.expected})
        self.count += 1
        self.expected = f"id-{self.count}"
        if self.lose:
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json={"heartbeat_id": self.expected})


def beating(chain):
    return PolymarketHeartbeats(PolymarketRest(ACCOUNT, "http://venue.test", chain, 1000, ManualClock()), 2000)


def test_each_beat_shows_the_id_that_the_one_before_was_given():
    chain = Chain()
    beats = beating(chain)
    assert [beats.beat() for _ in range(3)] == ["", "", ""]
    assert chain.asked == [("POST", "/v1/heartbeats", shown) for shown in ("", "id-1", "id-2")]


@pytest.mark.parametrize("error_key", ["error_msg", "error"])
def test_after_a_lost_answer_the_id_that_the_venue_waits_for_is_sent_at_once(error_key):
    chain = Chain(error_key)
    beats = beating(chain)
    chain.lose = True
    assert beats.beat() == "ReadTimeout: lost"
    chain.lose = False
    assert beats.beat() == "" and [shown for *_, shown in chain.asked] == ["", "", "id-1"]


def test_a_desk_that_starts_again_within_ten_seconds_joins_the_chain_of_the_one_before():
    chain = Chain()
    beating(chain).beat()
    assert beating(chain).beat() == ""


@given(st.lists(st.booleans(), max_size=12))
def test_whatever_answers_are_lost_the_next_beat_that_is_answered_is_accepted(losses):
    chain = Chain()
    beats = beating(chain)
    for chain.lose in losses:
        beats.beat()
    chain.lose = False
    assert beats.beat() == "" and beats.beat() == ""


@pytest.mark.parametrize(("failure", "said"), [
    (httpx.Response(401, json={"error": "Invalid API key"}), "HTTP 401: Invalid API key"),
    (httpx.Response(500, text="oops"), "HTTP 500: oops"),
    (httpx.Response(400, json={"error": "Invalid order payload"}), "HTTP 400: Invalid order payload"),
    (httpx.Response(400, json={"heartbeat_id": "x", "error": "Invalid Heartbeat ID"}), "HTTP 400: Invalid Heartbeat ID"),
    (httpx.Response(400, json=["?"]), 'HTTP 400: ["?"]'),
])
def test_a_refusal_is_told_in_the_venues_words_and_asked_twice_at_most(failure, said):
    chain = Chain()
    chain.failure = failure
    assert beating(chain).beat() == said and len(chain.asked) <= 2


@pytest.mark.parametrize("body", [b"", b"[]", b'{"heartbeat_id":7}', b'{"status":"ok"}'])
def test_an_acceptance_without_an_id_is_one_and_the_chain_mends_itself(body):
    chain = Chain()
    beats = beating(chain)
    chain.failure = httpx.Response(200, content=body)
    assert beats.beat() == ""
    chain.failure, chain.expected = None, "id-9"
    assert beats.beat() == ""


def test_a_beat_takes_no_longer_than_its_two_requests():
    assert beating(Chain()).deadline_ms == 4000
