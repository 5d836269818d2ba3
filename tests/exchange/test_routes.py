"""The REST handlers over a venue with a manual clock: what a client posts, reads and cancels. No server, no threads."""

from __future__ import annotations

from py_clob_client_v2.headers.headers import create_level_1_headers

from trader.exchange.routes_account import PAGE_ROWS


def test_an_order_is_live_and_can_be_read_by_its_id(ann):
    status, posted = ann.post()
    assert (status, posted["success"], posted["status"], posted["errorMsg"], posted["tradeIDs"]) == (200, True, "live", "", [])
    _, row = ann.call("GET", f"/data/order/{posted['orderID']}")
    expected = {"status": "LIVE", "price": "0.4", "original_size": "10", "size_matched": "0", "outcome": "Up", "expiration": None}
    assert expected.items() <= row.items()


def test_a_match_says_what_was_paid_and_got(ann, bob):
    bob.post(token="222", price=0.6)
    status, posted = ann.post()
    assert (status, posted["status"], posted["makingAmount"], posted["takingAmount"]) == (200, "matched", "4", "10")
    assert len(posted["tradeIDs"]) == 1 and posted["transactionsHashes"] == []


def test_the_same_order_twice_is_a_duplicate(ann):
    order = ann.order()
    assert ann.call("POST", "/order", order)[0] == 200
    status, refused = ann.call("POST", "/order", order)
    assert status == 400 and refused["error"].endswith("is invalid. Duplicated.")


def test_a_batch_has_at_most_fifteen_orders(ann):
    assert ann.call("POST", "/orders", [{}] * 16) == (400, {"error": "Too many orders in payload: 16, max allowed: 15"})


def test_a_refused_order_of_a_batch_has_an_error_and_no_id(ann):
    _, answers = ann.call("POST", "/orders", [ann.order(), ann.order(size=1)])
    assert [(answer["success"], bool(answer["orderID"]), answer["errorMsg"]) for answer in answers] == [
        (True, True, ""), (True, False, "Size (1) lower than the minimum: 5")]


def test_a_cancel_answers_200_even_when_nothing_was_cancelled(ann):
    assert ann.call("DELETE", "/order", {"orderID": "0x1"}) == (
        200, {"canceled": [], "not_canceled": {"0x1": "Order not found or already canceled"}})


def test_cancels_reach_all_orders_one_market_or_a_list(ann, spec):
    ids = [ann.post(price=price)[1]["orderID"] for price in (0.1, 0.2, 0.3, 0.4)]
    assert ann.call("DELETE", "/orders", ids[:1])[1]["canceled"] == ids[:1]
    assert ann.call("DELETE", "/cancel-market-orders", {"asset_id": "222"})[1]["canceled"] == []
    assert ann.call("DELETE", "/cancel-market-orders", {"market": "0xother"})[1]["canceled"] == []
    assert ann.call("DELETE", "/cancel-market-orders", {"market": spec.condition_id, "asset_id": "111"})[1]["canceled"] == ids[1:]
    assert ann.call("DELETE", "/cancel-all") == (200, {"canceled": [], "not_canceled": {}})


def test_nobody_sees_or_cancels_the_orders_of_another(ann, bob):
    order_id = ann.post()[1]["orderID"]
    assert bob.call("GET", f"/data/order/{order_id}") == (404, {"error": "order not found"})
    assert order_id in bob.call("DELETE", "/order", {"orderID": order_id})[1]["not_canceled"]
    assert bob.call("GET", "/data/orders")[1]["data"] == []


def test_open_orders_come_in_pages_that_end_with_the_end_cursor(ann):
    for _ in range(PAGE_ROWS + 1):
        ann.post(price=0.01, size=5)
    first = ann.call("GET", "/data/orders", next_cursor="MA==")[1]
    rest = ann.call("GET", "/data/orders", next_cursor=first["next_cursor"])[1]
    assert (first["count"], rest["count"], rest["next_cursor"]) == (PAGE_ROWS, 1, "LTE=")
    assert len({row["id"] for row in first["data"] + rest["data"]}) == PAGE_ROWS + 1


def test_trades_can_be_asked_for_by_time_market_and_id(ann, bob, clock, spec):
    bob.post(token="222", price=0.6)
    trade_id, = ann.post()[1]["tradeIDs"]
    at_s = clock.wall_ms() // 1000
    assert [row["id"] for row in bob.call("GET", "/data/trades", market=spec.condition_id, after=str(at_s))[1]["data"]] == [trade_id]
    assert bob.call("GET", "/data/trades", after=str(at_s + 1))[1]["data"] == []
    row, = ann.call("GET", "/data/trades", id=trade_id)[1]["data"]
    assert (row["status"], row["trader_side"], row["size"]) == ("TRADE_STATUS_MATCHED", "TAKER", "10")


