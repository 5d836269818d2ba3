"""What a token's prices are, for one and for many."""

from __future__ import annotations

import pytest


@pytest.fixture
def quoted(ann, bob):
    """YES is 0.40 bid and 0.60 offered, the offer being a bid for NO."""
    ann.post(price=0.4, size=100)
    bob.post(token="222", price=0.4, size=100)
    return ann


@pytest.mark.parametrize(("path", "expected"), [("/midpoint", {"mid": "0.5"}), ("/spread", {"spread": "0.2"})])
def test_both_tokens_of_a_mirrored_book_have_the_same_middle_and_spread(quoted, path, expected):
    assert [quoted.call("GET", path, token_id=token) for token in ("111", "222")] == [(200, expected)] * 2


def test_the_price_of_buy_is_the_best_bid_and_that_of_sell_the_best_ask(quoted):
    assert quoted.call("GET", "/price", token_id="111", side="BUY") == (200, {"price": "0.4"})
    assert quoted.call("GET", "/price", token_id="111", side="sell") == (200, {"price": "0.6"})
    assert quoted.call("GET", "/price", token_id="111") == (400, {"error": "Invalid side"})


def test_a_side_that_nobody_quotes_counts_as_the_end_of_the_range(ann):
    ann.post(price=0.4, size=100)
    assert ann.call("GET", "/price", token_id="111", side="SELL")[1] == {"price": "1"}
    assert ann.call("GET", "/midpoint", token_id="111")[1] == {"mid": "0.7"}


def test_many_prices_come_as_a_map_of_tokens_and_sides(quoted):
    asked = [{"token_id": "111", "side": "BUY"}, {"token_id": "111", "side": "SELL"}, {"token_id": "222", "side": "BUY"}]
    assert quoted.call("POST", "/prices", asked)[1] == {"111": {"BUY": "0.4", "SELL": "0.6"}, "222": {"BUY": "0.4"}}
    tokens = [{"token_id": "111"}, {"token_id": "222"}]
    assert quoted.call("POST", "/midpoints", tokens)[1] == {"111": "0.5", "222": "0.5"}
    assert quoted.call("POST", "/spreads", tokens)[1] == {"111": "0.2", "222": "0.2"}


def test_many_books_are_the_single_ones_in_the_order_of_the_question(quoted):
    books = quoted.call("POST", "/books", [{"token_id": "222"}, {"token_id": "111"}])[1]
    assert books == [quoted.call("GET", "/book", token_id=token)[1] for token in ("222", "111")]


def test_the_last_trade_has_the_side_of_its_taker_seen_from_each_token(quoted, bob):
    assert quoted.call("GET", "/last-trade-price", token_id="111")[1] == {"price": "0.5", "side": ""}
    quoted.market_buy(6, 0.6)
    assert quoted.call("GET", "/last-trade-price", token_id="111")[1] == {"price": "0.600", "side": "BUY"}
    assert bob.call("GET", "/last-trade-price", token_id="222")[1] == {"price": "0.400", "side": "SELL"}
    assert bob.call("POST", "/last-trades-prices", [{"token_id": "222"}])[1] == [{"token_id": "222", "price": "0.400", "side": "SELL"}]


def test_tokens_that_never_traded_are_not_among_the_last_trades(quoted):
    assert quoted.call("POST", "/last-trades-prices", [{"token_id": "111"}]) == (200, [])


@pytest.mark.parametrize("body", [{}, ["111"], [{"token_id": "111"}] * 501])
def test_what_is_no_list_of_at_most_500_tokens_is_refused(ann, body):
    assert ann.call("POST", "/books", body)[0] == 400


@pytest.mark.parametrize(("token_id", "status", "text"), [
    ("333", 404, "No orderbook exists for the requested token id"), ("x", 400, "Invalid token id"), ("", 400, "Invalid token id")])
def test_an_unknown_token_is_refused_in_each_form_of_the_question(ann, token_id, status, text):
    assert ann.call("GET", "/midpoint", token_id=token_id) == (status, {"error": text})
    assert ann.call("POST", "/midpoints", [{"token_id": token_id}]) == (status, {"error": text})


