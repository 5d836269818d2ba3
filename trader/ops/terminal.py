"""Keeps a block of lines in place at the bottom of a terminal. Whatever is printed meanwhile scrolls by above it.

Runs on the main thread. Nothing is switched on in the terminal, neither another screen nor a hidden cursor nor a mode of its
keyboard, so nothing has to be switched off: whatever ends the program, `kill -9` included, leaves a terminal that works.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TextIO

from trader.ops.screen import DIM, GREEN, RED, YELLOW, Line

_SGR = {GREEN: "32", YELLOW: "33", RED: "31", DIM: "2"}      # ECMA-48 "select graphic rendition"
_PLAIN = "\x1b[0m"
_UP, _CLEAR_LINE, _CLEAR_BELOW, _CLEAR_ALL = "\x1b[{}A", "\x1b[K", "\x1b[J", "\x1b[H\x1b[2J"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")      # but tab and line feed
_USUAL_SIZE = os.terminal_size((80, 24))


def can_draw(out: TextIO, environment: Mapping[str, str]) -> bool:
    """A terminal that understands cursor movements is at the other end."""
    return out.isatty() and environment.get("TERM", "dumb") != "dumb"


def wants_colour(environment: Mapping[str, str]) -> bool:
    """See no-color.org."""
    return not environment.get("NO_COLOR")


def painted(line: Line, width: int, colour: bool) -> str:
    """Cut to `width`. Text of a venue can hold no escape sequences of its own."""
    parts = []
    for span in line:
        text = _CONTROL.sub("?", span.text)[: max(0, width)]
        width -= len(text)
        parts.append(f"\x1b[{_SGR[span.colour]}m{text}{_PLAIN}" if colour and span.colour and text else text)
    return "".join(parts).rstrip()


class Block:
    """Owner: the thread that draws. Every frame is one write, so that no half of one is ever seen."""

    def __init__(self, out: TextIO, *, colour: bool, size: Callable[[], os.terminal_size] | None = None,
                 ready: Callable[[], bool] | None = None) -> None:
        self._out, self._colour = out, colour
        self._size = size or self._real_size
        self._ready = ready or self._takes_more
        self._rows = 0                           # of the block, as it stands above the cursor
        self._drawn_at = _USUAL_SIZE

    def ready(self) -> bool:
        """False while the terminal takes nothing more, as after Ctrl-S: who writes then hangs until somebody types Ctrl-Q."""
        return self._ready()

    def draw(self, lines: Sequence[Line], above: Iterable[str] = ()) -> None:
        """Replaces the block. `above` is printed for good. The caller has seen that we are `ready`."""
        width, height = size = self._size()
        shown = [painted(line, width - 1, self._colour) for line in lines[: max(0, height - 1)]]
        log = "".join(f"{_CONTROL.sub('?', entry)}\n" for entry in above)
        block = "".join(f"{line}{_CLEAR_LINE}\n" for line in shown)
        self._write(self._to_top(size) + (_CLEAR_BELOW + log if log else "") + block + _CLEAR_BELOW)
        self._rows, self._drawn_at = len(shown), size

    def clear(self) -> None:
        """Takes the block away; the cursor is where it began."""
        if self._rows:
            self._write(self._to_top(self._size()) + _CLEAR_BELOW)
            self._rows = 0

    def _to_top(self, size: os.terminal_size) -> str:
        """To the block's first row. A terminal whose size has changed has wrapped or moved the rows: start anew."""
        if self._rows and size != self._drawn_at:
            return _CLEAR_ALL
        return "\r" + (_UP.format(self._rows) if self._rows else "")

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding))       # ASCII terminals have no ¢
        self._out.flush()

    def _real_size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._out.fileno())
        except OSError:
            return _USUAL_SIZE
        return size if size.columns and size.lines else _USUAL_SIZE              # some say 0 × 0

    def _takes_more(self) -> bool:
        return bool(select.select([], [self._out], [], 0)[1])
