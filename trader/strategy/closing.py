"""How near the close is, as fractions of the window: what a rule for the last minutes depends on. Pure.

Used by the library's rules and by the triggers, so that both see the same moment.
"""

from __future__ import annotations

from enum import IntEnum

from trader.model.intent import StrategyView
from trader.strategy.settings import StrategySettings

_PPM = 1_000_000


class Phase(IntEnum):
    """Of a window; each begins at its fraction of the time left."""

    OPEN = 0
    SMALL = 1            # sizes are halved
    REDUCE = 2           # nothing new is opened
    STOP = 3             # nothing is quoted


class CloseClock:
    """The three fractions as integers, made once."""

    __slots__ = ("_edges_ppm",)

    def __init__(self, settings: StrategySettings) -> None:
        fractions = (settings.small_size_fraction, settings.reduce_fraction, settings.stop_fraction)
        self._edges_ppm = tuple(round(fraction * _PPM) for fraction in fractions)

    def phase(self, view: StrategyView) -> Phase:
        left, window_ms = view.time_left_ms * _PPM, view.market.window_ms
        small, reduce, stop = self._edges_ppm
        if left <= window_ms * stop:
            return Phase.STOP
        if left <= window_ms * reduce:
            return Phase.REDUCE
        return Phase.SMALL if left <= window_ms * small else Phase.OPEN

    def until_next_ms(self, view: StrategyView) -> int | None:
        """Milliseconds until the next phase begins; None in the last one."""
        edges_ms = (view.market.window_ms * edge // _PPM for edge in self._edges_ppm)
        return min((view.time_left_ms - edge_ms for edge_ms in edges_ms if edge_ms < view.time_left_ms), default=None)
