"""The fleet as a process: `python -m trader.fleet`, started by `FleetChild`. Speaks JSON lines over stdin and stdout.

    in    the plan (settings and addresses), then requests: {"ask": "stats" | "book" | "threads" | "recycle", …}
    out   {"event": "ready"} or {"event": "failed"}, then one answer a request, and the actions of the workers' handlers

It ends in order when stdin ends, which is also what happens when the parent dies, and on SIGTERM. SIGINT is the parent's business.
Threads: main reads requests; `fl-stdout` writes, so that a parent that does not read holds up nobody; `log` writes the log, as in the
parent's process: thirteen connections that are all refused must not write thirteen lines a second.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import sys
import threading
from types import FrameType
from typing import Any

import orjson

from trader.errors import TraderError, WireError
from trader.feeds.settings import FeedSettings
from trader.fleet.fleet import Fleet
from trader.fleet.settings import FleetSettings
from trader.ops.logs import Logs
from trader.ops.settings import OpsSettings
from trader.runtime.clock import SystemClock
from trader.runtime.process import prioritise_process
from trader.runtime.role import name_native_thread
from trader.venues.polymarket.catalogue import GammaCatalogue
from trader.venues.polymarket.pool_stream import PolymarketPoolStream

log = logging.getLogger(__name__)

MOST_UNSENT = 10_000         # lines that a parent has not read; then actions are dropped, and counted
WRITTEN_WITHIN_S = 2.0
GC_THRESHOLDS = (20_000, 20, 20)        # a collection walks over every market, and hardly a cycle is made here


class Speaker:
    """Lines to the parent, in order. Any thread."""

    def __init__(self, fileno: int) -> None:
        self._fileno = fileno
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="fl-stdout", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        self._thread.start()

    def say(self, row: dict[str, Any]) -> None:
        self._lines.put(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def say_action(self, action: dict[str, Any]) -> None:
        if self._lines.qsize() >= MOST_UNSENT:
            self.dropped += 1
        else:
            self.say({"event": "action", "action": action})

    def close(self) -> None:
        self._lines.put(None)
        self._thread.join(WRITTEN_WITHIN_S)

    def _run(self) -> None:
        name_native_thread("fl-stdout")
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._fileno, line):]
            except OSError:              # the parent is gone: stdin ends too, and main sees it there
                return


def serve(fleet: Fleet, speaker: Speaker, lines: Any) -> None:
    """Body of main: one request a line, until there are no more."""
    for line in lines:
        try:
            request = orjson.loads(line)
            speaker.say({"event": "answer", "id": request.get("id"), "answer": _answer(fleet, request)})
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as why:
            log.error("the fleet cannot read the request %r: %s", line[:200], why)


def _answer(fleet: Fleet, request: dict[str, Any]) -> Any:
    match request["ask"]:
        case "stats":
            return fleet.stats()
        case "book":
            return fleet.book(request["token"])
        case "threads":
            return fleet.threads_text()
        case "recycle":
            fleet.recycle(request.get("connection"))
            return True
        case unknown:
            raise KeyError(f"unknown request {unknown!r}")


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)            # under `stty tostop` a line of the log would stop whoever is in the background
    signal.signal(signal.SIGTERM, _on_sigterm)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-8s %(threadName)-15s %(message)s")
    name_native_thread("fleet")
    speaker = Speaker(sys.stdout.fileno())
    speaker.start()
    try:
        return _run(speaker, sys.stdin.buffer)
    except TraderError as failed:
        speaker.say({"event": "failed", "problem": failed.problem, "remedy": failed.remedy, "exit_code": failed.exit_code})
        return failed.exit_code
    finally:
        speaker.close()


def _run(speaker: Speaker, lines: Any) -> int:
    plan = _plan(lines.readline())
    ops = OpsSettings(**plan["log"])
    logging.getLogger("trader").setLevel(ops.log_level)
    sys.setswitchinterval(plan["switch_interval_us"] / 1e6)
    gc.set_threshold(*GC_THRESHOLDS)
    with Logs(ops, lambda: (), SystemClock()):               # it is given no secret
        prioritise_process(plan["realtime_priority"])        # before any thread or worker that is to inherit it
        _watch(plan, speaker, lines)
    return 0


def _watch(plan: dict[str, Any], speaker: Speaker, lines: Any) -> None:
    """From the first process to the last."""
    fleet = Fleet(FleetSettings(**plan["fleet"]), FeedSettings(**plan["feeds"]), PolymarketPoolStream(plan["ws_url"]),
                  GammaCatalogue(plan["gamma_url"]), on_action=speaker.say_action, on_failure=_end_the_wait)
    fleet.start()
    try:
        if fleet.failure is None:
            speaker.say({"event": "ready", "pid": os.getpid()})
        serve(fleet, speaker, lines)
    finally:
        fleet.stop()


def _plan(line: bytes) -> dict[str, Any]:
    try:
        plan = orjson.loads(line)
        return dict(plan)
    except (orjson.JSONDecodeError, TypeError, ValueError):
        raise WireError("the fleet was started without a plan.", remedy="Start it with `trader run`, not by hand.") from None


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    """From now on there is nothing to read, as when the parent is gone. To raise here would leave locked whatever main holds."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())


def _end_the_wait(failure: TraderError) -> None:
    """A role failed: main is parked in a read, which a signal ends."""
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
