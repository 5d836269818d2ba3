"""The history of the charts: what a row holds, what is forgotten, what a reader gets who comes again."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.ops.series import COARSE_EVERY, COARSE_ROWS, FINE_ROWS, LEGS, PAGE_ROWS, Row, Series

STATS = {
    "books": {"yes": {"bid": 0.49, "ask": 0.51}}, "fair": 0.502, "reference": {"price": 60_000.5, "strike": 59_000.0},
    "inventory": {"yes": 25.0, "no": 5.0}, "pnl_marked_usd": -1.5,
    "quotes": [{"side": "BUY", "token_side": "BUY", "price": 0.48}, {"side": "BUY", "token_side": "SELL", "price": 0.53},
               {"side": "SELL", "token_side": "BUY", "price": 0.47}, {"side": "SELL", "token_side": "SELL", "price": 0.54}],
    "latency": {leg: {"count": 1, "p50_us": 1.0, "p99_us": 20.0} for leg in LEGS},
}


def fill(number: int) -> dict[str, Any]:
    return {"number": number, "at_ms": number, "side": "BUY", "kind": "OPEN_BUY", "price": 0.5, "size": 1.0}


def filled(seconds: int) -> Series:
    series = Series()
    for second in range(seconds):
        series.add(STATS, second * 1000)
    return series


def everything(series: Series, number: int = 0) -> list[Row]:
    rows: list[Row] = []
    while True:
        answer = series.since(rows[-1].number if rows else number, 0)
        rows += [Row(*row) for row in answer["rows"]]
        if not answer["more"]:
            return rows


def test_a_row_shows_both_books_our_best_quotes_and_what_we_hold_in_terms_of_yes() -> None:
    row, = filled(1).since(0, 0)["rows"]
    assert row[:12] == (1, 0, 0.49, 0.51, 0.502, 0.48, 0.53, 60_000.5, 59_000.0, 25.0, 5.0, -1.5)
    assert row[12:] == (20.0,) * len(LEGS)


@pytest.mark.parametrize("stats", [{}, {"books": {"yes": {}}, "quotes": [], "latency": {"wire_to_ack": {"count": 0, "p99_us": 0.0}}}])
def test_what_is_not_known_yet_is_none_and_never_zero(stats: dict[str, Any]) -> None:
    series = Series()
    series.add(stats, 5)
    assert series.since(0, 0)["rows"] == [Row(1, 5, *[None] * 16)]


def test_a_reader_gets_only_what_came_after_its_last_row_and_fill() -> None:
    series = filled(3)
    series.add({"last_fills": [fill(1), fill(2)]}, 9)
    answer = series.since(3, 1)
    assert [row[0] for row in answer["rows"]] == [4] and answer["fills"] == [fill(2)]
    assert series.since(4, 2)["rows"] == series.since(4, 2)["fills"] == []


def test_a_fill_that_is_shown_again_and_again_is_kept_once() -> None:
    series = Series()
    for newest in (2, 3, 3):
        series.add({"last_fills": [fill(number) for number in range(1, newest + 1)]}, 0)
    assert series.since(0, 0)["fills"] == [fill(1), fill(2), fill(3)]


def test_an_hour_is_kept_coarse_and_its_last_ten_minutes_fine() -> None:
    rows = everything(filled(4_000))
    steps = [late.number - early.number for early, late in pairwise(rows)]
    assert rows[-1].number == 4_000 and steps == sorted(steps, reverse=True) and steps[0] == COARSE_EVERY
    assert steps.count(1) >= FINE_ROWS - 1 and rows[0].number == 4_000 - COARSE_EVERY * (COARSE_ROWS - 1)


def test_the_hour_in_which_the_charts_fill_takes_no_memory() -> None:
    series = filled(10)
    tracemalloc.start()
    try:
        for second in range(10, 4_000):
            series.add(STATS, second * 1000)
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_whoever_comes_at_any_time_gets_rising_rows_in_answers_of_bounded_size(seconds: int, seen: int) -> None:
    series = filled(seconds)
    answer = series.since(seen, 0)
    numbers = [row.number for row in everything(series, seen)]
    assert len(answer["rows"]) <= PAGE_ROWS and len(orjson.dumps(answer)) < 100_000
    assert numbers == sorted(set(numbers)) and all(seen < number <= seconds for number in numbers)
    assert (numbers[-1:] or [seconds]) == [seconds] or seen >= seconds
