from __future__ import annotations

import pytest

from trader.errors import ConnectionLost, WireError
from trader.feeds.unreadable import BURST, HOLD_NS, WINDOW_NS, UnreadableFrames

ERROR = WireError("a frame makes no sense.", remedy="Look at it.")


def test_one_in_ten_seconds_is_logged_and_all_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    unreadable = UnreadableFrames("pm-book")
    for second in (0, 4, 8, 12):
        unreadable.add(ERROR, second * 10**9)
    assert caplog.text.count("pm-book: a frame makes no sense") == 2 and unreadable.count == 4


def test_a_burst_ends_the_connection() -> None:
    unreadable = UnreadableFrames("pm-book")
    for _ in range(BURST - 1):
        unreadable.add(ERROR, 0)
    with pytest.raises(ConnectionLost, match="could not be read"):
        unreadable.add(ERROR, WINDOW_NS - 1)


def test_the_same_number_over_a_longer_time_does_not() -> None:
    unreadable = UnreadableFrames("pm-book")
    for turn in range(3 * BURST):
        unreadable.add(ERROR, turn * WINDOW_NS // (BURST - 1))
    assert unreadable.count == 3 * BURST


def test_a_burst_is_remembered_for_half_a_minute_so_that_a_new_connection_alone_is_not_trusted() -> None:
    unreadable = UnreadableFrames("pm-book", burst=1)
    assert unreadable.trouble(0) is None
    with pytest.raises(ConnectionLost):
        unreadable.add(ERROR, 1)
    assert unreadable.trouble(HOLD_NS) == "1 frames within 10 s could not be read" and unreadable.trouble(HOLD_NS + 1) is None
