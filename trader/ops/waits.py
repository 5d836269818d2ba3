"""Who waits for whom: a thread's stack → the hand-off at which it is parked → the threads that feed it. Pure; part of a thread dump.

Each thread of this program has one parking spot, so that the innermost known function of a stack says what the thread waits for.
A new parking spot gets a line in `PARKING`; `tests/ops/test_waits.py` demands that each line names a function that exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from trader.runtime.supervisor import RoleReport

VENUE = "the venue"


class Spot(NamedTuple):
    """One line of a stack: where, and the source there (empty when it cannot be read)."""

    file: str
    line: int
    function: str
    source: str


class Parking(NamedTuple):
    """What is waited for, and who brings it: names of threads (`gateway` means all of them), or what is outside of this process."""

    what: str
    fed_by: tuple[str, ...]


class Wait(NamedTuple):
    thread: str
    what: str
    fed_by: tuple[str, ...]      # empty: it does not wait, it runs


_TIMER = Parking("its next turn", ("the clock",))
PARKING: dict[tuple[str, str], Parking] = {
    ("trader/feeds/line.py", "wait_readable"): Parking("its socket", (VENUE,)),
    ("trader/feeds/line.py", "open_line"): Parking("a connection", (VENUE,)),
    ("trader/handoff/doorbell.py", "wait"): Parking("doorbell", ("pm-book", "bn-ticker", "executor")),
    ("trader/handoff/inbox.py", "get"): Parking("inbox", ("pm-user", "gateway", "strategy", "markets", "control", "supervisor")),
    ("trader/handoff/outbox.py", "take"): Parking("outbox", ("executor",)),
    ("trader/handoff/journal.py", "take"): Parking("cycles for the journal", ("executor",)),
    ("trader/handoff/journal.py", "wait_written"): Parking("a commit of the journal", ("journal",)),
    ("trader/gateway/transport.py", "handle_request"): Parking("an HTTP answer", (VENUE,)),
    ("trader/gateway/transport.py", "warm"): Parking("a connection", (VENUE,)),
    ("trader/gateway/heartbeat.py", "do_work"): _TIMER,
    ("trader/venues/polymarket/gamma.py", "get"): Parking("an HTTP answer", (VENUE,)),
    ("trader/venues/polymarket/book_reader.py", "read"): Parking("an HTTP answer", (VENUE,)),
    ("trader/feeds/verify.py", "do_work"): _TIMER,
    ("trader/markets/role.py", "do_work"): _TIMER,
    ("trader/runtime/supervisor.py", "do_work"): _TIMER,
    ("trader/runtime/pause.py", "pause"): _TIMER,
    ("trader/runtime/garbage.py", "do_work"): _TIMER,
    ("trader/ops/recorder.py", "do_work"): _TIMER,
    ("trader/ops/logs.py", "take"): Parking("log lines", ("every thread",)),
    ("waitress/wasyncore.py", "poll2"): Parking("a connection", ("browsers and scrapers",)),
    ("trader/ops/control.py", "do_work"): Parking("a command", ("an operator",)),
    ("trader/ops/errands.py", "do_work"): Parking("a signal", ("an operator",)),
    ("trader/exchange/child.py", "wait"): Parking("its child's end", ("the exchange process",)),
    ("trader/app.py", "wait"): Parking("a stop", ("an operator",)),
}
_LOCK = Parking("a lock", ("whoever holds it",))
_PACKAGES = ("trader/", "waitress/")
_SHELL = ("trader/runtime/role.py", "run")       # of every role; further out nothing is of interest


def wait_of(thread: str, stack: Sequence[Spot]) -> Wait:
    """From the innermost function outwards: the first that is a parking spot says it. Else the thread runs, or wants a lock."""
    ours = [(path, spot.function) for spot in reversed(stack) if (path := _in_package(spot.file))]
    for depth, place in enumerate(ours[: ours.index(_SHELL)] if _SHELL in ours else ours):
        parking = PARKING.get(place)
        if parking is not None and (depth == 0 or place[1] != "do_work"):        # a cycle that has gone deeper does something
            return Wait(thread, *parking)
    if stack and stack[-1].source.startswith("with ") and "lock" in stack[-1].source:
        return Wait(thread, f"a lock ({stack[-1].source.rstrip(':')})", _LOCK.fed_by)
    return Wait(thread, f"runs {_place(stack)}", ())


def picture(waits: Iterable[Wait], roles: Mapping[str, RoleReport]) -> list[str]:
    """A line a thread, then a line for each role that is stuck: what it does, and who goes without because of it."""
    waits = list(waits)
    lines = ["who waits for whom", *(f"  {wait.thread:<15} {_told(wait)}{_mark(roles.get(wait.thread))}" for wait in waits)]
    for stuck in (role for role in roles.values() if role.alive and is_overdue(role)):
        doing = next((_told(wait) for wait in waits if wait.thread == stuck.name), "its thread is gone")
        starving = [f"{wait.thread} ({wait.what})" for wait in waits if feeds(stuck.name, wait) and wait.thread != stuck.name]
        lines.append(f"stuck: {stuck.name}, {stuck.doing_ms} ms in {stuck.doing!r} (limit {stuck.limit_ms} ms): {doing}. "
                     f"Fed by it: {', '.join(starving) or 'nobody'}.")
    return lines


def feeds(thread: str, wait: Wait) -> bool:
    return any(thread == feeder or (feeder == "gateway" and thread.startswith("gateway-")) for feeder in wait.fed_by)


def is_overdue(role: RoleReport) -> bool:
    return role.doing_ms > role.limit_ms


def _told(wait: Wait) -> str:
    return f"{wait.what} ⇐ {', '.join(wait.fed_by)}" if wait.fed_by else wait.what


def _mark(role: RoleReport | None) -> str:
    return "   OVERDUE" if role is not None and role.alive and is_overdue(role) else ""


def _in_package(file: str) -> str:
    """The path from trader/ on, or from the HTTP server's waitress/; empty for other files."""
    for package in _PACKAGES:
        _, found, rest = file.rpartition(package)
        if found:
            return found + rest
    return ""


def _place(stack: Sequence[Spot]) -> str:
    if not stack:
        return "nowhere"
    inner = next((spot for spot in reversed(stack) if _in_package(spot.file)), stack[-1])
    return f"{_in_package(inner.file) or inner.file}:{inner.line} {inner.function}"
