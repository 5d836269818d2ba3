from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import WireError
from trader.venues.contract import BookDump, Ignored, LastTrade, LevelChange, Pong, TickChange, TopOnly
from trader.venues.polymarket.market_stream import PolymarketMarketStream

FRAMES = Path(__file__).parent / "frames"
STREAM = PolymarketMarketStream("wss://venue.test/")


def recorded(name: str) -> bytes:
    return (FRAMES / f"{name}.json").read_bytes()


def test_the_address_is_the_root_plus_the_channel() -> None:
    assert STREAM.url == "wss://venue.test/ws/market"


def test_a_recorded_book_is_read_exactly() -> None:
    [dump] = STREAM.decode(recorded("book"))
    assert isinstance(dump, BookDump)
    assert dump.tick_bp == 10 and dump.venue_ms == 1_790_658_661_234
    assert (3000, 5_000_000_000) in dump.bids and (3970, 100_090_000) in dump.asks


def test_a_book_after_a_trade_says_nothing_about_the_tick() -> None:
    [row] = orjson.loads(recorded("book"))
    del row["tick_size"], row["last_trade_price"]
    [dump] = STREAM.decode(orjson.dumps(row))
    assert isinstance(dump, BookDump) and dump.tick_bp is None


def test_levels_keep_their_text_beside_their_number_because_the_hash_covers_it() -> None:
    [dump], [up, _] = STREAM.decode(recorded("book")), STREAM.decode(recorded("price_change"))
    assert isinstance(dump, BookDump) and isinstance(up, LevelChange)
    assert dict(dump.ask_texts)["0.397"] == "100.09" and len(dump.bid_texts) == len(dump.bids) and dump.last_trade == "0.255"
    assert (up.price_text, up.size_text) == ("0.301", "1000")


def test_a_last_trade_is_read_verbatim() -> None:
    frame = b'{"event_type":"last_trade_price","asset_id":"11","price":"0.920","size":"2","side":"BUY","timestamp":"1750428146322"}'
    assert STREAM.decode(frame) == [LastTrade("11", "0.920", 1_750_428_146_322)]


def test_a_price_change_names_both_outcomes_with_the_venues_top() -> None:
    up, down = STREAM.decode(recorded("price_change"))
    assert isinstance(up, LevelChange) and isinstance(down, LevelChange)
    assert (up.is_bid, up.price_bp, up.size_micro, up.bid_bp, up.ask_bp) == (True, 3010, 1_000_000_000, 3010, 3970)
    assert (down.is_bid, down.price_bp, down.bid_bp, down.ask_bp) == (False, 6990, 6030, 6990)


def test_an_empty_side_in_a_change_is_none() -> None:
    row = orjson.loads(recorded("price_change"))
    row["price_changes"][0] |= {"best_bid": "", "best_ask": "1"}
    change = STREAM.decode(orjson.dumps(row))[0]
    assert isinstance(change, LevelChange) and (change.bid_bp, change.ask_bp) == (None, None)


def test_a_new_tick_and_a_bare_top_are_told_apart() -> None:
    [tick], [top] = STREAM.decode(recorded("tick_size_change")), STREAM.decode(recorded("best_bid_ask"))
    assert isinstance(tick, TickChange) and tick.tick_bp == 10
    assert isinstance(top, TopOnly) and (top.bid_bp, top.ask_bp) == (7300, 7700)


def test_pong_is_a_text_and_not_json() -> None:
    assert STREAM.decode(b"PONG") == [Pong()]


def test_an_event_that_nobody_knows_is_counted_by_its_name() -> None:
    assert STREAM.decode(b'{"event_type":"market_resolved","id":"1"}') == [Ignored("market_resolved")]


def test_an_array_holds_several_events() -> None:
    frame = b"[" + recorded("price_change") + b"," + recorded("best_bid_ask") + b"]"
    assert len(STREAM.decode(frame)) == 3


@pytest.mark.parametrize("frame", [
    b"", b"INVALID OPERATION", b"null", b"7", b'["x"]', b"{}", b'{"event_type":["book"]}', b'{"event_type":"book"}', b"\xff\xfe",
    b'{"event_type":"price_change","timestamp":"1","price_changes":[{"asset_id":"1","price":"0.5","size":"1","side":"HOLD"}]}',
    b'{"event_type":"tick_size_change","asset_id":"1","new_tick_size":"0"}',
])
def test_what_cannot_be_read_is_a_wire_error(frame: bytes) -> None:
    with pytest.raises(WireError):
        STREAM.decode(frame)


def level(**fields: str) -> bytes:
    return orjson.dumps({"event_type": "book", "asset_id": "1", "timestamp": "1790658661234", "hash": "h", "asks": [],
                         "bids": [{"price": "0.5", "size": "5"} | fields]})


@pytest.mark.parametrize("frame", [
    level(price="0"), level(price="1"), level(size="9" * 25), level(size="0." + "1" * 30),
    b'{"event_type":"tick_size_change","asset_id":"1","new_tick_size":"1"}',
])
def test_what_no_strategy_could_calculate_with_is_refused_at_the_border(frame: bytes) -> None:
    assert STREAM.decode(level())
    with pytest.raises(WireError):
        STREAM.decode(frame)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["book", "price_change", "best_bid_ask", "tick_size_change"]))
def test_a_damaged_frame_is_read_or_refused_but_never_crashes(data: st.DataObject, name: str) -> None:
    frame = bytearray(recorded(name))
    for at in data.draw(st.lists(st.integers(0, len(frame) - 1), min_size=1, max_size=4)):
        frame[at] = data.draw(st.integers(0, 255))
    try:
        STREAM.decode(bytes(frame))
    except WireError as error:
        assert error.remedy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["price", "size", "side", "x"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["event_type", "asset_id", "timestamp", "bids", "asks", "price_changes", "best_bid"]),
                       json_values | st.sampled_from(["book", "price_change", "best_bid_ask", "tick_size_change"])))
def test_fields_of_any_type_are_read_or_refused_but_never_crash(message: dict[str, object]) -> None:
    try:
        STREAM.decode(orjson.dumps(message))
    except WireError:
        return


def test_a_hello_asks_for_the_custom_events() -> None:
    [text] = STREAM.hello(["1", "2"])
    assert orjson.loads(text) == {"type": "market", "assets_ids": ["1", "2"], "custom_feature_enabled": True}


def test_a_token_in_both_lists_is_unsubscribed_first() -> None:
    away, back = map(orjson.loads, STREAM.change(["1"], ["1"]))
    assert (away["operation"], back["operation"]) == ("unsubscribe", "subscribe")


def test_nothing_to_change_sends_nothing() -> None:
    assert STREAM.change([], []) == []
