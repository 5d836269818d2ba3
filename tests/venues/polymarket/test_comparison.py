"""The comparison with the venue's client library as a process: what each of its ends means."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trader.venues.polymarket.comparison import StockComparison, stock_comparison


@pytest.mark.parametrize("chain_id", [137, 80002])
def test_what_is_installed_agrees_byte_for_byte(chain_id: int) -> None:
    assert stock_comparison(chain_id).problem(60) == ""


def test_it_is_made_once_a_process() -> None:
    assert stock_comparison(137) is stock_comparison(137)


def test_one_that_ends_with_an_error_says_its_last_words() -> None:
    problem = StockComparison("trader.venues.polymarket.stock", "1").problem(60)
    assert "ended with exit code 1" in problem and "KeyError: 1" in problem


def test_one_that_hangs_is_ended() -> None:
    comparison = StockComparison("trader.exchange", "--port", "0")
    assert comparison.problem(within_s=0.1) == "the comparison with py-clob-client-v2 did not end within 0.1 s"


def where_sigchld_is_ignored(expression: str) -> str:
    """As daemons do, and what they start inherits it: Python then reports exit code 0 for every child."""
    code = ("import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); from trader.venues.polymarket.comparison import *;"
            f"print(repr({expression}))")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("module", ["this", "no_such_module"])
def test_an_exit_code_of_zero_proves_nothing(module: str) -> None:
    assert "ended with exit code 0" in where_sigchld_is_ignored(f"StockComparison({module!r}).problem()")


def test_agreement_is_believed_where_no_exit_code_can_be_had() -> None:
    assert where_sigchld_is_ignored("stock_comparison(137).problem(60)") == "''\n"


@pytest.mark.parametrize("python", ["/no/such/python", "", None])
def test_where_no_process_can_be_begun_it_says_why(python: str | None) -> None:
    assert "could not begin: " in StockComparison("this", python=python).problem()
