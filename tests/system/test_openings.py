"""A desk over rollovers on the wire: quotes in each new window within the budgets, by the exchange's own clock."""

from __future__ import annotations

from tools.bench.openings import play


def test_a_new_window_is_quoted_within_two_seconds_on_the_provisional_strike_and_within_five_on_the_klines(tmp_path):
    found = play(windows=2, speed=180, kline_late_ms=2_000, folder=tmp_path)
    assert len({opening.market for opening in found}) == 2
    assert all(opening.is_in_time for opening in found), found
    assert all(opening.confirmed_ms >= 2_000 for opening in found), "the kline was withheld that long"
