"""The raw cycles of one run, in order, from all files that it went through. Read-only; any thread, any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import zstandard

from trader.errors import JournalError
from trader.journal.codec import LAYOUT, decode, decode_cycle
from trader.journal.schema import open_to_read, refusals
from trader.model.cycle import Cycle
from trader.model.recall import Recalled


class RecordedRun(NamedTuple):
    run_id: str
    version: str
    mode: str
    started_ms: int
    end_reason: str | None           # None: it was killed, or it runs
    layout: str
    setup: str
    recalled: Recalled


def runs(files: Sequence[Path]) -> list[RecordedRun]:
    """Oldest first. `recalled` is empty where the layout is another one: it cannot be read then."""
    found: dict[str, RecordedRun] = {}
    for file in files:
        with refusals(file), closing(open_to_read(file)) as db:
            for row in db.execute("SELECT * FROM runs ORDER BY started_ms, rowid"):
                recalled = decode(Recalled, row["recalled"].encode()) if row["layout"] == LAYOUT else Recalled((), (), (), (), 0, 0)
                found[row["run_id"]] = RecordedRun(row["run_id"], row["version"], row["mode"], row["started_ms"], row["end_reason"],
                                                   row["layout"], row["setup"], recalled)
    return list(found.values())


def cycles(files: Sequence[Path], run: RecordedRun) -> Iterator[Cycle]:
    """Raises JournalError when one is missing or cannot be read, behind the last one before it."""
    if run.layout != LAYOUT:
        raise JournalError(f"run {run.run_id} was written by trader {run.version}, whose cycles have another layout ({run.layout}, "
                           f"here {LAYOUT}).", remedy=f"Replay it with trader {run.version}; fills, orders and pnl can be read with any.")
    expected = 1
    for file in files:
        for number, _, text in texts(file, run.run_id):
            if number != expected:
                raise JournalError(f"{file} continues run {run.run_id} at cycle {number}, but cycle {expected} is missing.",
                                   remedy="Name the folder with all files of the run; journal.keep says how many are kept.")
            expected += 1
            yield decode_cycle(text)


def texts(file: Path, run_id: str) -> Iterator[tuple[int, int, bytes]]:
    """Of each cycle in this file: its number, its wall time, and its text as `codec` wrote it."""
    sql = """SELECT stream, number, wall_ms, packed FROM cycles JOIN streams USING (stream) WHERE run_id = ? ORDER BY id"""
    stream, unpacker = -1, zstandard.ZstdDecompressor().decompressobj()
    with refusals(file), closing(open_to_read(file)) as db:
        for row in db.execute(sql, (run_id,)):
            if row["stream"] != stream:
                stream, unpacker = row["stream"], zstandard.ZstdDecompressor().decompressobj()
            try:
                text = unpacker.decompress(row["packed"])
            except zstandard.ZstdError as why:
                raise JournalError(f"{file}: cycle {row['number']} of run {run_id} is damaged: {why}.",
                                   remedy="What came before it can be trusted, and so can fills, orders and pnl.") from why
            yield row["number"], row["wall_ms"], text
