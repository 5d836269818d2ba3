"""The thread dump: what every thread of this process does right now, as text (docs/threads.md says how to read it).

`dump_threads` runs on whichever thread wants to know: `control` (`trader threads`), `dump` (SIGUSR1), or one that reports a
failure. It takes no lock that a role holds. `DumpOnDemand` is the role behind SIGUSR1.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import NamedTuple

from trader.runtime.clock import Clock
from trader.runtime.role import Posture
from trader.runtime.supervisor import RoleReport

PARK_S = 0.2
_NO_LIMIT_MS = 10**9         # longer than any declared limit; "not started" and "stopped" have none


class Spot(NamedTuple):
    """One line of a stack: where, and the source there (empty when it cannot be read)."""

    file: str
    line: int
    function: str
    source: str


class ThreadSample(NamedTuple):
    """One living thread. `stack` is outermost first, so that the parking spot comes last. `cpu_ms` is None off Linux."""

    name: str
    native_id: int | None
    cpu_ms: int | None
    stack: tuple[Spot, ...]


def dump_threads(reports: list[RoleReport], depths: Mapping[str, int]) -> str:
    """The dump of this process: a table with a line a thread, the depths of the queues, then every stack."""
    return format_dump(sample_threads(), reports, depths)


# --- collecting -------------------------------------------------------------------------------------------------------


def sample_threads() -> list[ThreadSample]:
    """Every Python thread, also those that this program did not start, in the order in which they were started."""
    known = {thread.ident: thread for thread in threading.enumerate()}
    frames = sys._current_frames()
    order = [*(ident for ident in known if ident in frames), *(ident for ident in frames if ident not in known)]
    return [_sample(known.get(ident), frames[ident]) for ident in order if ident is not None]


def _sample(thread: threading.Thread | None, frame: FrameType) -> ThreadSample:
    name, native_id = (thread.name, thread.native_id) if thread else ("(foreign)", None)
    stack = tuple(Spot(one.filename, one.lineno or 0, one.name, one.line or "") for one in traceback.extract_stack(frame))
    return ThreadSample(name, native_id, cpu_ms_of(native_id), stack)


def cpu_ms_of(native_id: int | None) -> int | None:
    """CPU time of a thread of this process, user and system (proc(5), fields 14 and 15). None where there is no /proc."""
    try:
        with open(f"/proc/self/task/{native_id}/stat", encoding="ascii", errors="replace") as stat:
            after_name = stat.read().rpartition(")")[2].split()      # the name may hold spaces and parentheses itself
    except OSError:
        return None
    return (int(after_name[11]) + int(after_name[12])) * 1000 // os.sysconf("SC_CLK_TCK")


# --- formatting -------------------------------------------------------------------------------------------------------


_ROW = "{:<15} {:>8} {:>9}  {:<28} {:>10} {:>10} {:>12}"


def format_dump(samples: Iterable[ThreadSample], reports: Iterable[RoleReport], depths: Mapping[str, int]) -> str:
    """Pure. A role whose thread is gone is listed too: that is what one looks for."""
    samples, roles = list(samples), {report.name: report for report in reports}
    running = {sample.name for sample in samples}
    gone = [report for name, report in roles.items() if name not in running]
    return "\n".join([
        f"{len(samples)} threads",
        _ROW.format("thread", "tid", "cpu s", "doing", "for ms", "limit ms", "cycles").rstrip(),
        *(_row(sample.name, sample.native_id, sample.cpu_ms, roles.get(sample.name)) for sample in samples),
        *(_row(report.name, report.native_id, None, report) for report in gone),
        f"queues: {', '.join(f'{name} {depth}' for name, depth in depths.items()) or 'none'}",
        *(_stack(sample) for sample in samples),
    ])


def _row(name: str, native_id: int | None, cpu_ms: int | None, report: RoleReport | None) -> str:
    cpu_text = "-" if cpu_ms is None else f"{cpu_ms / 1000:.2f}"
    if report is None:
        return _ROW.format(name, native_id or "-", cpu_text, "- (no role)", "", "", "").rstrip()
    limit = "-" if report.limit_ms > _NO_LIMIT_MS else str(report.limit_ms)
    return _ROW.format(name, native_id or "-", cpu_text, _doing(report), report.doing_ms, limit, report.cycles)


def _doing(report: RoleReport) -> str:
    if not report.alive:
        return f"NOT RUNNING ({report.doing})"
    return f"{report.doing} OVERDUE" if report.doing_ms > report.limit_ms else report.doing


def _stack(sample: ThreadSample) -> str:
    lines = [f"\n{sample.name} (tid {sample.native_id or '-'})"]
    for spot in sample.stack:
        lines.append(f"  {spot.file}:{spot.line} {spot.function}")
        if spot.source:
            lines.append(f"      {spot.source}")
    return "\n".join(lines)


# --- on demand --------------------------------------------------------------------------------------------------------


class DumpOnDemand:
    """The `dump` role: writes a dump whenever it is rung, on its own thread, also while the main thread starts or stops.

    A signal handler interrupts the main thread anywhere, perhaps with the log's lock held, so it may only `ring`: one write
    to a pipe.
    """

    name = "dump"

    def __init__(self, write_dump: Callable[[], None], clock: Clock) -> None:
        self._write_dump = write_dump
        self.posture = Posture(clock)
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)

    def ring(self) -> None:                      # signal handler
        with contextlib.suppress(BlockingIOError):       # a full pipe is thousands of unread rings: the dump comes anyway
            os.write(self._write_end, b"!")

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        ready, _, _ = select.select([self._read_end], [], [], PARK_S)
        if ready:
            os.read(self._read_end, 65_536)      # rings coalesce
            self.posture.declare("writing a dump", 5_000)
            self._write_dump()

    def on_stop(self) -> None:
        pass                                     # the pipe lives as long as a handler may ring

    def close(self) -> None:
        """After the handler is gone and the thread has ended."""
        os.close(self._read_end)
        os.close(self._write_end)
