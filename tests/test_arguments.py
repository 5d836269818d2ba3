"""The grammar of the command line: what it takes, and one sentence for what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trader.arguments import parser
from trader.errors import ConfigError


def test_a_run_has_all_its_options() -> None:
    options = parser().parse_args(["run", "c.yaml", "--for", "5", "--summary", "s", "--record", "d", "--log-level", "debug",
                                   "--set", "a=1", "--set", "b=2", "--no-screen"])
    assert (options.command, options.conf, options.for_s, options.summary, options.record) == ("run", "c.yaml", 5.0, Path("s"), Path("d"))
    assert (options.log_level, options.overrides, options.no_screen) == ("DEBUG", ["a=1", "b=2"], True)


@pytest.mark.parametrize("command", ["status", "threads", "pause", "resume", "cancel-all"])
def test_a_command_to_a_running_trader_names_it_and_its_form(command: str) -> None:
    options = parser().parse_args([command, "--pid", "7", "--control-dir", "/x", "--json"])
    assert (options.command, options.pid, options.control_dir, options.json) == (command, 7, "/x", True)


def test_a_pause_without_a_reason_is_the_operators() -> None:
    assert parser().parse_args(["pause"]).reason == "operator"


@pytest.mark.parametrize("command", ["fills", "orders", "pnl"])
def test_a_report_says_which_rows_and_in_which_form(command: str) -> None:
    options = parser().parse_args([command, "--since", "2h", "--market", "btc", "--limit", "0", "--csv", "--journal", "/x"])
    assert (options.since, options.market, options.limit, options.csv, options.json, options.source) == ("2h", "btc", 0, True, False, "/x")
    assert parser().parse_args([command]).limit == 50


@pytest.mark.parametrize(("line", "said"), [
    ("fills --limit -1", "was '-1'"), ("pnl --json --csv", "not allowed with"), ("journal", "required: action"),
    ("", "required: command"), ("rum", "invalid choice: 'rum'"), ("run", "required: CONF"), ("run c --for 0", "was '0', must be"),
    ("run c --for nan", "was 'nan'"), ("threads --every -1", "was '-1'"), ("threads --every 0", "was '0'"),
    ("pause now", "unrecognized arguments: now"), ("status --pid x", "invalid int value"), ("resume --reason x", "unrecognized"),
])
def test_what_it_does_not_take_is_one_sentence_with_a_way_out(line: str, said: str) -> None:
    with pytest.raises(ConfigError, match="--help`") as refused:
        parser().parse_args(line.split())
    assert said in refused.value.problem


WORDS = st.one_of(st.sampled_from(["run", "pause", "status", "--json", "--for", "--pid", "--every", "--set", "--reason", "1", "-"]),
                  st.text(max_size=8))


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=6))
@example(["threads", "--every", "1e400"])
def test_no_arguments_at_all_end_in_a_traceback(arguments: list[str]) -> None:
    try:
        parser().parse_args(arguments)
    except ConfigError as error:
        assert error.remedy
    except SystemExit as left:
        assert left.code == 0 and any(one.startswith("-") for one in arguments)       # --help, abbreviated or not
