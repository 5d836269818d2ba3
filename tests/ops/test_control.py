"""Commands reach a running trader of the same user, and nothing that a client sends can hurt it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ConfigError, ControlError, WireError
from trader.ops.control import REQUEST_LIMIT_BYTES, ControlRole, ask, control_dir
from trader.ops.settings import OpsSettings
from trader.runtime.clock import SystemClock
from trader.testing.manual_clock import ManualClock


def refuse(request: dict[str, Any]) -> dict[str, Any]:
    raise WireError("not now.", remedy="Later.")


COMMANDS = {
    "threads": lambda request: {"text": "a dump"},
    "echo": lambda request: {"got": request.get("word")},
    "refuse": refuse,
    "crash": lambda request: {"got": request["absent"]},
    "strange": lambda request: {(1, 2): "JSON has no such key"},
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because a socket's path may have 107 bytes and pytest's own folders are deep."""
    with tempfile.TemporaryDirectory(prefix="t-") as name:
        yield Path(name)


@pytest.fixture
def role(folder: Path) -> Iterator[ControlRole]:
    role = ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    role.on_start()
    yield role
    role.on_stop()


def answered(role: ControlRole, folder: Path, pid: int | None = None, **request: Any) -> dict[str, Any]:
    """Asks from this thread while the role takes two connections on another: the look whether it listens, and the request."""
    server = threading.Thread(target=lambda: [role.do_work() for _ in range(2)], daemon=True)
    server.start()
    try:
        return ask(folder, pid, request)
    finally:
        server.join(5)


class ScriptedConnection:
    """A client that sends these chunks, each after so many milliseconds, and then closes."""

    def __init__(self, clock: ManualClock, chunks: list[bytes], ms_each: int = 0) -> None:
        self._clock, self._chunks, self._ms_each = clock, list(chunks), ms_each
        self.sent = b""
        self.timeouts: list[float] = []

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def recv(self, limit: int) -> bytes:
        self._clock.advance(ms=self._ms_each)
        chunk = self._chunks.pop(0) if self._chunks else b""
        assert len(chunk) <= limit
        return chunk

    def sendall(self, data: bytes) -> None:
        self.sent += data


def served(chunks: list[bytes], ms_each: int = 0, peer_uid: int | None = None) -> ScriptedConnection:
    clock = ManualClock()
    connection = ScriptedConnection(clock, chunks, ms_each)
    role = ControlRole(OpsSettings(), clock, COMMANDS, peer_uid=lambda _: peer_uid)
    role.serve(cast(socket.socket, connection))
    role.on_stop()
    return connection


def error_of(connection: ScriptedConnection) -> str:
    answer = json.loads(connection.sent)
    assert answer["ok"] is False
    return str(answer["error"])


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_command_is_answered_with_what_it_returns() -> None:
    assert json.loads(served([b'{"command": "echo", "word": "hi"}\n']).sent) == {"ok": True, "got": "hi"}


def test_a_request_may_come_in_pieces() -> None:
    assert json.loads(served([b'{"comma', b'nd": "threads"}', b"\n"]).sent)["text"] == "a dump"


@pytest.mark.parametrize(("request_line", "said"), [
    (b"hello\n", "the request is not JSON."),
    (b"\xff\xfe\n", "the request is not JSON."),
    (b"[" * 60_000 + b"\n", "the request is not JSON."),
    (b"[]\n", "the request names no command."),
    (b"{}\n", "the request names no command."),
    (b'{"command": 3}\n', "the request names no command."),
    (b'{"command": "thread"}\n', "unknown command 'thread'; did you mean 'threads'?"),
    (b'{"command": "zzz"}\n', "unknown command 'zzz'. Known: threads, echo,"),
    (b'{"command": "refuse"}\n', "not now. Later."),
    (b'{"command": "crash"}\n', "command crash failed: KeyError('absent')."),
    (b'{"command": "strange"}\n', "command strange failed: TypeError("),
])
def test_what_cannot_be_done_is_answered_with_a_sentence(request_line: bytes, said: str) -> None:
    assert error_of(served([request_line])).startswith(said)


def test_a_request_that_is_too_long_is_refused_without_reading_on() -> None:
    half = b"x" * (REQUEST_LIMIT_BYTES // 2)
    connection = served([half, half, b"y", b"never read\n"])
    assert error_of(connection).startswith(f"the request is longer than {REQUEST_LIMIT_BYTES} bytes.")


def test_who_only_looks_whether_we_listen_gets_no_answer() -> None:
    assert served([]).sent == b""


def test_a_client_that_dribbles_is_left_after_two_seconds_in_all() -> None:
    connection = served([b"{"] * 1_000, ms_each=300)
    assert connection.sent == b""
    assert connection.timeouts[0] == 2.0 and connection.timeouts == sorted(connection.timeouts, reverse=True)
    assert len(connection.timeouts) == 7             # 7 × 300 ms is more than 2 s


@pytest.mark.parametrize("uid", [None, os.getuid(), 0])
def test_the_owner_and_root_are_answered(uid: int | None) -> None:
    assert json.loads(served([b'{"command": "threads"}\n'], peer_uid=uid).sent)["ok"]


def test_another_user_is_refused() -> None:
    assert error_of(served([b'{"command": "threads"}\n'], peer_uid=os.getuid() + 1)).startswith("this trader belongs to user")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=4))
