"""Mids out of the raw cycles, and which of them holds when."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from trader.journal.analysis_mids import OLDEST_MID_MS, Mids, Span, mids_in

ALWAYS = (0, 2**53)


@pytest.fixture
def mids():
    found = Mids()
    for venue_ms, mid_bp in ((1_000, 5000), (2_000, 5100), (3_000, 5200)):
        found.see(venue_ms, venue_ms, mid_bp)
    return found


def test_before_is_strict_and_at_is_not(mids):
    assert (mids.before(2_000), mids.before(2_001), mids.at(2_000), mids.at(1_999)) == (5000, 5100, 5100, 5000)


def test_nothing_is_known_before_the_first(mids):
    assert mids.before(1_000) is None and mids.at(999) is None


def test_a_mid_that_was_not_seen_for_long_does_not_hold_any_more(mids):
    assert (mids.before(3_000 + OLDEST_MID_MS), mids.before(3_001 + OLDEST_MID_MS)) == (5200, None)


def test_a_quiet_book_that_is_still_being_looked_at_holds(mids):
    mids.see(3_000, 60_000, 5200)
    assert mids.before(60_000 + OLDEST_MID_MS) == 5200


def test_of_two_mids_of_one_moment_the_one_seen_last_counts(mids):
    mids.see(3_000, 3_001, 5300)
    assert (mids.at(3_000), mids.at(2_999)) == (5300, 5100)


def cycle_mids(files, desk, from_ms=0, to_ms=2**53):
    condition_id = desk.market.condition_id
    return mids_in(files, [Span(condition_id, from_ms, to_ms)])[condition_id]


def test_every_two_sided_book_of_a_cycle_gives_its_mid(keeper, desk):
    desk.wants(47, 53)
    book = desk.book
    files = keeper.keep(desk)
    assert cycle_mids(files, desk).at(book.venue_ms) == 5000


def test_a_book_with_an_empty_side_gives_none(keeper, new_desk):
    desk = new_desk().boots().sees(48, 52)
    desk.book = desk.book._replace(yes=desk.book.yes._replace(asks=()))
    files = keeper.keep(desk.wants(40, 60))
    assert cycle_mids(files, desk).at(2**53) is None


def test_cycles_outside_the_time_asked_for_are_not_looked_at(keeper, desk):
    files = keeper.keep(desk.wants(47, 53))
    assert cycle_mids(files, desk, 0, 1_000).at(2**53) is None


def test_another_market_than_asked_for_is_left_out(keeper, desk):
    files = keeper.keep(desk.wants(47, 53))
    assert mids_in(files, [Span("0xother", *ALWAYS)])["0xother"].at(2**53) is None


def test_cycles_of_another_layout_are_passed_over(keeper, desk):
    files = keeper.keep(desk.wants(47, 53))
    with closing(sqlite3.connect(files[0])) as db, db:
        db.execute("UPDATE runs SET layout = 'another'")
    assert cycle_mids(files, desk).at(2**53) is None


def test_a_cycle_with_an_integer_that_is_too_long_for_most_readers_is_read(keeper, desk):
    desk.wants(47, 53)
    desk.cycles[-1] = desk.cycles[-1]._replace(now=desk.cycles[-1].now._replace(ns=2**70))
    desk.cycles[-1] = desk.cycles[-1]._replace(view=desk.cycles[-1].view._replace(book=desk.sees(60, 64).book))
    assert cycle_mids(keeper.keep(desk), desk).at(2**53) == 6200
