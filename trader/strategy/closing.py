"""How near the close is, as fractions of the window: what a rule for the last minutes depends on. Pure.

Used by the library's rules and by the triggers, so that both see the same moment.
"""

from __future__ import annotations

from enum import IntEnum

from trader.model.intent import StrategyView
from trader.model.market import Market
from trader.strategy.settings import StrategySettings

_PPM = 1_000_000


class Phase(IntEnum):
    """Of a window; each begins at its fraction of the time left."""

    OPEN = 0
    SMALL = 1            # sizes are halved
    REDUCE = 2           # nothing new is opened
    STOP = 3             # nothing is quoted


class CloseClock:
    """The three fractions as integers, made once, and in milliseconds once a length of window."""

    __slots__ = ("_edges_ms", "_edges_ppm", "_window_ms")

    def __init__(self, settings: StrategySettings) -> None:
        fractions = (settings.small_size_fraction, settings.reduce_fraction, settings.stop_fraction)
        self._edges_ppm = tuple(round(fraction * _PPM) for fraction in fractions)
        self._window_ms, self._edges_ms = 0, (0, 0, 0)

    def phase(self, view: StrategyView) -> Phase:
        left_ms, (small_ms, reduce_ms, stop_ms) = view.time_left_ms, self._edges(view.market)
        if left_ms <= stop_ms:
            return Phase.STOP
        if left_ms <= reduce_ms:
            return Phase.REDUCE
        return Phase.SMALL if left_ms <= small_ms else Phase.OPEN

    def until_next_ms(self, view: StrategyView) -> int | None:
        """Milliseconds until the next phase begins; None in the last one."""
        left_ms = view.time_left_ms
        return min([left_ms - edge_ms for edge_ms in self._edges(view.market) if edge_ms < left_ms], default=None)

    def _edges(self, market: Market) -> tuple[int, int, int]:
        window_ms = market.close_ms - market.open_ms
        if window_ms != self._window_ms:
            small, reduce, stop = (window_ms * edge // _PPM for edge in self._edges_ppm)
            self._window_ms, self._edges_ms = window_ms, (small, reduce, stop)
        return self._edges_ms
