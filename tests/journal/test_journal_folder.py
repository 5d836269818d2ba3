"""A folder has one writer, play money never mixes with real, and old files go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trader.errors import JournalError, LockedOut
from trader.journal.folder import JournalFolder, claim_embedded, claim_live, journal_root
from trader.journal.settings import JournalSettings


def test_a_second_writer_is_refused_and_told_who_the_first_one_is(tmp_path):
    JournalFolder(tmp_path)
    with pytest.raises(LockedOut, match=rf"pid {os.getpid()}\) writes its journal in"):
        JournalFolder(tmp_path)


def test_a_released_folder_may_be_claimed_again(tmp_path):
    JournalFolder(tmp_path).release()
    JournalFolder(tmp_path).release()


def test_each_wallet_has_a_folder_of_its_own_and_play_money_another(tmp_path):
    folders = [claim_live(tmp_path, "0xAB"), claim_live(tmp_path, "0xcd"), claim_embedded(tmp_path), claim_embedded(tmp_path)]
    assert [folder.path.name for folder in folders] == ["live-0xab", "live-0xcd", "embedded", "embedded-2"]


def test_one_wallet_has_one_writer_whatever_its_address_looks_like(tmp_path):
    claim_live(tmp_path, "0xAB")
    with pytest.raises(LockedOut):
        claim_live(tmp_path, "0xab")


@pytest.mark.parametrize(("configured", "env", "root"), [
    ("/data/journal", {"XDG_STATE_HOME": "/state"}, "/data/journal"),
    ("", {"XDG_STATE_HOME": "/state"}, "/state/trader/journal"),
    ("", {"XDG_STATE_HOME": "relative is not allowed"}, "~/.local/state/trader/journal"),
    ("", {}, "~/.local/state/trader/journal"),
])
def test_the_configured_folder_counts_then_the_users_state_folder(configured, env, root):
    assert journal_root(JournalSettings(dir=configured), env) == Path(root).expanduser()


def test_files_are_numbered_and_what_is_no_journal_is_left_alone(tmp_path):
    folder = JournalFolder(tmp_path)
    for name in ("journal-000009.sqlite", "journal-000009.sqlite-wal", "journal-000009.sqlite-shm", "journal-000010.sqlite",
                 "journal-x.sqlite", "journal-000011.new", "notes.txt"):
        (tmp_path / name).touch()
    folder.prune(1)
    assert folder.next_file().name == "journal-000011.sqlite"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "journal-000010.sqlite", "journal-000011.new", "journal-x.sqlite", "lock", "notes.txt"]


def test_a_folder_that_cannot_be_made_is_refused_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"Set journal\.dir"):
        JournalFolder(tmp_path / "file" / "folder")
