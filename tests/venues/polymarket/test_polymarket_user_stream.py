from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import WireError
from trader.model.event import Fill, OrderUpdate, TradeStatus, VenueStatus
from trader.model.market import Market
from trader.model.order import Side
from trader.model.setting import Secret
from trader.venues.contract import Ignored, Pong
from trader.venues.polymarket.account import ApiCredentials
from trader.venues.polymarket.user_stream import PolymarketUserStream

FRAMES = Path(__file__).parent / "frames"
ME = "3e2c94ca-8124-c4c1-c7ea-be1ea21b71fe"
STREAM = PolymarketUserStream("wss://venue.test", ApiCredentials(ME, Secret("c2VjcmV0"), Secret("pass"), b"secret"))
MARKET = Market("hour", "0x" + "a" * 64, "1", "2", 100, 5_000_000, 0, 1, "v1", False)


def recorded(name: str, **changes: Any) -> bytes:
    return orjson.dumps(orjson.loads((FRAMES / f"{name}.json").read_bytes()) | changes)


def fills_of(**changes: Any) -> list[Fill]:
    return [e for e in STREAM.decode(recorded("trade_as_maker", **changes)) if isinstance(e, Fill)]


def update_of(**changes: Any) -> OrderUpdate:
    [update] = STREAM.decode(recorded("order_placement", **changes))
    assert isinstance(update, OrderUpdate)
    return update


def test_only_our_leg_of_a_trade_is_a_fill_at_our_own_price_and_size() -> None:
    [fill] = fills_of()
    assert fill.order_id == "0xab679e56242324e15e59cfd488cd0f12e4fd71b153b9bfb57518898b9983145e"
    assert (fill.price_bp, fill.size_micro, fill.status) == (5180, 5_000_000, TradeStatus.MINED)


def test_a_leg_that_does_not_say_its_side_is_not_given_the_takers() -> None:
    assert fills_of()[0].side is None


def test_a_leg_that_says_its_side_keeps_it() -> None:
    legs = orjson.loads((FRAMES / "trade_as_maker.json").read_bytes())["maker_orders"]
    legs[1]["side"] = "SELL"
    assert fills_of(maker_orders=legs)[0].side is Side.SELL


def test_our_leg_on_the_other_token_is_a_fill_of_that_token() -> None:
    legs = orjson.loads((FRAMES / "trade_as_maker.json").read_bytes())["maker_orders"]
    legs[0]["owner"] = ME
    assert [f.token_id[:4] for f in fills_of(maker_orders=legs)] == ["4833", "2174"]


def test_a_trade_between_others_is_no_fill_of_ours() -> None:
    others = PolymarketUserStream("wss://venue.test", ApiCredentials("somebody", Secret("c2VjcmV0"), Secret("p"), b"secret"))
    assert others.decode(recorded("trade_as_maker")) == [Ignored("trade of others")]


def test_a_trade_that_we_took_is_a_fill_at_the_takers_terms() -> None:
    [fill] = fills_of(maker_orders=[], trade_owner=ME, owner=ME, trader_side="TAKER")
    assert (fill.order_id[:6], fill.side, fill.size_micro) == ("0x3ad0", Side.BUY, 1_096_870_000)


def test_the_prefix_that_rest_puts_before_a_status_is_read_too() -> None:
    assert fills_of(status="TRADE_STATUS_CONFIRMED")[0].status is TradeStatus.CONFIRMED
    assert fills_of(status="TRADE_STATUS_MATCHED_NOT_BROADCASTED")[0].status is TradeStatus.MATCHED


def test_a_trade_status_that_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(WireError, match="PONDERED"):
        fills_of(status="PONDERED")


def test_a_recorded_placement_is_read_exactly() -> None:
    update = update_of()
    assert (update.side, update.price_bp, update.size_micro, update.matched_micro) == (Side.BUY, 5130, 5_000_000, 0)
    assert (update.status, update.venue_ms) == (VenueStatus.LIVE, 1_725_842_520_990)


@pytest.mark.parametrize(("changes", "status"), [
    ({"type": "UPDATE", "size_matched": "2.5"}, VenueStatus.LIVE),
    ({"type": "UPDATE", "size_matched": "5", "status": "LIVE"}, VenueStatus.FILLED),
    ({"type": "UPDATE", "status": "MATCHED"}, VenueStatus.FILLED),
    ({"type": "CANCELLATION", "status": "CANCELED"}, VenueStatus.CANCELLED),
    ({"type": "CANCELLATION", "status": "CANCELED_order couldn't be fully filled."}, VenueStatus.CANCELLED),
    ({"type": "CANCELLATION", "status": "INVALID"}, VenueStatus.CANCELLED),
    ({"type": "CANCELLATION", "status": "LIVE"}, VenueStatus.CANCELLED),
    ({"type": "CANCELLATION", "status": "CANCELED_EXPIRED_ORDER"}, VenueStatus.EXPIRED),
    ({"type": "CANCELLATION", "status": None, "size_matched": ""}, VenueStatus.CANCELLED),
    ({"type": "PLACEMENT", "status": None}, VenueStatus.LIVE),
])
def test_the_type_of_an_order_event_outranks_its_free_text(changes: dict[str, Any], status: VenueStatus) -> None:
    assert update_of(**changes).status is status


def test_pong_and_unknown_events_are_not_errors() -> None:
    assert STREAM.decode(b"PONG") == [Pong()]
    assert STREAM.decode(b'[{"event_type":"news"}]') == [Ignored("news")]


def test_a_hello_names_condition_ids_and_carries_the_credentials() -> None:
    [text] = STREAM.hello([MARKET])
    assert orjson.loads(text) == {"type": "user", "auth": {"apiKey": ME, "secret": "c2VjcmV0", "passphrase": "pass"},
                                  "markets": [MARKET.condition_id]}


def test_markets_are_added_and_removed_by_condition_id() -> None:
    texts = [orjson.loads(t) for t in STREAM.change([MARKET], [MARKET])]
    assert texts == [{"operation": op, "markets": [MARKET.condition_id]} for op in ("unsubscribe", "subscribe")]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["order_placement", "trade_as_maker"]))
def test_a_user_frame_with_any_field_damaged_is_read_or_refused(data: st.DataObject, name: str) -> None:
    row = orjson.loads((FRAMES / f"{name}.json").read_bytes())
    for key in data.draw(st.lists(st.sampled_from(sorted(row)), min_size=1, max_size=3)):
        row[key] = data.draw(st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.just([1]) | st.just({}))
    try:
        STREAM.decode(orjson.dumps(row))
    except WireError as error:
        assert ME not in str(error)