def test_garbage_never_ends_the_role_and_is_always_answered(chunks: list[bytes]) -> None:
    connection = served(chunks)
    assert not connection.sent or isinstance(json.loads(connection.sent)["ok"], bool)


# --- the socket -------------------------------------------------------------------------------------------------------


def test_the_answer_crosses_a_real_socket(role: ControlRole, folder: Path) -> None:
    assert answered(role, folder, command="threads") == {"ok": True, "text": "a dump"}


def test_only_the_owner_can_open_folder_and_socket(role: ControlRole, folder: Path) -> None:
    assert role.path is not None and role.path.name == f"{os.getpid()}.sock"
    assert stat.S_IMODE(role.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_real_peer_is_told_by_the_kernel(folder: Path) -> None:
    role = ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        theirs.sendall(b'{"command": "threads"}\n')
        role.serve(ours)
        assert json.loads(theirs.recv(1000))["ok"]
    role.on_stop()


def test_the_socket_is_gone_after_the_stop(folder: Path) -> None:
    role = ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    role.on_start()
    role.on_stop()
    assert list(folder.iterdir()) == []


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def leave_socket(folder: Path, pid: int) -> Path:
    """What a killed trader leaves: a file at which nobody listens."""
    path = folder / f"{pid}.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    return path


def test_sockets_of_dead_processes_are_removed_at_start(folder: Path) -> None:
    stale = leave_socket(folder, dead_pid())
    role = ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    role.on_start()
    assert not stale.exists()
    role.on_stop()


def test_a_socket_that_a_predecessor_with_our_pid_left_is_replaced(folder: Path) -> None:
    leave_socket(folder, os.getpid())                # in a container every run has the same pid
    role = ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    role.on_start()
    assert role.path == folder / f"{os.getpid()}.sock"
    role.on_stop()


def test_two_traders_of_one_process_have_a_socket_each(role: ControlRole, folder: Path) -> None:
    second = ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    second.on_start()
    assert second.path == folder / f"{os.getpid()}-2.sock"
    with pytest.raises(ControlError, match=r"2 traders run: .*Choose one with --pid"):
        ask(folder, None, {"command": "threads"})
    second.on_stop()


def test_a_folder_that_others_may_enter_is_refused_with_the_way_out(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(ConfigError, match=f"open to others .*as {folder}/trader: one that does not exist is made") as refused:
        ControlRole(OpsSettings(control_dir=str(folder)), SystemClock(), COMMANDS)
    assert "chmod" not in str(refused.value)         # the folder named by mistake may be /tmp, or a home that others must enter


def test_a_folder_that_cannot_be_made_is_a_configuration_error(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        ControlRole(OpsSettings(control_dir=str(folder / "file" / "x")), SystemClock(), COMMANDS)


def test_a_folder_with_too_long_a_name_is_a_configuration_error(folder: Path) -> None:
    role = ControlRole(OpsSettings(control_dir=str(folder / ("x" * 120))), SystemClock(), COMMANDS)
    with pytest.raises(ConfigError, match="longer than the 107 bytes"):
        role.on_start()
    role.on_stop()


def test_waiting_for_a_client_is_one_bounded_cycle(role: ControlRole) -> None:
    role.do_work()                                   # nobody asks: it returns


# --- asking -----------------------------------------------------------------------------------------------------------


def test_asking_when_no_trader_runs_says_where_one_was_looked_for(folder: Path) -> None:
    leave_socket(folder, dead_pid())
    with pytest.raises(ControlError, match=f"no trader of yours runs \\(looked in {folder}\\)"):
        ask(folder, None, {"command": "threads"})


def test_asking_by_pid_finds_that_trader(role: ControlRole, folder: Path) -> None:
    assert answered(role, folder, os.getpid(), command="threads")["ok"]


def test_asking_for_a_pid_that_does_not_run_names_those_that_do(role: ControlRole, folder: Path) -> None:
    with pytest.raises(ControlError, match=f"no trader with pid 1 runs; running: {os.getpid()}"):
        ask(folder, 1, {"command": "threads"})


def test_a_refusal_becomes_an_error_of_the_caller(role: ControlRole, folder: Path) -> None:
    with pytest.raises(ControlError, match=r"refused: not now\. Later\."):
        answered(role, folder, command="refuse")


def test_a_trader_that_hangs_is_told_with_what_still_works(role: ControlRole, folder: Path) -> None:
    with pytest.raises(ControlError, match=f"did not answer .*kill -USR1 {os.getpid()}"):
        ask(folder, None, {"command": "threads"}, timeout_s=0.05)


def test_without_a_folder_of_its_own_the_socket_is_in_one_that_belongs_to_the_user() -> None:
    assert control_dir(OpsSettings(control_dir="~/x")) == Path.home() / "x"
    assert control_dir(OpsSettings()).name.startswith("trader")
