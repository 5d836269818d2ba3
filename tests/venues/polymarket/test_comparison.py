"""The comparison with the venue's client library as a process: what each of its ends means."""

from __future__ import annotations

import pytest

from trader.venues.polymarket.comparison import StockComparison, stock_comparison


@pytest.mark.parametrize("chain_id", [137, 80002])
def test_what_is_installed_agrees_byte_for_byte(chain_id: int) -> None:
    assert stock_comparison(chain_id).problem() == ""


def test_it_is_made_once_a_process() -> None:
    assert stock_comparison(137) is stock_comparison(137)


def test_one_that_ends_with_an_error_says_its_last_words() -> None:
    problem = StockComparison("trader.venues.polymarket.stock", "1").problem()
    assert "ended with exit code 1" in problem and "KeyError: 1" in problem


def test_one_that_hangs_is_ended() -> None:
    comparison = StockComparison("trader.exchange", "--port", "0")
    assert comparison.problem(within_s=0.1) == "the comparison with py-clob-client-v2 did not end within 0.1 s"
