"""The account of a run shows what is known, and a file that cannot be written is found out before the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trader.errors import ConfigError
from trader.ops.summary import require_writable, summary_text, write_summary

SUMMARY = {
    "exit_reason": "SIGINT", "seconds": 61.26, "mode": "embedded", "orders_placed": 9, "orders_acked": 8, "orders_rejected": 1,
    "orders_cancelled": 7, "fills": 2, "volume_usd": 101.5, "fees_usd": 0.0, "pnl_marked_usd": -1.25, "pnl_settled_usd": 0.5,
    "inventory": {"yes": 100.0, "no": 12.5}, "open_orders_at_exit": 0,
}


def test_the_text_is_a_line_for_each_thing_that_people_ask() -> None:
    assert summary_text(SUMMARY).splitlines() == [
        "ended        SIGINT (61.3 s, mode embedded)",
        "orders       9 placed, 8 acknowledged, 1 rejected, 7 cancelled",
        "fills        2, volume 101.50 $, fees 0.00 $",
        "inventory    100 YES, 12.5 NO",
        "result       -1.25 $: +0.50 $ settled, the rest marked to the mid",
        "open orders  0",
    ]


def test_a_run_that_failed_early_shows_what_it_knows() -> None:
    early = {"exit_reason": "x", "seconds": 1, "mode": "live"}
    assert summary_text(early) == "ended        x (1.0 s, mode live)"


def test_open_orders_that_nobody_could_verify_are_told_as_such() -> None:
    assert summary_text(SUMMARY | {"open_orders_at_exit": None}).splitlines()[-1] == "open orders  unknown"


def test_the_file_holds_everything_as_json(tmp_path: Path) -> None:
    write_summary(SUMMARY, tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == SUMMARY


@pytest.mark.parametrize("name", ["absent/s.json", "."])
def test_a_file_that_cannot_be_written_is_a_configuration_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"--summary .* cannot be written: "):
        require_writable(tmp_path / name)


def test_the_look_whether_it_can_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    require_writable(tmp_path / "old.json")
    require_writable(tmp_path / "new.json")
    assert (tmp_path / "old.json").read_text() == "old" and not (tmp_path / "new.json").exists()
