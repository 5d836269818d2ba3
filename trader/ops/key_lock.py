"""One process per API key: heartbeats and account-wide cancels belong to the key, so two desks would cancel each other's orders."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

from trader.errors import LockedOut


class KeyLock:
    """A `flock` on a file named by the key's hash. The kernel drops it when the process dies, however it dies."""

    def __init__(self, folder: Path, key: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"key-{hashlib.sha256(key.encode()).hexdigest()[:16]}.lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise LockedOut(f"another trader (pid {holder}) uses the same API key.",
                            remedy="Stop it first, or give this one a key of its own.") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._file)
