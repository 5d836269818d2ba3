from __future__ import annotations

import logging

import pytest

from trader.feeds.hash_check import GIVE_UP_AFTER, SAMPLE_LOG_NS, HashCheck
from trader.model.market import Market
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookSample

MARKET = Market("m", "0xm", "11", "12", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)
SAMPLE = BookSample("11", "h", 1, PriceBp(100), (), (), "", True, None)


class Scripted:
    def __init__(self) -> None:
        self.says: bool | None = False

    def agrees(self, sample: BookSample, market: Market) -> bool | None:
        return self.says


def make() -> tuple[HashCheck, Scripted]:
    scripted = Scripted()
    return HashCheck(scripted), scripted


def test_each_answer_is_counted_and_only_a_mismatch_accuses() -> None:
    check, venue = make()
    accused = []
    for says in (True, None, False):
        venue.says = says
        accused.append(check.check(SAMPLE, MARKET, 0))
    assert accused == [False, False, True]
    assert (check.matches, check.untold, check.mismatches) == (1, 1, 1)


def test_a_hash_that_never_matches_switches_the_check_off_at_the_twentieth_sample_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    check, _ = make()
    for _ in range(GIVE_UP_AFTER - 1):
        assert check.check(SAMPLE, MARKET, 0)
    assert check.is_on
    caplog.clear()
    assert not check.check(SAMPLE, MARKET, 0) and not check.is_on
    assert [record.message for record in caplog.records if "off for this run" in record.message] == [caplog.records[0].message]


def test_what_could_not_be_told_does_not_count_against_the_check() -> None:
    check, venue = make()
    venue.says = None
    for _ in range(3 * GIVE_UP_AFTER):
        check.check(SAMPLE, MARKET, 0)
    assert check.is_on


def test_one_match_proves_the_recipe_for_good() -> None:
    check, venue = make()
    venue.says = True
    check.check(SAMPLE, MARKET, 0)
    venue.says = False
    assert all(check.check(SAMPLE, MARKET, 0) for _ in range(3 * GIVE_UP_AFTER)) and check.is_on


def test_mismatches_are_sampled_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    check, _ = make()
    for at_ns in (0, 1, SAMPLE_LOG_NS - 1, SAMPLE_LOG_NS):
        check.check(SAMPLE, MARKET, at_ns)
    assert ["1 of 1" in r.message or "4 of 4" in r.message for r in caplog.records] == [True, True]
