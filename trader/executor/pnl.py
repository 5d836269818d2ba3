"""Profit and loss, window by window. Pure; owner: the executor's thread.

What counts are the trades that our books know: their cash, and their tokens at the mid, or at what they paid once the window has an
outcome. Tokens that were there before us, and the venue's corrections of our books, are neither gain nor loss.
"""

from __future__ import annotations

from typing import NamedTuple

from trader.executor.ledger import Ledger
from trader.model.market import Market
from trader.model.units import BP_PER_DOLLAR

KEPT = 24                    # windows with an outcome that are kept one by one; older ones only in the sum


class WindowResult(NamedTuple):
    """One window that we traded, for stats. `pays_bp` is what YES pays: 0 or 10_000; None while nobody knows."""

    market: Market
    yes_micro: int           # effective; after the outcome: what was held when it came
    no_micro: int
    mid_bp: int | None       # the last mid of YES; None: there never was one, and tokens count nothing
    pays_bp: int | None
    pnl_micro: int
    traded: bool             # by us


class Pnl(NamedTuple):
    settled_micro: int       # windows with an outcome
    marked_micro: int        # all windows, those without an outcome at their last mid


class _Window:
    __slots__ = ("market", "mid_bp", "pays_bp")

    def __init__(self, market: Market) -> None:
        self.market = market
        self.mid_bp: int | None = None
        self.pays_bp: int | None = None


class Windows:
    """Every window that was taken up in this run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._windows: dict[str, _Window] = {}
        self._folded_micro = 0

    def open(self, market: Market) -> None:
        self._windows.setdefault(market.condition_id, _Window(market))

    def mark(self, condition_id: str, mid_bp: int) -> None:
        self._windows[condition_id].mid_bp = mid_bp

    def resolve(self, condition_id: str, winning_token: str) -> WindowResult | None:
        """None: not one of ours, or known already."""
        window = self._windows.get(condition_id)
        if window is None or window.pays_bp is not None or winning_token not in window.market.tokens:
            return None
        window.pays_bp = BP_PER_DOLLAR if winning_token == window.market.yes_token else 0
        self._fold()
        return self._result(window)

    def results(self) -> tuple[WindowResult, ...]:
        """Oldest first."""
        return tuple(self._result(window) for window in self._windows.values())

    def pnl(self) -> Pnl:
        settled_micro = marked_micro = self._folded_micro
        for window in self._windows.values():
            pnl_micro = self._pnl_micro(window)
            marked_micro += pnl_micro
            settled_micro += pnl_micro if window.pays_bp is not None else 0
        return Pnl(settled_micro, marked_micro)

    def _result(self, window: _Window) -> WindowResult:
        ledger, (yes, no) = self._ledger, window.market.tokens
        return WindowResult(window.market, ledger.effective(yes), ledger.effective(no), window.mid_bp, window.pays_bp,
                            self._pnl_micro(window), ledger.flow(yes) != 0 or ledger.flow(no) != 0)

    def _pnl_micro(self, window: _Window) -> int:
        ledger, (yes, no) = self._ledger, window.market.tokens
        price_bp = window.mid_bp if window.pays_bp is None else window.pays_bp
        traded_bp = 0 if price_bp is None else ledger.traded(yes) * price_bp + ledger.traded(no) * (BP_PER_DOLLAR - price_bp)
        return ledger.flow(yes) + ledger.flow(no) + traded_bp // BP_PER_DOLLAR

    def _fold(self) -> None:
        """Bounds memory. A trade that fails that many windows later is not heard any more."""
        resolved = [key for key, window in self._windows.items() if window.pays_bp is not None]
        for condition_id in resolved[:-KEPT]:
            window = self._windows.pop(condition_id)
            self._folded_micro += self._pnl_micro(window)
            self._ledger.drop(window.market.tokens)
