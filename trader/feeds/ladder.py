"""The book of one outcome token, exact at every moment. Pure; owned by the thread `pm-book`.

A side is a dictionary of sizes and the sorted list of its prices. Nearly every change is to the size of a price that is there already:
one store. The others shift a few dozen integers in one C call, which costs what an array by tick does, in any tick, and takes the
memory of the levels that exist: a fleet keeps thousands of these.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from trader.model.book import TOP_LEVELS, Level
from trader.model.units import BP_PER_DOLLAR, PriceBp, SizeMicro

_NOBODY = -1
_new_tuple = tuple.__new__       # what `Level(…)` ends in; half the time of a publish otherwise


class LadderSide:
    """Bids or asks. Asks are kept mirrored, at one dollar minus the price, so that the best is the highest on both."""

    __slots__ = ("_is_bid", "_mirror", "_prices", "_sizes", "_top", "_worst_shown", "best_bp")

    def __init__(self, *, is_bid: bool) -> None:
        self._is_bid = is_bid
        self._mirror = (0, 1) if is_bid else (BP_PER_DOLLAR, -1)
        self.load(())

    def load(self, levels: Iterable[tuple[PriceBp, SizeMicro]]) -> None:
        """Replaces everything. Order does not matter."""
        mirror, sign = self._mirror
        self._sizes: dict[int, SizeMicro] = {mirror + sign * price_bp: size_micro for price_bp, size_micro in levels if size_micro}
        self._prices = sorted(self._sizes)
        self._top: tuple[Level, ...] | None = None
        self._worst_shown = _NOBODY
        self._find_best()

    def set(self, price_bp: PriceBp, size_micro: SizeMicro) -> None:
        """The new absolute size of one level; 0 removes it."""
        at = price_bp if self._is_bid else BP_PER_DOLLAR - price_bp
        sizes = self._sizes
        if size_micro:
            is_new = at not in sizes
            sizes[at] = size_micro
            if is_new:
                insort(self._prices, at)
                self._find_best()
        elif at in sizes:
            del sizes[at]
            del self._prices[bisect_left(self._prices, at)]
            self._find_best()
        if at >= self._worst_shown:          # most changes happen behind the levels that anybody sees
            self._top = None

    def _find_best(self) -> None:
        mirror, sign = self._mirror
        self.best_bp: PriceBp | None = PriceBp(mirror + sign * self._prices[-1]) if self._prices else None

    @property
    def depth(self) -> int:
        """How many prices are taken."""
        return len(self._sizes)

    def levels(self) -> list[Level]:
        """All of them, best first."""
        mirror, sign = self._mirror
        return [Level(PriceBp(mirror + sign * at), self._sizes[at]) for at in reversed(self._prices)]

    def top(self) -> tuple[Level, ...]:
        """The best levels, best first. Kept until one of them changes."""
        if self._top is None:
            self._top = self._find_top()
        return self._top

    def _find_top(self) -> tuple[Level, ...]:
        best, sizes = self._prices[:-TOP_LEVELS - 1:-1], self._sizes
        self._worst_shown = best[-1] if len(best) == TOP_LEVELS else _NOBODY     # room for more: any change is seen
        mirror, sign = self._mirror
        return tuple([_new_tuple(Level, (mirror + sign * at, sizes[at])) for at in best])


class Ladder:
    """Both sides of one token."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = LadderSide(is_bid=True)
        self.asks = LadderSide(is_bid=False)

    def load(self, bids: Iterable[tuple[PriceBp, SizeMicro]], asks: Iterable[tuple[PriceBp, SizeMicro]]) -> None:
        """Replaces everything. Order of levels does not matter."""
        self.bids.load(bids)
        self.asks.load(asks)
