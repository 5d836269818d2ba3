"""Token buckets: what a request costs, what its answer says, and when it is refused."""

from __future__ import annotations

import pytest

from trader.exchange.rate_limits import TIERS, Mode, RateLimits
from trader.exchange.refusal import Refusal

STANDARD = TIERS["standard"]


@pytest.fixture
def limits(clock):
    return RateLimits(clock, Mode.ENFORCE, STANDARD)


def test_a_full_bucket_holds_the_burst_and_refills_at_the_rate(limits, clock):
    assert limits.take("ann", STANDARD.orders, 60)["Poly-RateLimit-Remaining"] == "0"
    clock.advance(ms=500)
    assert limits.take("ann", STANDARD.orders, 1)["Poly-RateLimit-Remaining"] == "19"
    clock.advance(ms=3_600_000)
    assert limits.take("ann", STANDARD.orders, 1)["Poly-RateLimit-Remaining"] == "59"


def test_what_is_too_much_is_refused_as_a_whole_and_says_when_to_come_back(limits):
    limits.take("ann", STANDARD.orders, 50)
    with pytest.raises(Refusal) as refused:
        limits.take("ann", STANDARD.orders, 15)
    said = refused.value.headers
    assert refused.value.status == 429
    assert [said[name] for name in ("Retry-After", "Poly-RateLimit-Remaining", "Poly-RateLimit-Tier")] == ["1", "10", "Standard"]
    assert limits.take("ann", STANDARD.orders, 10)["Poly-RateLimit-Remaining"] == "0"


def test_each_signer_and_each_kind_of_request_has_a_bucket_of_its_own(limits):
    limits.take("ann", STANDARD.orders, 60)
    assert limits.take("bob", STANDARD.orders, 1)["Poly-RateLimit-Remaining"] == "59"
    assert limits.take("ann", STANDARD.cancels, 1)["Poly-RateLimit-Remaining"] == "119"


def test_what_was_done_already_is_charged_into_the_negative(limits, clock):
    headers = limits.take("ann", STANDARD.cancels, 200, known=False)
    assert headers["Poly-RateLimit-Remaining"] == "-80"
    assert int(headers["Poly-RateLimit-Reset"]) == clock.wall_ms() // 1000 + 1
    with pytest.raises(Refusal):
        limits.take("ann", STANDARD.cancels, 1)


def test_warning_refuses_nothing_and_says_what_would_be(clock):
    limits = RateLimits(clock, Mode.WARN, STANDARD)
    assert "Poly-RateLimit-Warning" not in limits.take("ann", STANDARD.orders, 60)
    assert limits.take("ann", STANDARD.orders, 1)["Poly-RateLimit-Warning"] == "true"


def test_without_limits_there_are_no_headers(clock):
    assert RateLimits(clock, Mode.OFF, STANDARD).take("ann", STANDARD.orders, 1_000) == {}


def test_a_batch_costs_one_token_an_order_and_cancel_all_one_more_than_it_cancels(ann):
    ann.call("POST", "/orders", [ann.order(price=0.1), ann.order(price=0.2)])
    assert ann.headers["Poly-RateLimit-Remaining"] == "58"
    ann.call("DELETE", "/cancel-all")
    assert ann.headers["Poly-RateLimit-Remaining"] == "117"


def test_a_signer_can_ask_for_its_tier(ann):
    assert ann.call("GET", "/v1/user/rate-limit-tier") == (200, {"tier": "Standard"})
