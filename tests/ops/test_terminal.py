"""The block stays in its place: each frame is played to a small model of a terminal, and the model's screen is looked at."""

from __future__ import annotations

import io
import os
import re
from typing import TextIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.ops.screen import RED, Line, Span
from trader.ops.terminal import Block, can_draw, painted, wants_colour

SIZE = os.terminal_size((20, 6))


class Terminal(io.StringIO):
    """What a terminal without wrapping makes of the few sequences that a block uses. `rows` is all that was ever shown."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.at, self.frames = [""], 0, 0

    def write(self, text: str) -> int:
        self.frames += 1
        for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            self._play(token)
        return len(text)

    def _play(self, token: str) -> None:
        if token == "\n":
            self.at += 1
            self.rows += [""] * (self.at >= len(self.rows))
        elif token.endswith("A"):
            self.at -= int(token[2:-1])
        elif token == "\x1b[K":
            pass                                 # what was written replaced the whole row already
        elif token == "\x1b[J":
            del self.rows[self.at :]
            self.rows.append("")
        elif token == "\x1b[2J":
            self.rows, self.at = [""], 0
        elif not token.startswith("\x1b") and token != "\r":
            self.rows[self.at] = token

    def flush(self) -> None:
        pass


def lines(*texts: str) -> list[Line]:
    return [(Span(text),) for text in texts]


def block(terminal: TextIO, size: os.terminal_size = SIZE, colour: bool = False) -> Block:
    return Block(terminal, colour=colour, size=lambda: size, ready=lambda: True)


def test_a_frame_replaces_the_one_before() -> None:
    terminal = Terminal()
    drawn = block(terminal)
    drawn.draw(lines("a 1", "b 1", "c"))
    drawn.draw(lines("a 2", "b 2"))
    assert terminal.rows == ["a 2", "b 2", ""]


def test_log_lines_stay_above_and_nothing_of_the_table_stays_between_them() -> None:
    terminal = Terminal()
    drawn = block(terminal)
    drawn.draw(lines("a", "b"))
    drawn.draw(lines("a", "b"), ["first", "second"])
    drawn.draw(lines("a", "b"), ["third"])
    assert terminal.rows == ["first", "second", "third", "a", "b", ""]


def test_a_cleared_block_leaves_only_the_log() -> None:
    terminal = Terminal()
    drawn = block(terminal)
    drawn.draw(lines("a", "b"), ["first"])
    drawn.clear()
    drawn.clear()
    assert terminal.rows == ["first", ""]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("xyz"), max_size=3)), max_size=8))
def test_after_any_frames_there_is_the_whole_log_and_the_last_block(frames: list[tuple[list[str], list[str]]]) -> None:
    terminal = Terminal()
    drawn = block(terminal)
    for texts, above in frames:
        drawn.draw(lines(*texts), above)
    log = [entry for _, above in frames for entry in above]
    last = frames[-1][0][: SIZE.lines - 1] if frames else []
    assert terminal.rows == [*log, *last, ""] and terminal.frames == len(frames)


def test_a_frame_is_never_wider_nor_higher_than_the_terminal() -> None:
    terminal = Terminal()
    block(terminal).draw(lines(*["x" * 50] * 9))
    assert terminal.rows == [*["x" * 19] * 5, ""]


def test_a_terminal_of_another_size_is_drawn_anew() -> None:
    sizes = [SIZE, os.terminal_size((30, 9))]
    terminal = Terminal()
    drawn = Block(terminal, colour=False, size=lambda: sizes.pop(0), ready=lambda: True)
    drawn.draw(lines("a", "b"), ["log"])
    drawn.draw(lines("a", "b"))
    assert terminal.rows == ["a", "b", ""]


@pytest.mark.parametrize("columns", [0, 1])
def test_a_terminal_without_room_gets_no_text_and_no_error(columns: int) -> None:
    terminal = Terminal()
    block(terminal, os.terminal_size((columns, 0))).draw(lines("a"))
    assert terminal.rows == [""]


def test_a_colour_ends_where_its_span_ends_and_does_not_count_as_width() -> None:
    line = (Span("ab", RED), Span("cd"))
    assert painted(line, 3, colour=True) == "\x1b[31mab\x1b[0mc"
    assert painted(line, 3, colour=False) == "abc"
    assert painted(line, 0, colour=True) == ""


@given(st.text(), st.integers(0, 30))
def test_text_of_others_cannot_steer_the_terminal(text: str, width: int) -> None:
    shown = painted((Span(text, RED),), width, colour=False)
    assert len(shown) <= width and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


def test_a_log_line_cannot_steer_the_terminal_either() -> None:
    out = io.StringIO()
    block(out).draw([], ["evil \x1b[2J"])
    assert "evil ?[2J" in out.getvalue()


def test_a_terminal_that_knows_only_ascii_gets_a_question_mark() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    block(out).draw(lines("51 ¢"))
    out.seek(0)
    assert "51 ?" in out.read()


def test_a_pseudo_terminal_is_asked_for_its_size_and_whether_it_takes_more() -> None:
    ours, theirs = os.openpty()
    with open(theirs, "w") as out:
        drawn = Block(out, colour=False)
        assert drawn.ready()
        drawn.draw(lines("a"))                   # a new one says 0 × 0: taken for 80 × 24
        assert os.read(ours, 100) == b"\ra\x1b[K\r\n\x1b[J"
    os.close(ours)


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("out", "environment", "can"), [
    (Tty(), {"TERM": "xterm"}, True), (Tty(), {"TERM": "dumb"}, False), (Tty(), {}, False), (io.StringIO(), {"TERM": "xterm"}, False)])
def test_a_table_is_drawn_only_where_the_cursor_can_be_moved(out: io.StringIO, environment: dict[str, str], can: bool) -> None:
    assert can_draw(out, environment) is can


def test_no_color_means_none() -> None:
    assert wants_colour({}) and wants_colour({"NO_COLOR": ""}) and not wants_colour({"NO_COLOR": "1"})
