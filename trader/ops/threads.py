"""The thread dump: what every thread of this process does right now, as text (docs/threads.md says how to read it).

`dump_threads` runs on whichever thread wants to know: `control` (`trader threads`), `signals` (SIGUSR1), or one that reports a
failure. It takes no lock that a role holds.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import NamedTuple

from trader.ops.waits import Spot, is_overdue, picture, wait_of
from trader.runtime.supervisor import RoleReport

_NO_LIMIT_MS = 10**9         # longer than any declared limit; "not started" and "stopped" have none


class ThreadSample(NamedTuple):
    """One living thread. `stack` is outermost first, so that the parking spot comes last. `cpu_ms` is None off Linux."""

    name: str
    native_id: int | None
    cpu_ms: int | None
    stack: tuple[Spot, ...]


def dump_threads(reports: list[RoleReport], depths: Mapping[str, int]) -> str:
    """The dump of this process: a line a thread, the depths of the queues, who waits for whom, then every stack."""
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
        *picture([wait_of(sample.name, sample.stack) for sample in samples], roles),
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
    return f"{report.doing} OVERDUE" if is_overdue(report) else report.doing


def _stack(sample: ThreadSample) -> str:
    lines = [f"\n{sample.name} (tid {sample.native_id or '-'})"]
    for spot in sample.stack:
        lines.append(f"  {spot.file}:{spot.line} {spot.function}")
        if spot.source:
            lines.append(f"      {spot.source}")
    return "\n".join(lines)
