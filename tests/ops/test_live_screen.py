"""While the table is up the log waits for it; afterwards everything is as it was. Nothing about a terminal ends trading."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from trader.ops.live_screen import LINES_LIMIT, LiveScreen, LogLines, wait_and_draw
from trader.ops.screen import Line
from trader.ops.terminal import Block
from trader.testing.manual_clock import ManualClock

STATS = {"seconds": 1.0, "mode": "embedded"}


class FakeBlock(Block):
    def __init__(self) -> None:
        super().__init__(io.StringIO(), colour=False)
        self.takes, self.error = True, False
        self.frames = 0
        self.above: list[str] = []
        self.cleared = 0

    def ready(self) -> bool:
        return self.takes

    def draw(self, lines: Sequence[Line], above: Iterable[str] = ()) -> None:
        if self.error:
            raise OSError(5, "Input/output error")
        self.frames += 1
        self.above += above

    def clear(self) -> None:
        self.cleared += 1


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def block() -> FakeBlock:
    return FakeBlock()


@pytest.fixture
def live(block: FakeBlock) -> LiveScreen:
    return LiveScreen(block, logging.getLogger())


@pytest.fixture
def terminal() -> Iterator[Tty]:
    """The log writes to this terminal, as `trader run` has set it up, and to nowhere else."""
    stream, root = Tty(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root.addHandler(handler)
    before = set(root.handlers)
    yield stream
    assert set(root.handlers) == before
    root.removeHandler(handler)


def say(text: str) -> None:
    logging.getLogger("trader.test").error(text)


def test_log_lines_wait_for_the_next_frame_and_go_above_it(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    with live:
        say("one")
        assert block.above == [] and terminal.getvalue() == ""
        live.draw(STATS)
        assert block.above == ["ERROR one"] and block.frames == 1
    say("after")
    assert terminal.getvalue() == "ERROR after\n" and block.cleared == 1


def test_what_no_frame_has_taken_is_written_at_the_end(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    with live:
        say("the last word")
    assert terminal.getvalue() == "ERROR the last word\n"


def test_an_exception_takes_the_table_away_and_goes_on(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    with pytest.raises(ZeroDivisionError), live:
        raise ZeroDivisionError
    assert block.cleared == 1


def test_a_log_that_goes_to_a_file_goes_on_without_waiting(live: LiveScreen, block: FakeBlock) -> None:
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    root.addHandler(handler)
    with live:
        say("one")
        assert stream.getvalue() == "one\n"
        live.draw(STATS)
    root.removeHandler(handler)
    assert block.above == []


def test_a_terminal_that_takes_nothing_gets_its_lines_later(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    with live:
        block.takes = False
        say("one")
        live.draw(STATS)
        assert block.frames == 0
        block.takes = True
        live.draw(STATS)
    assert block.above == ["ERROR one"]


def test_a_terminal_that_went_away_ends_the_table_and_not_the_trading(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    with live:
        block.error = True
        live.draw(STATS)
        block.error = False
        live.draw(STATS)
        assert block.frames == 0 and "Trading goes on." in terminal.getvalue()


def test_stats_that_cannot_be_drawn_end_the_table_and_not_the_trading(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    with live:
        live.draw({"no": "seconds"})
        assert "KeyError" in terminal.getvalue()


def test_more_lines_than_the_limit_are_counted() -> None:
    lines = LogLines(None)
    for _ in range(LINES_LIMIT + 3):
        lines.handle(logging.LogRecord("x", logging.INFO, "", 0, "a line", (), None))
    taken = lines.take()
    assert len(taken) == LINES_LIMIT + 1 and taken[-1] == "… 3 more log lines came than 2,000 and were left out"
    assert lines.take() == []


# --- waiting ----------------------------------------------------------------------------------------------------------


class FakeTrader:
    """Waits by moving the clock. Ends by itself, or is asked to stop, in the n-th wait."""

    def __init__(self, clock: ManualClock, ends_in: int = 0, asked_in: int = 0) -> None:
        self._clock, self._ends_in, self._asked_in = clock, ends_in, asked_in
        self.waits: list[float] = []

    def wait(self, timeout_s: float | None = None) -> bool:
        assert timeout_s is not None
        self.waits.append(timeout_s)
        if len(self.waits) != self._asked_in:
            self._clock.advance(ms=round(timeout_s * 1000))
        return len(self.waits) == self._ends_in

    def stats(self) -> dict[str, Any]:
        return STATS


def test_a_run_with_a_limit_is_looked_at_until_the_limit(live: LiveScreen, block: FakeBlock, terminal: Tty) -> None:
    clock = ManualClock()
    trader = FakeTrader(clock)
    with live:
        assert wait_and_draw(trader, 1.1, live, clock) is False
    assert sum(trader.waits) == pytest.approx(1.1) and block.frames == len(trader.waits) == 5


@pytest.mark.parametrize("for_s", [None, 60.0])
def test_a_run_that_ends_by_itself_ends_the_wait(live: LiveScreen, for_s: float | None, terminal: Tty) -> None:
    clock = ManualClock()
    trader = FakeTrader(clock, ends_in=3)
    assert wait_and_draw(trader, for_s, live, clock) is True and len(trader.waits) == 3


@pytest.mark.parametrize("for_s", [None, 60.0])
def test_a_stop_that_was_asked_for_ends_the_wait(live: LiveScreen, for_s: float | None, terminal: Tty) -> None:
    clock = ManualClock()
    trader = FakeTrader(clock, asked_in=2)
    assert wait_and_draw(trader, for_s, live, clock) is False and len(trader.waits) == 2
