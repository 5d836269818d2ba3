"""`trader run` at a pseudo-terminal, as a person starts it: a table in place, commands from another process, Ctrl-C, a clean end."""

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 100, 30


class TerminalSession:
    """A `trader` whose terminal we are. `said` is everything that it wrote. A reader keeps the terminal empty."""

    def __init__(self, *arguments, environment=None):
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        self._slave = slave
        self.modes = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trader", *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
            env={**os.environ, "TERM": "xterm", **(environment or {})}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))     # so that Ctrl-C becomes a SIGINT
        self._bytes = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self):
        return self._bytes.decode()

    @property
    def frame(self):
        """The newest whole frame, without its colours."""
        whole = [part for part in self.said.split("\x1b[J") if "frames/s" in part]
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", whole[-1]) if whole else ""

    def wait_for(self, pattern, timeout_s=20):
        end_s = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.frame)):
            assert time.monotonic() < end_s and self.process.poll() is None, f"{pattern!r} was not shown:\n{self.said}"
            time.sleep(0.02)
        return found

    def press(self, key):
        os.write(self._master, {"Ctrl-C": b"\x03", "Ctrl-S": b"\x13", "Ctrl-Q": b"\x11"}[key])

    def finish(self):
        """The exit code, and all that was said after the last frame."""
        code = self.process.wait(30)
        assert termios.tcgetattr(self._slave) == self.modes
        os.close(self._slave)
        self._reader.join(5)
        return code, self.said.rpartition("frames/s")[2]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._slave)
        self._reader.join(5)
        os.close(self._master)

    def _read(self):
        with contextlib.suppress(OSError):       # EIO: the last one at the other end has closed it
            while data := os.read(self._master, 65_536):
                self._bytes += data


@pytest.fixture
def at_terminal(tmp_path):
    sessions = []

    def start(*arguments, environment=None):
        sessions.append(TerminalSession(*arguments, environment=environment))
        return sessions[-1]

    tmp_path.chmod(0o700)
    yield start
    for session in sessions:
        session.close()


@pytest.fixture
def run(at_terminal, tmp_path):
    def start(*arguments, environment=None):
        return at_terminal("run", "conf.yaml.example", "--set", f"ops.control_dir={tmp_path}", *arguments, environment=environment)
    return start


def trader(folder, *arguments):
    return subprocess.run([sys.executable, "-m", "trader", *arguments, "--control-dir", str(folder)], cwd=ROOT, capture_output=True,
                          text=True, timeout=60)


def test_a_person_sees_the_market_pauses_resumes_and_ends_it(run, tmp_path):
    session = run()
    session.wait_for(r"(?s)window +\d+:\d\d left +\S+-et.*YES +[\d.,]+ .*buy +YES .*working.*pm-book \d+ ")
    paused = trader(tmp_path, "pause", "--reason", "lunch")
    assert (paused.returncode, paused.stdout[:23]) == (0, "paused: nothing is open")
    session.wait_for(r"(?s)mode +STOP.*guards +paused \d.*our orders\s+YES[^\n]*none")
    assert trader(tmp_path, "resume").returncode == 0
    session.wait_for(r"mode +(CAUTION|NORMAL)")
    session.press("Ctrl-C")
    code, ending = session.finish()
    assert code == 0 and "ended        SIGINT" in ending and ending.rstrip().endswith("open orders  0")


def test_the_log_stands_whole_above_the_table_and_the_terminal_is_left_as_it_was(run):
    session = run("--for", "6")
    code, _ = session.finish()
    assert code == 0 and "\x1b[?" not in session.said        # no mode of the terminal was ever switched
    texts = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", line) for line in session.said.split("\n")]
    logged = [line for line in texts if " executor " in line]
    assert logged and all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING) ", line) for line in logged)
    assert session.said.count("frames/s") >= 10


@pytest.mark.parametrize(("arguments", "environment"), [(["--no-screen"], {}), ([], {"TERM": "dumb"})])
def test_who_wants_no_table_gets_log_lines(run, arguments, environment):
    session = run("--for", "2", *arguments, environment=environment)
    code, _ = session.finish()
    assert code == 0 and "frames/s" not in session.said and "\x1b" not in session.said and "open orders  0" in session.said


def test_no_color_is_a_table_without_colours(run):
    session = run(environment={"NO_COLOR": "1"})
    session.wait_for(r"mode +NORMAL")
    assert not re.search(r"\x1b\[[0-9;]*m", session.said)


def test_status_watch_is_the_same_table_until_ctrl_c(run, at_terminal, tmp_path):
    run().wait_for(r"mode +NORMAL")
    watching = at_terminal("status", "--watch", "--control-dir", tmp_path)
    watching.wait_for(r"(?s)window +\d.*pm-book \d+ ")
    watching.press("Ctrl-C")
    assert watching.finish()[0] == 0


def test_a_terminal_that_is_held_holds_nothing_else_up(run, tmp_path):
    session = run()
    session.wait_for(r"mode +NORMAL")
    session.press("Ctrl-S")
    assert trader(tmp_path, "pause").returncode == 0 and trader(tmp_path, "resume").returncode == 0
    assert "paused" not in session.frame
    session.press("Ctrl-Q")
    session.wait_for(r"guards +(cooldown|caution)")
    assert "pause: operator" in session.said     # the log lines that had to wait
    session.press("Ctrl-C")
    assert session.finish()[0] == 0
