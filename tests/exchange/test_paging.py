"""Pages of a list, by cursors that are base64 of an offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.exchange.paging import page
from trader.exchange.refusal import Refusal


def all_pages(rows, rows_a_page):
    cursor, seen = "MA==", []
    while cursor != "LTE=":
        shown = page(rows, {"next_cursor": cursor}, str, rows_a_page=rows_a_page)
        assert shown["count"] == len(shown["data"]) <= shown["limit"] == rows_a_page
        cursor = shown["next_cursor"]
        seen += shown["data"]
    return seen


@given(st.integers(0, 30), st.integers(1, 7))
def test_following_the_cursors_shows_every_row_once(rows, rows_a_page):
    assert all_pages(range(rows), rows_a_page) == [str(row) for row in range(rows)]


def test_asking_for_the_end_shows_nothing():
    assert page([1], {"next_cursor": "LTE="}, str, rows_a_page=5) == {"limit": 5, "next_cursor": "LTE=", "count": 0, "data": []}


@given(st.text().filter(bool))
def test_any_other_cursor_is_read_or_refused(text):
    try:
        page([1], {"next_cursor": text}, str, rows_a_page=5)
    except Refusal as refused:
        assert refused.status == 400


@pytest.mark.parametrize("cursor", ["x", "TUE", "MA==!"])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(Refusal, match="invalid next_cursor"):
        page([1], {"next_cursor": cursor}, str, rows_a_page=5)
