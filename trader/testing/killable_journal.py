"""A real journal whose writer can be killed at any moment: what was not committed is gone. For tests of starts after a kill."""

from __future__ import annotations

from pathlib import Path

from trader.journal import reader
from trader.journal.folder import JournalFolder
from trader.journal.recall import recall
from trader.journal.store import Group, Journal, Run
from trader.model.cycle import Cycle, Now
from trader.model.recall import Recalled
from trader.ops.replay import verify

_FILE_BYTES = 400_000        # small: runs go over from one file to the next


class KillableJournal:
    """One folder and the runs in it, one after the other."""

    def __init__(self, path: Path) -> None:
        self._folder = JournalFolder(path)
        self._journal: Journal | None = None
        self._held: list[Group] = []             # each a cycle that is not committed
        self.runs = 0

    def begin(self, setup: str, now: Now, recalled: Recalled) -> None:
        self.runs += 1
        run = Run(f"run-{self.runs}", "live", "0", "0x0", "", setup, recalled)
        self._journal = Journal(self._folder, run, fresh=False, max_bytes=_FILE_BYTES, keep=1000)
        self._journal.begin(now)

    def put(self, cycle: Cycle) -> None:
        self._held.append(self._writer().prepare([cycle]))

    def commit(self, now: Now) -> None:
        """As the writing thread does in the end; a place leaves only then."""
        self._writer().commit(self._held)
        self._held = []
        if self._writer().is_full():
            self._writer().rotate(now)

    @property
    def held(self) -> int:
        return len(self._held)

    def kill(self, survivors: int) -> None:
        """The first so many of what is held had reached the disk."""
        self._writer().commit(self._held[:survivors])
        self._held = []
        self._writer().close()
        self._journal = None

    def recalled(self, now_ms: int) -> Recalled:
        return recall(self._folder.path, now_ms)

    def differences(self) -> list[str]:
        """Of every run that was killed or committed: where a replay decides otherwise than it did."""
        files = self._folder.files()
        verdicts = [verify(run, reader.cycles(files, run)) for run in reader.runs(files)]
        return [verdict.difference for verdict in verdicts if verdict.difference]

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._folder.release()

    def _writer(self) -> Journal:
        assert self._journal is not None, "begin() comes first"
        return self._journal
