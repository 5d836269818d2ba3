from __future__ import annotations

from typing import Any

import orjson
import pytest

from trader.errors import WireError
from trader.venues.binance.settings import BinanceSettings
from trader.venues.binance.snapshot import BinanceSnapshot

SOURCE = BinanceSnapshot(BinanceSettings(snapshot_url="http://source.test"))
ROW = {"symbol": "BTCUSDT", "ts_ms": 1_795_000_000_123, "bid": 60000.01, "ask": "60000.02", "mid_px": 60000.015, "age_ms": 12.7,
       "stale": False, "open_px": 59950.5}


def decoded(**changes: Any) -> Any:
    return SOURCE.decode(orjson.dumps(ROW | changes))


def test_numbers_are_read_as_written_whether_they_are_text_or_not() -> None:
    snapshot = decoded()
    assert (snapshot.bid_micro, snapshot.ask_micro, snapshot.open_micro) == (60_000_010_000, 60_000_020_000, 59_950_500_000)


def test_its_own_age_and_stale_flag_are_kept() -> None:
    assert (decoded().age_ms, decoded().is_stale, decoded(stale=True).is_stale) == (12, False, True)


def test_the_open_belongs_to_the_hour_of_the_time_stamp() -> None:
    assert decoded().open_ms == 1_794_999_600_000


def test_a_source_without_an_open_has_none() -> None:
    row = {key: value for key, value in ROW.items() if key != "open_px"}
    snapshot = SOURCE.decode(orjson.dumps(row))
    assert (snapshot.open_micro, snapshot.open_ms) == (None, None)


def test_a_source_whose_clock_is_ahead_is_not_fresher_than_now() -> None:
    assert decoded(age_ms=-5).age_ms == 0


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"[]", b"{}", orjson.dumps(ROW | {"symbol": "ETHUSDT"}), orjson.dumps(ROW | {"bid": 60001}),
    orjson.dumps(ROW | {"bid": None}), orjson.dumps(ROW | {"stale": "no"}), orjson.dumps(ROW | {"age_ms": "old"}),
    orjson.dumps(ROW | {"ask": 1e20}), orjson.dumps(ROW | {"open_px": 0}), orjson.dumps(ROW | {"open_px": -1}), b"[" * 60_000,
])
def test_what_is_not_a_snapshot_of_this_pair_is_a_wire_error(body: bytes) -> None:
    with pytest.raises(WireError):
        SOURCE.decode(body)
