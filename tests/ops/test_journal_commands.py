"""`trader fills`, `orders`, `pnl`, `journal verify`: from arguments to text."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing

import pytest

from trader.arguments import parser
from trader.errors import ConfigError, JournalError
from trader.journal import reader
from trader.journal.folder import JournalFolder
from trader.journal.store import Journal, Run
from trader.model.cycle import Cycle, Now, View
from trader.model.event import Fill, MarketChange, MarketResolved, TradeStatus
from trader.model.intent import Mode
from trader.model.market import Market
from trader.model.order import Side
from trader.model.recall import NOTHING_RECALLED
from trader.ops.journal_commands import files_at, run

MARKET = Market("btc-9am", "0xc", "1", "2", 100, 5_000_000, 0, 3_600_000, "v1", False)
FILL = Fill("t1", "o1", "0xc", "1", Side.BUY, 4800, 20_000_000, 0, TradeStatus.MATCHED, 0)
VIEW = View(None, None, None, None, None, (), False, None, "")
NOW_MS = 1_795_000_000_000


def write(path, count=1, run_id="run-1", *, outcome=()):
    """A journal with so many fills, a minute apart, in one window; the newest a minute ago."""
    folder = JournalFolder(path)
    journal = Journal(folder, Run(run_id, "live", "0.1.0", "", "", "{}", NOTHING_RECALLED), fresh=True, max_bytes=2**30, keep=5)
    journal.begin(Now(0, 0))
    for number in range(count):
        now = Now(number, NOW_MS - (count - number) * 60_000)
        letters = (MarketChange(MARKET), FILL._replace(trade_id=f"t{number}"), *outcome)
        journal.commit([journal.prepare([Cycle(now, letters, VIEW, (), (), (), Mode.STOP, "boot", (), ())])])
    journal.close()
    folder.release()
    return path


def said(path, *words, width=160):
    source = [str(path)] if words[0] == "journal" else ["--journal", str(path)]
    return run(parser().parse_args([*words, *source]), NOW_MS, width)


def test_a_table_has_a_line_a_fill_and_says_where_it_comes_from(tmp_path):
    lines = said(write(tmp_path / "live-a", 2), "fills").splitlines()
    assert ["btc-9am" in line and "0.48" in line for line in lines[2:4]] == [True, True]
    assert f"2 from {tmp_path / 'live-a'}" in " ".join(line.strip() for line in lines)       # a long path has a line of its own


def test_pnl_adds_up_below_the_table(tmp_path):
    assert "19.2" in said(write(tmp_path / "live-a", 2), "pnl").splitlines()[-2]


def test_json_and_csv_have_every_column(tmp_path):
    path = write(tmp_path / "live-a")
    row, = json.loads(said(path, "fills", "--json"))
    told, = csv.DictReader(io.StringIO(said(path, "fills", "--csv")))
    assert list(told) == list(row) and (row["trade_id"], told["trade_id"]) == ("t0", "t0")


def test_without_rows_every_form_is_still_well_formed(tmp_path):
    path = write(tmp_path / "live-a")
    assert json.loads(said(path, "orders", "--json")) == [] and said(path, "orders", "--csv") == ""
    assert "0 from" in said(path, "orders")


def test_a_narrow_terminal_folds_and_loses_nothing(tmp_path):
    text = said(write(tmp_path / "live-a"), "fills", width=60)
    assert max(map(len, text.splitlines())) <= 60 and "MATC" in text


@pytest.mark.parametrize(("since", "count"), [
    ("90s", 1), ("3m", 3), ("1d", 5), ("2026-11-18", 5), ("2027-01-01T00:00", 0), ("2026-11-18T12:06:40+01:00", 0),
])
def test_since_is_a_span_or_a_time(tmp_path, since, count):
    assert len(json.loads(said(write(tmp_path / "live-a", 5), "fills", "--json", "--since", since))) == count


def test_a_since_that_is_neither_says_how_to_write_it(tmp_path):
    with pytest.raises(ConfigError, match=r"--since was 'yesterday'.*--since 2h"):
        said(write(tmp_path / "live-a"), "fills", "--since", "yesterday")


def test_the_newest_fifty_are_shown_unless_asked_otherwise(tmp_path):
    path = write(tmp_path / "live-a", 60)
    counts = [len(json.loads(said(path, "fills", "--json", *more))) for more in ((), ("--limit", "7"), ("--limit", "0"))]
    assert counts == [50, 7, 60]


def test_of_all_wallets_the_one_that_wrote_last_is_meant(tmp_path):
    write(tmp_path / "live-a")
    write(tmp_path / "live-b")
    assert files_at(tmp_path)[0].parent.name == "live-b"


def test_of_real_money_all_files_are_one_story_and_of_play_money_only_those_of_the_newest_run(tmp_path):
    for name in ("live-a", "embedded"):
        for run_id in ("run-1", "run-2", "run-2"):       # the second goes on in a second file
            write(tmp_path / name, run_id=run_id)
    assert len(files_at(tmp_path / "live-a")) == 3
    assert [file.name for file in files_at(tmp_path / "embedded")] == ["journal-000002.sqlite", "journal-000003.sqlite"]


def test_a_file_of_an_older_version_does_not_hide_the_newest_run_of_play_money(tmp_path):
    for run_id in ("run-1", "run-2", "run-3"):
        write(tmp_path / "embedded", run_id=run_id)
    with closing(sqlite3.connect(tmp_path / "embedded" / "journal-000001.sqlite")) as db:
        db.execute("PRAGMA user_version = 1")
    assert [file.name for file in files_at(tmp_path / "embedded")] == ["journal-000003.sqlite"]
    with pytest.raises(JournalError, match="was written by an older trader: its tables have version 1"):
        reader.runs(files_at(tmp_path / "embedded" / "journal-000001.sqlite"))


def test_where_there_is_no_journal_it_says_what_to_name(tmp_path):
    with pytest.raises(JournalError, match=r"no journal in .*Name a file or a folder"):
        said(tmp_path, "fills")


def test_a_run_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(JournalError, match="has no run run-7"):
        said(write(tmp_path / "live-a"), "journal", "verify", "--run", "run-7")


def test_a_run_whose_settings_this_version_does_not_know_names_the_version_that_does(tmp_path):
    with pytest.raises(JournalError, match=r"Replay it with trader 0\.1\.0"):
        said(write(tmp_path / "live-a"), "journal", "verify")


def test_pnl_is_split_on_request_and_the_parts_add_up(tmp_path):
    path = write(tmp_path / "live-a", 2, outcome=[MarketResolved("0xc", "1")])
    row, = json.loads(said(path, "pnl", "--by", "spread,adverse,inventory", "--json"))
    assert (row["spread"], row["adverse"], row["inventory"], row["pnl"], row["unmarked"]) == (0, 0, 20.8, 20.8, 2)


def test_while_the_value_is_not_known_the_parts_are_not_either(tmp_path):
    row, = json.loads(said(write(tmp_path / "live-a"), "pnl", "--by", "spread", "--json"))
    assert (row["pnl"], row["spread"]) == (None, None)


def test_of_the_parts_the_table_shows_those_that_were_asked_for(tmp_path):
    head = said(write(tmp_path / "live-a"), "pnl", "--by", "adverse,spread").splitlines()[0].split()
    assert head == ["opened", "fills", "adverse", "spread", "fees", "pnl", "markout_1s", "markout_5s", "markout_30s", "unmarked"]


def test_a_part_that_there_is_not_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"'luck' is no part of P&L; must be any of spread,adverse,inventory"):
        said(write(tmp_path / "live-a"), "pnl", "--by", "spread,luck")


def test_a_plot_is_written_beside_the_table(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "pnl.png"
    assert "total" in said(write(tmp_path / "live-a"), "pnl", "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
