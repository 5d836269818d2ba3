"""The control socket: commands to a running trader over a Unix socket that only its owner can open.

Server: the `control` thread, one connection at a time; its commands are those of `answers.py`. Client: `ask`,
called by the command line in another process. One request and one answer a connection, each a line of JSON:

    {"command": "threads"}   →   {"ok": true, "text": "..."}   or   {"ok": false, "error": "what is wrong. What to do."}
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trader.errors import ConfigError, ControlError, TraderError
from trader.ops.settings import OpsSettings
from trader.runtime.clock import Clock
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

REQUEST_LIMIT_BYTES = 65_536
CONNECTION_LIMIT_MS = 2_000      # for the whole exchange: a client that stalls holds up the next one
ACCEPT_S = 0.2
ANSWER_TIMEOUT_S = 5.0
_PATH_LIMIT_BYTES = 107          # sun_path of unix(7), less its final zero
_SHARED_MODE = 0o077

Command = Callable[[dict[str, Any]], dict[str, Any]]


def control_dir(settings: OpsSettings) -> Path:
    """The folder of the sockets of this user's traders."""
    if settings.control_dir:
        return Path(settings.control_dir).expanduser()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "trader" if runtime else Path(tempfile.gettempdir()) / f"trader-{os.getuid()}"


# --- server -----------------------------------------------------------------------------------------------------------


