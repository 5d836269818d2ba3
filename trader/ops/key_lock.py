"""One process per API key: heartbeats and account-wide cancels belong to the key, so two desks would cancel each other's orders.

Taken by `app.py` on the thread that starts a trader, released on the one that stops it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from trader.errors import ConfigError, LockedOut


class KeyLock:
    """A `flock` on a file named by the key's hash. The kernel drops it when the process dies, however it dies."""

    def __init__(self, folder: Path, key: str, flock: Callable[[int, int], None] = fcntl.flock) -> None:
        """Raises LockedOut, and ConfigError when the folder cannot hold it."""
        self._path = folder / f"key-{hashlib.sha256(key.encode()).hexdigest()[:16]}.lock"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _locked(self._path, flock)
        except OSError as error:
            raise ConfigError(f"ops.control_dir {folder} cannot hold {self._path.name}: {error.strerror}.",
                              remedy="Set ops.control_dir to a folder of your own.") from error

    def release(self) -> None:
        """Removes the file while it is still locked: whoever opened it meanwhile finds out and opens the next one."""
        file, self._file = self._file, -1
        if file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(file)


def _locked(path: Path, flock: Callable[[int, int], None]) -> int:
    """A descriptor that holds the lock on the file that bears this name now, with our pid in it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, file):
                os.ftruncate(file, 0)
                os.pwrite(file, str(os.getpid()).encode(), 0)
                return file
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode(errors="replace") or "unknown"
            os.close(file)
            raise LockedOut(f"another trader (pid {holder}) uses the same API key.",
                            remedy="Stop it first, or give this one a key of its own.") from None
        os.close(file)                           # its holder removed it between our open and our lock


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False
