"""Where the journals of one wallet lie: `journal-000001.sqlite` and so on, the highest number being the newest.

A desk claims its folder for the run, so that a file has one writer. Used on the thread that starts a trader, then by `journal`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from trader.errors import JournalError, LockedOut
from trader.journal.settings import JournalSettings

_MOST_DESKS = 100            # of play money, side by side


def journal_root(settings: JournalSettings, env: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds a folder for each wallet."""
    if settings.dir:
        return Path(settings.dir).expanduser()
    state = env.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()) / "trader" / "journal"


class JournalFolder:
    """Claimed by `flock` on its `lock`; the kernel drops the claim when the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        """Raises LockedOut when another process writes here, and JournalError when the folder cannot be used."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as why:
            raise JournalError(f"the journal's folder {path} cannot be used: {why.strerror}.",
                               remedy="Set journal.dir to a folder of your own.") from why
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace") or "unknown"
            os.close(self._lock)
            raise LockedOut(f"another trader (pid {holder}) writes its journal in {path}.",
                            remedy="Stop it first, or set journal.dir to another folder.") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def files(self) -> list[Path]:
        return journal_files(self.path)

    def next_file(self) -> Path:
        """The name of a file that does not exist yet."""
        files = self.files()
        return self.path / f"journal-{_number(files[-1]) + 1 if files else 1:06}.sqlite"

    def prune(self, keep: int) -> None:
        """Deletes all but the newest."""
        for file in self.files()[:-keep]:
            for end in ("-wal", "-shm", ""):         # the file itself last: without it the others would stay for ever
                file.with_name(file.name + end).unlink(missing_ok=True)

    def release(self) -> None:
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def claim_live(root: Path, address: str) -> JournalFolder:
    """Of the wallet that trades real money."""
    return JournalFolder(root / f"live-{address.lower()}")


def claim_embedded(root: Path) -> JournalFolder:
    """Of play money: nothing in it is ever recalled, so the first folder that no other desk writes to will do."""
    for number in range(1, _MOST_DESKS):
        try:
            return JournalFolder(root / (f"embedded-{number}" if number > 1 else "embedded"))
        except LockedOut:
            continue
    return JournalFolder(root / f"embedded-{_MOST_DESKS}")


def journal_files(path: Path) -> list[Path]:
    """The journals in this folder, oldest first."""
    return sorted(file for file in path.glob("journal-*.sqlite") if _number(file))


def _number(file: Path) -> int:
    digits = file.stem.removeprefix("journal-")
    return int(digits) if digits.isdecimal() else 0
