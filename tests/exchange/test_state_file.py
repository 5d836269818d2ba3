"""The file behind --state: framing, torn ends, generations, the lock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ConfigError
from trader.exchange.state_file import StateFile

JSON = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.text(), st.lists, max_leaves=10)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "exchange.state"


def begun(path, head=("head of it",), rows=(["row"],)):
    file = StateFile(path)
    file.write(file.begin_log(), list(head), rows)
    return file


def reread(path):
    file = StateFile(path)
    try:
        return list(file.read())
    finally:
        file.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(JSON)), st.lists(st.lists(JSON)))
def test_rows_and_commands_come_back_as_they_were(tmp_path_factory, rows, commands):
    path = tmp_path_factory.mktemp("state") / "file"
    file = begun(path, rows=rows)
    for command in commands:
        file.append(command)
    file.close()
    assert reread(path) == [["head of it"], *rows, *commands]


def test_a_log_torn_anywhere_in_its_last_line_loses_only_that_line(path):
    file = begun(path, rows=[])
    file.append(["one"])
    whole = file.log_bytes
    file.append(["two"])
    file.close()
    log, = path.parent.glob("*.log")
    text = log.read_bytes()
    for length in range(whole, len(text)):
        log.write_bytes(text[:length])
        assert reread(path) == [["head of it"], ["one"]]


def test_a_changed_byte_is_an_error_that_names_file_and_line(path):
    begun(path, rows=[["cash", 100]]).close()
    path.write_bytes(path.read_bytes().replace(b"100", b"900"))
    with pytest.raises(ConfigError, match=r"exchange\.state: line 2: the checksum does not fit"):
        reread(path)


def test_a_snapshot_without_its_end_is_an_error(path):
    begun(path).close()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(ConfigError, match="not a whole state file"):
        reread(path)


def test_a_kill_between_a_new_log_and_its_snapshot_loses_nothing(path):
    file = begun(path)
    file.append(["before"])
    file.begin_log()
    file.append(["after"])      # and the kill comes before `write`
    file.close()
    assert reread(path)[1:] == [["row"], ["before"], ["after"]]


def test_a_snapshot_makes_the_logs_before_it_go(path):
    file = begun(path)
    file.append(["before"])
    file.write(file.begin_log(), ["new head"], [["new row"]])
    file.append(["after"])
    file.close()
    assert reread(path) == [["new head"], ["new row"], ["after"]]
    assert len(list(path.parent.glob("*.log"))) == 1


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="its folder cannot be written to: No such file or directory"):
        StateFile(tmp_path / "nowhere" / "state")


def test_the_lock_goes_with_the_owner(path):
    first = begun(path)
    with pytest.raises(ConfigError, match="in use by the exchange with pid"):
        StateFile(path)
    first.close()
    StateFile(path).close()
