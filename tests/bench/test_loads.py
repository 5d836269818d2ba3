"""Of a lag it must be sure which sending it belongs to: numbers repeat with every cycle of frames."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools/bench"))
from book import Naive, Ours, stream
from frame_sender import TOUCH_BP, touching
from loads import lags_ns, quantiles_us


@pytest.mark.parametrize(("seen", "lags"), [
    ([(0, 105), (1, 210)], [5, 10]),
    ([(2, 305), (0, 410), (1, 520)], [5, 10, 20]),       # the fourth touch has number 0 again
    ([(1, 330)], [130]),                                 # late: the next one was sent meanwhile
    ([(2, 150)], []),                                    # seen before it was ever sent: of no touch
])
def test_a_lag_is_counted_from_the_newest_touch_with_that_number(seen, lags):
    assert lags_ns([100, 200, 300, 400, 500], seen, a_cycle=3) == lags


def test_quantiles_of_nothing_are_no_figures():
    assert quantiles_us([]) == {"count": 0}
    assert quantiles_us([1_000, 3_000, 2_000])["max_us"] == 3.0


@pytest.mark.parametrize("every", [2, 12, 50])
def test_each_touch_that_comes_goes_again_before_the_cycle_ends(every):
    sizes = [size for _, price_bp, size in touching(20, every) if price_bp == TOUCH_BP]
    assert all(size > 0 for size in sizes[::2]) and not any(sizes[1::2]) and len(sizes) % 2 == 0


def test_ours_and_the_naive_book_end_alike_and_a_frame_less_is_noticed():
    tokens, dumps, changes = stream()
    ours, naive, short = Ours(tokens, dumps), Naive(tokens, dumps), Naive(tokens, dumps)
    ours.read(changes, 25)
    naive.read(changes, 1)
    short.read(changes[:-3], 1)
    assert ours.tops() == naive.tops() != short.tops()