class ControlRole:
    """The `control` role. `commands` run on this thread, wait for nothing, and return JSON (`answers.py`).

    `peer_uid` tells who is at the other end; None where the system does not say (the folder's mode protects there).
    """

    name = "control"

    def __init__(self, settings: OpsSettings, clock: Clock, commands: Mapping[str, Command],
                 peer_uid: Callable[[socket.socket], int | None] | None = None) -> None:
        """Raises ConfigError when the folder is not for its owner alone: before anything trades."""
        self._folder, self._clock, self._commands = control_dir(settings), clock, commands
        _make_private(self._folder)
        self._peer_uid = peer_uid or _peer_uid
        self.posture = Posture(clock)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.path: Path | None = None            # None until it listens

    def on_start(self) -> None:
        for stale in _sockets_in(self._folder):
            if not _listens(stale):
                stale.unlink(missing_ok=True)
        self.path = self._listen()
        self._listener.settimeout(ACCEPT_S)

    def do_work(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            return
        self.posture.declare("answering a command", CONNECTION_LIMIT_MS + 1_000)
        with connection:
            self.serve(connection)

    def on_stop(self) -> None:
        self._listener.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def serve(self, connection: socket.socket) -> None:
        """Answers one request. Whatever the other side does, trading goes on."""
        end_ns = self._clock.monotonic_ns() + CONNECTION_LIMIT_MS * 1_000_000
        try:
            request = self._receive(connection, end_ns)
            if request is not None:
                connection.settimeout(self._left_s(end_ns))
                connection.sendall(self._answer(request, connection))
        except OSError as error:                 # a timeout is one too
            log.debug("control: connection lost: %s", error)

    def _receive(self, connection: socket.socket, end_ns: int) -> bytes | None:
        """The request's line, or what came of it up to the limit. None when the other side only looked whether we listen."""
        received = b""
        while b"\n" not in received and len(received) <= REQUEST_LIMIT_BYTES:
            connection.settimeout(self._left_s(end_ns))
            chunk = connection.recv(REQUEST_LIMIT_BYTES + 1 - len(received))
            if not chunk:
                return received or None
            received += chunk
        return received

    def _left_s(self, end_ns: int) -> float:
        left_ns = end_ns - self._clock.monotonic_ns()
        if left_ns <= 0:
            raise TimeoutError(f"no complete request within {CONNECTION_LIMIT_MS} ms")
        return left_ns / 1e9

    def _answer(self, received: bytes, connection: socket.socket) -> bytes:
        uid = self._peer_uid(connection)
        if uid not in (None, 0, os.getuid()):
            return _refusal(f"this trader belongs to user {os.getuid()}, not to user {uid}. Ask as its owner.")
        request = _request_in(received)
        if isinstance(request, str):
            return _refusal(request)
        name = request["command"]
        if name not in self._commands:
            close = get_close_matches(name, self._commands, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else f". Known: {', '.join(self._commands)}."
            return _refusal(f"unknown command {name[:40]!r}{meant}")
        return self._run(name, request)

    def _run(self, name: str, request: dict[str, Any]) -> bytes:
        try:
            return _line({"ok": True, **self._commands[name](request)})
        except TraderError as error:
            return _refusal(str(error))
        except Exception as error:               # a command that fails must not end trading
            log.exception("control: command %s failed", name)
            return _refusal(f"command {name} failed: {error!r}. The trader's log has the traceback; please report it.")

    def _listen(self) -> Path:
        """Listens under a hidden name and only then shows the socket: who finds it can connect, or it is stale."""
        hidden = self._folder / f".{os.getpid()}-{self._listener.fileno()}"
        if len(os.fsencode(hidden)) + len(".sock") > _PATH_LIMIT_BYTES:
            raise ConfigError(f"ops.control_dir {self._folder} is longer than the {_PATH_LIMIT_BYTES} bytes that a socket's path may "
                              "have.", remedy="Set ops.control_dir to a shorter path.")
        hidden.unlink(missing_ok=True)
        self._listener.bind(os.fspath(hidden))
        hidden.chmod(0o600)
        self._listener.listen(8)
        try:
            return _link_to_free_name(hidden, self._folder)
        finally:
            hidden.unlink()


def _link_to_free_name(hidden: Path, folder: Path) -> Path:
    """4711.sock; 4711-2.sock when this process runs a second trader."""
    for suffix in ("", *(f"-{count}" for count in range(2, 100))):
        with contextlib.suppress(FileExistsError):
            path = folder / f"{os.getpid()}{suffix}.sock"
            os.link(hidden, path)
            return path
    raise ConfigError(f"{folder} has 99 sockets of this process already.", remedy="Stop traders that are no longer needed.")


def _make_private(folder: Path) -> None:
    """Only its owner may enter: the folder's mode is the one check that every system makes."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigError(f"ops.control_dir {folder} cannot be made: {error.strerror}.",
                          remedy="Set ops.control_dir to a folder of your own.") from error
    if status.st_uid != os.getuid() or status.st_mode & _SHARED_MODE or not folder.is_dir() or folder.is_symlink():
        raise ConfigError(f"ops.control_dir {folder} is open to others (mode {status.st_mode & 0o777:o}, owner {status.st_uid}).",
                          remedy=f"Set ops.control_dir to a folder that is for this alone, as {folder / 'trader'}: one that does not exist "
                                 "is made, with mode 700.")


def _request_in(received: bytes) -> dict[str, Any] | str:
    """The request, or the sentence that says what is wrong with it."""
    if len(received) > REQUEST_LIMIT_BYTES:
        return f"the request is longer than {REQUEST_LIMIT_BYTES} bytes. Send one line of JSON."
    try:
        request = json.loads(received)
    except (ValueError, RecursionError):
        return 'the request is not JSON. Send one line like {"command": "threads"}.'
    if not isinstance(request, dict) or not isinstance(request.get("command"), str):
        return 'the request names no command. Send one line like {"command": "threads"}.'
    return request


def _refusal(sentence: str) -> bytes:
    return _line({"ok": False, "error": sentence})


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, default=str).encode() + b"\n"


def _peer_uid(connection: socket.socket) -> int | None:
    if sys.platform != "linux":
        return None
    _pid, uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)


# --- client -----------------------------------------------------------------------------------------------------------


def ask(folder: Path, pid: int | None, request: Mapping[str, Any], timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, Any]:
    """The answer of the running trader: the only one, or the one with this pid. ControlError when there is none or it refuses."""
    path = _only_trader(folder, pid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(_line(request))
            answer: dict[str, Any] = json.loads(b"".join(_chunks(connection)))
        except (OSError, ValueError) as error:
            raise ControlError(f"trader {path.stem} did not answer within {timeout_s:g} s ({type(error).__name__}).",
                               remedy=f"`kill -USR1 {path.stem.partition('-')[0]}` writes its thread dump to its log.") from error
    if not answer.get("ok"):
        raise ControlError(f"trader {path.stem} refused: {answer.get('error')}", remedy="`trader --help` lists the commands.")
    return answer


def _only_trader(folder: Path, pid: int | None) -> Path:
    running = [path for path in _sockets_in(folder) if _listens(path)]
    chosen = [path for path in running if pid is None or path.stem.partition("-")[0] == str(pid)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(path.stem for path in running)
    if chosen:
        raise ControlError(f"{len(chosen)} traders run: {names}.", remedy="Choose one with --pid.")
    if running:
        raise ControlError(f"no trader with pid {pid} runs; running: {names}.", remedy="Choose one of these with --pid.")
    raise ControlError(f"no trader of yours runs (looked in {folder}).",
                       remedy="Start one with `trader run conf.yaml`; if its conf.yaml sets ops.control_dir, add --control-dir.")


def _sockets_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sock"))


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except TimeoutError:
            return True                          # its queue is full: busy, not gone
        except OSError:
            return False
    return True


def _chunks(connection: socket.socket) -> Iterator[bytes]:
    while chunk := connection.recv(65_536):
        yield chunk
