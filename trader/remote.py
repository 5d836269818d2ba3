"""Commands to a trader that runs in another process: status, threads, pause, resume, reload, cancel-all, flatten. Main thread.

Each asks over the trader's control socket. One that changes something returns only when the trader shows that it is done, so
that exit code 0 of `trader pause` means: the venue confirmed that nothing is open.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from trader.errors import ControlError
from trader.ops.control import ask, control_dir
from trader.ops.screen import Line, Screen, fleet_lines
from trader.ops.settings import OpsSettings
from trader.ops.terminal import Block, can_draw, painted, wants_colour
from trader.runtime.clock import Clock, SystemClock
from trader.runtime.pause import pause as wait

Stats = dict[str, Any]
Done = Callable[[Stats], bool]

WATCH_S = 1.0
RATE_S = 0.5                 # between the two looks that frames a second need
CONFIRM_S = 15.0
FLATTEN_S = 60.0             # it waits 30 s for tokens that settle and for bids that come back
REPORT_S = 0.5               # stats are newer than this
LOOK_S = 0.1
_UNTOLD: Stats = {"guards": ["starting"], "quotes": [], "cancel_alls": {}, "trading_mode": "STOP"}     # before the executor's first word


# --- looking ----------------------------------------------------------------------------------------------------------


def status(options: Namespace) -> int:
    if options.watch:
        return _until_interrupted(_watcher(options), WATCH_S)
    stats = _stats(options)
    if options.json:
        print(json.dumps(stats, indent=2))
        return 0
    screen = Screen()
    screen.lines(stats)
    wait(RATE_S)
    _print(screen.lines(_stats(options)))
    return 0


def threads(options: Namespace) -> int:
    def look() -> None:
        answer = _asked(options, "threads")
        text = answer.pop("text")
        answer.pop("ok")
        print(json.dumps(answer, indent=None if options.every_s else 2) if options.json else text, flush=True)

    if options.every_s:
        return _until_interrupted(look, options.every_s)
    look()
    return 0


def fleet_status(options: Namespace) -> int:
    stats = _stats(options)
    if not stats.get("fleet"):
        raise ControlError("that trader runs no fleet.", remedy="Set fleet.enabled: true in its configuration, and restart it.")
    if options.json:
        print(json.dumps(stats["fleet"], indent=2))
    else:
        _print(fleet_lines(stats))
    return 0


def _watcher(options: Namespace) -> Callable[[], None]:
    """What one look shows: a line of JSON, the table in place, or in a pipe one table after the other."""
    screen = Screen()
    block = Block(sys.stdout, colour=wants_colour(os.environ)) if can_draw(sys.stdout, os.environ) else None

    def look() -> None:
        stats = _stats(options)
        if options.json:
            print(json.dumps(stats), flush=True)
        elif block is None:
            _print([*screen.lines(stats), ()])
        elif block.ready():
            block.draw(screen.lines(stats))

    return look


def _until_interrupted(look: Callable[[], None], every_s: float) -> int:
    """Ctrl-C is how these end, so it is no failure."""
    try:
        while True:
            look()
            wait(every_s)
    except KeyboardInterrupt:
        return 0


def _print(lines: list[Line]) -> None:
    here = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if here else 1_000
    print(*(painted(line, width, here and wants_colour(os.environ)) for line in lines), sep="\n", flush=True)


# --- changing ---------------------------------------------------------------------------------------------------------


def pause(options: Namespace) -> int:
    _asked(options, "pause", reason=options.reason)
    return _tell(options, lambda stats: "paused" in stats["guards"] and _is_flat(stats) and not stats["quotes"],
                 "paused: nothing is open")


def resume(options: Namespace) -> int:
    _asked(options, "resume", force=options.force)
    return _tell(options, lambda stats: "paused" not in stats["guards"], "resumed")


def reload(options: Namespace) -> int:
    before = _asked(options, "reload")["before"]
    return _tell(options, lambda stats: stats.get("strategy_reloads", 0) > before, "reloaded: the new parameters are in force")


def cancel_all(options: Namespace) -> int:
    before = _asked(options, "cancel_all", reason=options.reason)["before"]
    return _tell(options, lambda stats: stats["cancel_alls"].get("command", 0) > before and _is_flat(stats),
                 "cancelled: nothing is open")


def flatten(options: Namespace) -> int:
    _asked(options, "flatten", reason=options.reason)
    wait(REPORT_S)                               # until then its stats may still tell of an earlier one
    stats = confirmed("flatten", lambda: _UNTOLD | _stats(options), lambda stats: bool((stats.get("flatten") or {}).get("done")),
                      SystemClock(), wait, FLATTEN_S)
    left = stats["flatten"]["left"]
    if left:
        raise ControlError(f"not everything could be sold: {'; '.join(left)}.",
                           remedy="It stays paused; `trader flatten` tries again, `trader resume` quotes again.")
    return _told(options, stats, "paused, and everything is sold")


def _is_flat(stats: Stats) -> bool:
    return "cancel_all" not in stats["guards"]


def _tell(options: Namespace, done: Done, text: str) -> int:
    return _told(options, confirmed(options.command, lambda: _UNTOLD | _stats(options), done, SystemClock(), wait), text)


def _told(options: Namespace, stats: Stats, text: str) -> int:
    shown = {"command": options.command, "confirmed": True, "trading_mode": stats["trading_mode"], "guards": stats["guards"],
             "open_orders": len(stats["quotes"])}
    print(json.dumps(shown) if options.json else f"{text}. Guards in force: {', '.join(stats['guards']) or 'none'}.")
    return 0


def confirmed(command: str, look: Callable[[], Stats], done: Done, clock: Clock, wait: Callable[[float], None],
              limit_s: float = CONFIRM_S) -> Stats:
    """Stats that show it as done, twice in a row: a guard is named one cycle before the cancel-all that it starts.

    ControlError when that takes too long.
    """
    end_ns = clock.monotonic_ns() + int(limit_s * 1e9)
    in_row = 0
    while (in_row := in_row + 1 if done(stats := look()) else 0) < 2:
        if clock.monotonic_ns() >= end_ns:
            raise ControlError(
                f"{command} was delivered, but is not confirmed after {limit_s:g} s: {len(stats['quotes'])} orders may be open, "
                f"guards: {', '.join(stats['guards']) or 'none'}.",
                remedy="Look at `trader status --watch` and at the venue's own page.")
        wait(LOOK_S)
    return stats


# --- asking -----------------------------------------------------------------------------------------------------------


def _stats(options: Namespace) -> Stats:
    stats: Stats = _asked(options, "status")["stats"]
    return stats


def _asked(options: Namespace, command: str, **fields: Any) -> dict[str, Any]:
    return ask(control_dir(OpsSettings(control_dir=options.control_dir)), options.pid, {"command": command, **fields})
