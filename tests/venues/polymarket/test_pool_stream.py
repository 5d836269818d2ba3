from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.errors import WireError
from trader.venues.contract import MarketBorn, MarketOver
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.pool_stream import PolymarketPoolStream

STREAM = PolymarketPoolStream("ws://venue")


def compact(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def book(token: str, **more):
    return {"market": "0x1", "asset_id": token, "timestamp": "1790658661234", "hash": "h", "bids": [{"price": "0.2", "size": "5"}],
            "asks": [{"price": "0.7", "size": "5"}], "event_type": "book", **more}


def change(token: str):
    row = {"asset_id": token, "price": "0.3", "size": "1", "side": "BUY", "hash": "h", "best_bid": "0.3", "best_ask": "0.7"}
    rows = [row, {**row, "asset_id": "other"}]
    return {"market": "0x1", "price_changes": rows, "timestamp": "1790658674035", "event_type": "price_change"}


def test_a_frame_of_one_market_is_handed_on_as_it_came():
    frame = compact(change("11"))
    assert STREAM.split(frame) == [(b"11", frame)]


def test_an_array_of_books_is_cut_into_frames_of_one_book():
    pieces = STREAM.split(compact([book("11"), book("12"), book("21")]))
    assert [token for token, _ in pieces] == [b"11", b"12", b"21"]
    assert [json.loads(piece) for _, piece in pieces] == [book("11"), book("12"), book("21")]


@pytest.mark.parametrize("frame", [
    json.dumps([book("11"), book("12")]).encode(),
    compact([{"event_type": "book", **book("11")}, book("12")]),
    compact([book("11", note='},{"market":"')]) [:-1] + b"," + compact(book("12")) + b"]",
], ids=["spaces", "another key first", "a text that looks like a cut"])
def test_an_array_that_does_not_look_as_expected_is_parsed_to_the_same(frame):
    assert [(token, json.loads(piece)["asset_id"]) for token, piece in STREAM.split(frame)] == [(b"11", "11"), (b"12", "12")]


def test_what_concerns_no_book_is_empty():
    assert STREAM.split(b"PONG") == STREAM.split(compact({"event_type": "new_market", "assets_ids": ["1"]})) == []
    assert STREAM.split(compact([{"event_type": "market_resolved", "winning_asset_id": "1"}, 7, {"no": "event"}])) == []


@pytest.mark.parametrize("frame", [b"", b"{half", b"INVALID OPERATION", b"[{]"])
def test_what_is_no_json_is_an_error(frame):
    with pytest.raises(WireError):
        STREAM.split(frame)


def test_news_of_markets():
    born = {"event_type": "new_market", "event_message": {"slug": "an-event"}, "assets_ids": ["1", "2"]}
    over = {"event_type": "market_resolved", "market": "0x2a"}
    assert STREAM.news(compact([born, over])) == [MarketBorn("an-event"), MarketOver("0x2a".ljust(66, "0"))]


@pytest.mark.parametrize("frame", [b"{half", b"7", b"[7]", b'{"event_type":"new_market"}', b'{"event_type":"market_resolved","market":7}',
                                   b'{"event_type":"market_resolved","market":"0xzz"}'])
def test_news_that_cannot_be_read_are_none(frame):
    assert STREAM.news(frame) == []


events = st.sampled_from([book("11"), book("12"), change("21"), change("22"),
                          {"market": "0x1", "asset_id": "31", "event_type": "last_trade_price", "price": "0.5",
                           "timestamp": "1790658674035"}])


@given(st.lists(events, min_size=1, max_size=5), st.booleans())
def test_however_a_frame_is_cut_its_pieces_say_the_same(rows, is_compact):
    frame = compact(rows) if is_compact else json.dumps(rows).encode()
    decoded = PolymarketMarketStream("ws://venue").decode
    assert [event for _, piece in STREAM.split(frame) for event in decoded(piece)] == decoded(frame)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_else(data):
    try:
        STREAM.split(data)
    except WireError:
        assert STREAM.news(data) == []
