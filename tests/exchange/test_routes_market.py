"""The terms of markets, one by one and in lists."""

from __future__ import annotations

from trader.exchange.orders import Outcome
from trader.exchange.request import Request
from trader.exchange.routes_market import MarketRoutes


def test_a_market_has_its_tokens_with_prices_and_whether_it_takes_orders(ann, spec):
    status, market = ann.call("GET", f"/markets/{spec.condition_id}")
    tokens = [(token["token_id"], token["outcome"], token["price"], token["winner"]) for token in market["tokens"]]
    assert (status, tokens) == (200, [("111", "Up", 0.5, False), ("222", "Down", 0.5, False)])
    assert (market["accepting_orders"], market["closed"]) == (True, False)
    assert (market["minimum_tick_size"], market["minimum_order_size"]) == (0.01, 5)
    assert ann.call("GET", "/markets/0x1") == (404, {"error": "market not found"})


def test_a_resolved_market_is_closed_and_names_its_winner(ann, venue, spec):
    venue.close_market(spec.condition_id)
    venue.resolve_market(spec.condition_id, Outcome.NO)
    market = ann.call("GET", "/simplified-markets")[1]["data"][0]
    assert (market["closed"], market["accepting_orders"], [token["winner"] for token in market["tokens"]]) == (True, False, [False, True])


def test_the_lists_of_markets_come_in_pages(ann, spec):
    for path in ("/markets", "/sampling-markets", "/simplified-markets", "/sampling-simplified-markets"):
        listed = ann.call("GET", path, next_cursor="MA==")[1]
        assert ([row["condition_id"] for row in listed["data"]], listed["next_cursor"]) == ([spec.condition_id], "LTE=")


def test_a_market_says_whether_takers_are_delayed(ann, venue, spec):
    assert "itode" not in ann.call("GET", f"/clob-markets/{spec.condition_id}")[1]
    asked = Request("GET", "/clob-markets/", spec.condition_id, {}, {}, b"")
    assert MarketRoutes(venue, taker_delay_ms=250).clob_market(asked)["itode"] is True


def test_builders_take_no_fee_here(ann):
    fees = {"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0}
    assert ann.call("GET", "/fees/builder-fees/0xab") == (200, fees)