def test_balances_show_settled_money_and_tokens_in_base_units(ann, bob, venue, clock):
    bob.post(token="222", price=0.6)
    ann.post()
    held = {"asset_type": "CONDITIONAL", "token_id": "111"}
    assert ann.call("GET", "/balance-allowance", **held)[1]["balance"] == "0"
    clock.advance(ms=1_000)
    venue.run_deadlines()
    assert ann.call("GET", "/balance-allowance", **held)[1]["balance"] == "10000000"
    assert bob.call("GET", "/balance-allowance", asset_type="COLLATERAL")[1]["balance"] == str(9_994_000_000)


def test_ten_seconds_without_a_heartbeat_cancel_the_orders_of_that_key(ann, bob, venue, clock):
    ann.post()
    bob.post(price=0.3)
    ann.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    clock.advance(ms=10_000)
    venue.run_deadlines()
    assert ann.call("GET", "/data/orders")[1]["data"] == []
    assert len(bob.call("GET", "/data/orders")[1]["data"]) == 1


def test_the_book_names_its_token_and_unknown_ones_have_none(ann):
    ann.post()
    _, book = ann.call("GET", "/book", token_id="222")
    assert (book["asset_id"], book["asks"], book["bids"]) == ("222", [{"price": "0.6", "size": "10"}], [])
    assert ann.call("GET", "/book", token_id="333") == (404, {"error": "No orderbook exists for the requested token id"})
    assert ann.call("GET", "/book", token_id="x") == (400, {"error": "Invalid token id"})


def test_the_terms_of_a_market_have_the_venues_short_keys(ann, spec):
    _, terms = ann.call("GET", f"/clob-markets/{spec.condition_id}")
    assert (terms["t"][0], terms["mos"], terms["mts"], terms["v"], terms["ao"]) == ({"t": "111", "o": "Up"}, 5, 0.01, "v1", True)
    assert ann.call("GET", "/clob-markets/0x1") == (404, {"error": "market not found"})


def test_requests_without_credentials_are_unauthorized(ann):
    assert ann.call("GET", "/data/orders", headers={}) == (401, {"error": "Unauthorized/Invalid api key"})


def test_what_the_exchange_does_not_have_is_501_and_says_where_to_look(ann):
    status, refused = ann.call("GET", "/rewards/user")
    assert status == 501 and "GET /control/routes" in refused["error"]


def test_a_market_buy_at_a_better_price_gets_more_shares_for_its_dollars(ann, bob):
    bob.post(token="222", price=0.6, size=100)
    posted = ann.market_buy(4, 0.5)[1]
    assert (posted["status"], posted["makingAmount"], posted["takingAmount"]) == ("matched", "4", "10")
    row = ann.call("GET", f"/data/order/{posted['orderID']}")[1]
    assert (row["status"], row["original_size"], row["size_matched"]) == ("MATCHED", "10", "10")


def test_a_trade_row_names_the_side_of_every_leg(ann, bob):
    bob.post(token="222", price=0.6)
    trade_id, = ann.post()[1]["tradeIDs"]
    row, = bob.call("GET", "/data/trades", id=trade_id)[1]["data"]
    assert [(leg["outcome"], leg["side"]) for leg in row["maker_orders"]] == [("Down", "BUY")]


def test_a_deleted_key_opens_nothing_until_its_wallet_makes_it_again(ann, clock):
    assert ann.call("DELETE", "/auth/api-key") == (200, "OK")
    assert ann.call("GET", "/data/orders")[0] == 401
    assert ann.call("POST", "/auth/api-key", headers=create_level_1_headers(ann.signer, 0, ann.now_s()))[1]["apiKey"] == ann.creds.api_key
    assert ann.call("GET", "/data/orders")[0] == 200


def test_no_order_earns_rewards(ann):
    assert ann.call("GET", "/order-scoring", order_id="0x1") == (200, {"scoring": False})
    assert ann.call("POST", "/orders-scoring", ["0x1"]) == (200, {"0x1": False})


def test_an_unknown_kind_of_asset_is_refused(ann):
    assert ann.call("GET", "/balance-allowance") == (400, {"error": "Invalid asset type"})


def test_the_root_answers_and_nothing_else_does_by_its_mistake(ann):
    assert ann.call("GET", "/") == (200, "OK") and ann.call("GET", "/prices-history")[0] == 501
