"""One trader a key: the second is refused by the first one's pid, and no death of a holder leaves the key locked."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from trader.errors import ConfigError, LockedOut
from trader.ops.key_lock import KeyLock

HOLD = "import sys; from pathlib import Path; from trader.ops.key_lock import KeyLock; " \
       "lock = KeyLock(Path(sys.argv[1]), 'key'); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `key`."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_holder_is_refused_by_the_pid_of_the_first(tmp_path, holder):
    with pytest.raises(LockedOut, match=rf"\(pid {holder.pid}\).*Stop it first"):
        KeyLock(tmp_path, "key")


def test_a_second_one_in_the_same_process_is_refused_too(tmp_path):
    first = KeyLock(tmp_path, "key")
    with pytest.raises(LockedOut, match=rf"\(pid {os.getpid()}\)"):
        KeyLock(tmp_path, "key")
    first.release()


def test_another_key_is_another_lock(tmp_path, holder):
    KeyLock(tmp_path, "other").release()


def test_a_holder_that_was_killed_leaves_the_key_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock = KeyLock(tmp_path, "key")
    with pytest.raises(LockedOut, match=rf"\(pid {os.getpid()}\)"):      # not the pid that the dead one left in the file
        KeyLock(tmp_path, "key")
    lock.release()


def test_release_frees_the_key_and_leaves_no_file(tmp_path):
    KeyLock(tmp_path, "key").release()
    assert list(tmp_path.iterdir()) == []
    KeyLock(tmp_path, "key").release()


def test_a_second_release_closes_nobody_elses_descriptor(tmp_path):
    lock = KeyLock(tmp_path, "key")
    lock.release()
    read_end, write_end = os.pipe()              # likely the number that the lock had
    lock.release()
    os.write(write_end, b"!")
    assert os.read(read_end, 1) == b"!"
    os.close(read_end)
    os.close(write_end)


def test_the_file_names_the_key_to_nobody_and_is_its_owners_alone(tmp_path):
    lock = KeyLock(tmp_path / "made", "key")
    file, = (tmp_path / "made").iterdir()
    assert "key-2c70e12b7a0646f9" in file.name and file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    lock.release()


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"ops\.control_dir .*/file/below cannot hold key-.*: Not a directory\. Set ops"):
        KeyLock(tmp_path / "file" / "below", "key")


def test_a_file_that_its_holder_removed_between_our_open_and_our_lock_is_not_the_lock(tmp_path):
    """Else we would hold a lock on nothing, and the next one that comes would hold the key too."""
    holders = [KeyLock(tmp_path, "key")]

    def late_flock(file, operation):
        while holders:
            holders.pop().release()
        fcntl.flock(file, operation)

    lock = KeyLock(tmp_path, "key", late_flock)
    with pytest.raises(LockedOut):
        KeyLock(tmp_path, "key")
    lock.release()
