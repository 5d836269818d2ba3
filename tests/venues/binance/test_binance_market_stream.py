from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import WireError
from trader.venues.binance.market_stream import BinanceMarketStream, price_micro_from_wire
from trader.venues.contract import Candle, Goodbye, Ignored, Quoted, Traded

STREAM = BinanceMarketStream("wss://binance.test/", "BTCUSDT")
QUOTED = {"u": 400900217, "s": "BTCUSDT", "b": "60049.97000000", "B": "31.21000000", "a": "60049.98000000", "A": "40.66000000"}
TRADED = {"e": "aggTrade", "E": 1672515782136, "s": "BTCUSDT", "a": 12345, "p": "60051.40", "q": "100", "T": 1672515782135, "m": True}
KLINE = {"e": "kline", "E": 1672515782136, "s": "BTCUSDT",
         "k": {"t": 1672513200000, "T": 1672516799999, "i": "1h", "o": "60000.00000000", "c": "60010", "x": False}}


def frame(message: dict[str, Any], **changes: Any) -> bytes:
    return orjson.dumps({"stream": "btcusdt@any", "data": message | changes})


def test_the_address_names_the_three_streams_of_the_pair() -> None:
    assert STREAM.url == "wss://binance.test/stream?streams=btcusdt@bookTicker/btcusdt@aggTrade/btcusdt@kline_1h"


def test_the_best_bid_and_ask_are_read_exactly() -> None:
    assert STREAM.decode(frame(QUOTED)) == Quoted(60_049_970_000, 60_049_980_000)


def test_a_trade_carries_its_own_time() -> None:
    assert STREAM.decode(frame(TRADED)) == Traded(60_051_400_000, 1_672_515_782_135)


def test_the_open_of_the_hourly_candle_is_read_with_its_hour() -> None:
    assert STREAM.decode(frame(KLINE)) == Candle(1_672_513_200_000, 60_000_000_000, False)


def test_a_raw_stream_without_the_wrapper_is_read_too() -> None:
    assert STREAM.decode(orjson.dumps(TRADED)) == STREAM.decode(frame(TRADED))


def test_a_shutdown_is_announced() -> None:
    assert STREAM.decode(b'{"e":"serverShutdown","E":1770123456789}') == Goodbye()


def test_other_events_and_other_candles_are_counted_by_name() -> None:
    assert STREAM.decode(frame({"e": "24hrTicker"})) == Ignored("24hrTicker")
    assert STREAM.decode(frame(KLINE, k=KLINE["k"] | {"i": "1m"})) == Ignored("kline_1m")


@pytest.mark.parametrize("bad", [
    b"", b"[]", b"7", b"{}", frame(QUOTED, s="ETHUSDT"), frame(QUOTED, b="0.00000000"), frame(QUOTED, b="70000"),
    frame(QUOTED, a=None), frame(KLINE, k=7), frame(KLINE, k=KLINE["k"] | {"o": "0.0000"}),
    frame(TRADED, p="-1"), frame(TRADED, p="1e5"), b'{"data":null}', b'{"e":["x"]}',
])
def test_what_is_not_a_market_of_this_pair_is_a_wire_error(bad: bytes) -> None:
    with pytest.raises(WireError):
        STREAM.decode(bad)


@given(st.integers(50, 10**13))
def test_eight_decimals_are_rounded_to_micro_dollars_in_integers(wire: int) -> None:
    text = f"{wire // 10**8}.{wire % 10**8:08d}"
    assert abs(price_micro_from_wire(text) * 100 - wire) <= 50


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([QUOTED, TRADED, KLINE]))
def test_a_damaged_frame_never_crashes(data: st.DataObject, message: dict[str, Any]) -> None:
    damaged = bytearray(frame(message))
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=3)):
        damaged[at] = data.draw(st.integers(0, 255))
    try:
        STREAM.decode(bytes(damaged))
    except WireError as error:
        assert error.remedy
