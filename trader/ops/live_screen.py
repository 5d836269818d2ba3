"""What `trader run` shows in a terminal while it trades: log lines that scroll by, and below them the table, in place.

Runs on the main thread. Fed by `stats()` and by the log, whose lines wait here for the next frame: so they never tear the
table, and no thread that logs waits for a terminal.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from types import TracebackType
from typing import Any, Protocol, TextIO

from trader.ops.screen import Screen
from trader.ops.terminal import Block
from trader.runtime.clock import Clock

log = logging.getLogger(__name__)

REFRESH_S = 0.25
LINES_LIMIT = 2_000          # between two frames; more are counted and left out


class Watched(Protocol):
    """What the screen needs of a `Trader`."""

    def wait(self, timeout_s: float | None = None) -> bool: ...
    def stats(self) -> dict[str, Any]: ...


def wait_and_draw(trader: Watched, for_s: float | None, screen: LiveScreen, clock: Clock) -> bool:
    """`trader.wait(for_s)` with a frame every `REFRESH_S`."""
    end_ns = None if for_s is None else clock.monotonic_ns() + int(for_s * 1e9)
    while True:
        screen.draw(trader.stats())
        now_ns = clock.monotonic_ns()
        left_s = REFRESH_S if end_ns is None else min(REFRESH_S, (end_ns - now_ns) / 1e9)
        ended = trader.wait(max(0.0, left_s))
        early = clock.monotonic_ns() < now_ns + int(left_s * 1e9)            # somebody asked for a stop
        if ended or early or left_s < REFRESH_S:
            return ended


class LogLines(logging.Handler):
    """Keeps formatted lines until they are taken. Writer: thread `log`. Reader: the main thread."""

    def __init__(self, form: logging.Formatter | None) -> None:
        super().__init__()
        self.setFormatter(form)
        self._lines: deque[str] = deque()
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:       # with this handler's lock held
        if len(self._lines) < LINES_LIMIT:
            self._lines.append(self.format(record))
        else:
            self._left_out += 1

    def take(self) -> list[str]:
        self.acquire()                           # held for a copy only
        taken, left_out = list(self._lines), self._left_out
        self._lines.clear()
        self._left_out = 0
        self.release()
        return [*taken, f"… {left_out:,} more log lines came than {LINES_LIMIT:,} and were left out"] if left_out else taken


class LiveScreen:
    """Between enter and exit, log handlers that write to a terminal stand aside. One that writes to a file goes on."""

    def __init__(self, block: Block, sinks: logging.Logger) -> None:
        """`sinks`: the logger whose handlers write the log."""
        self._block, self._screen, self._sinks = block, Screen(), sinks
        self._aside: list[logging.StreamHandler[TextIO]] = []
        self._lines = LogLines(None)
        self._on = False

    def __enter__(self) -> LiveScreen:
        self._aside = [one for one in self._sinks.handlers if isinstance(one, logging.StreamHandler) and one.stream.isatty()]
        if self._aside:
            self._lines.setFormatter(self._aside[0].formatter)
            self._sinks.addHandler(self._lines)
        for handler in self._aside:
            self._sinks.removeHandler(handler)
        self._on = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._on:
            self._end()

    def draw(self, now: dict[str, Any]) -> None:
        """One frame; none while the terminal takes nothing."""
        if not self._on:
            return
        try:
            if self._block.ready():
                self._block.draw(self._screen.lines(now), self._lines.take())
        except Exception:                        # whatever it is, a picture is no reason to stop trading
            self._end()
            log.warning("the table cannot be drawn any more; log lines follow. Trading goes on.", exc_info=True)

    def _end(self) -> None:
        """Takes the table away and gives the log its handlers back, and them what still waits."""
        self._on = False
        with contextlib.suppress(OSError, ValueError):       # the terminal is gone, or its stream closed
            if self._block.ready():
                self._block.clear()
        self._sinks.removeHandler(self._lines)
        for handler in self._aside:
            self._sinks.addHandler(handler)
        with contextlib.suppress(OSError, ValueError):
            for line in self._lines.take():
                self._aside[0].stream.write(f"{line}\n")
