"""The book of one outcome token, exact at every moment. Pure; owned by the thread `pm-book`.

One array per side over all 10,001 prices, whatever the tick: bytes say which prices are taken, and the next best one is a
search over bytes, which is a single fast C call. No grid has to be rebuilt when the tick changes, and a price that is off
the tick is just another price.
"""

from __future__ import annotations

from collections.abc import Iterable

from trader.model.book import TOP_LEVELS, Level
from trader.model.units import BP_PER_DOLLAR, PriceBp, SizeMicro

_NOBODY = -1


class LadderSide:
    """Bids or asks. Asks are kept mirrored, at one dollar minus the price, so that the best is the highest index on both."""

    __slots__ = ("_best", "_is_bid", "_sizes", "_taken", "_top", "_worst_shown", "best_bp")

    def __init__(self, *, is_bid: bool) -> None:
        self._is_bid = is_bid
        self.clear()

    def clear(self) -> None:
        self._taken = bytearray(BP_PER_DOLLAR + 1)
        self._sizes: dict[int, SizeMicro] = {}
        self._move_best(_NOBODY)
        self._top: tuple[Level, ...] | None = ()
        self._worst_shown = _NOBODY

    def set(self, price_bp: PriceBp, size_micro: SizeMicro) -> None:
        """The new absolute size of one level; 0 removes it."""
        at = price_bp if self._is_bid else BP_PER_DOLLAR - price_bp
        if size_micro:
            self._sizes[at] = size_micro
            self._taken[at] = 1
            if at > self._best:
                self._move_best(at)
        elif self._taken[at]:
            del self._sizes[at]
            self._taken[at] = 0
            if at == self._best:
                self._move_best(self._taken.rfind(1, 0, at))
        if at >= self._worst_shown:          # most changes happen behind the levels that anybody sees
            self._top = None

    def _move_best(self, at: int) -> None:
        self._best = at
        self.best_bp: PriceBp | None = None if at == _NOBODY else PriceBp(at if self._is_bid else BP_PER_DOLLAR - at)

    @property
    def depth(self) -> int:
        """How many prices are taken."""
        return len(self._sizes)

    def levels(self) -> list[Level]:
        """All of them, best first."""
        return [Level(PriceBp(at if self._is_bid else BP_PER_DOLLAR - at), size) for at, size in sorted(self._sizes.items(), reverse=True)]

    def top(self) -> tuple[Level, ...]:
        """The best levels, best first. Kept until one of them changes."""
        if self._top is None:
            self._top = self._find_top()
        return self._top

    def _find_top(self) -> tuple[Level, ...]:
        levels: list[Level] = []
        at = self._best
        while at != _NOBODY and len(levels) < TOP_LEVELS:
            levels.append(Level(PriceBp(at if self._is_bid else BP_PER_DOLLAR - at), self._sizes[at]))
            self._worst_shown = at
            at = self._taken.rfind(1, 0, at)
        if len(levels) < TOP_LEVELS:
            self._worst_shown = _NOBODY      # room for more: any change is seen
        return tuple(levels)


class Ladder:
    """Both sides of one token."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = LadderSide(is_bid=True)
        self.asks = LadderSide(is_bid=False)

    def load(self, bids: Iterable[tuple[PriceBp, SizeMicro]], asks: Iterable[tuple[PriceBp, SizeMicro]]) -> None:
        """Replaces everything. Order of levels does not matter."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            side.clear()
            for price_bp, size_micro in levels:
                side.set(price_bp, size_micro)
