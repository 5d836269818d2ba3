"""What every quoting strategy of the library keeps: when to stop, how much to show, when to be wider. Pure; strategy thread.

The figures: docs/strategy.md.
"""

from __future__ import annotations

from trader.model.intent import Inventory, Mode, StrategyView
from trader.model.units import BP_PER_CENT, MICRO, SizeMicro
from trader.strategy.closing import CloseClock, Phase
from trader.strategy.pricing import widening_permille
from trader.strategy.settings import StrategySettings

_PPM = 1_000_000


class QuotingRules:
    """Settings become integers once, here; from then on there is no float but the volatility's ratio (`pricing`)."""

    def __init__(self, settings: StrategySettings) -> None:
        self._settings = settings
        self._close = CloseClock(settings)
        self.half_spread_bp = round(settings.base_spread_cents * BP_PER_CENT)
        self._skew_bp_per_million = round(settings.skew_cents_per_share * BP_PER_CENT * _PPM)
        self._caution_permille = round(settings.caution_spread_factor * 1000)

    def mode(self, view: StrategyView) -> tuple[Mode, str]:
        """What may be asked for. STOP without a fair price or a side of the book, and at the end of the window."""
        if view.fair_bp is None:
            return Mode.STOP, f"no fair price: {view.fair_reason}"
        if view.book.yes.bid_bp is None or view.book.yes.ask_bp is None:
            return Mode.STOP, "one side of the YES book is empty"
        phase = self._close.phase(view)
        if phase is Phase.STOP:
            return Mode.STOP, "the window is about to close: quoting has ended"
        if phase is Phase.REDUCE:
            return Mode.REDUCE_ONLY, "the window is about to close: nothing new is opened"
        return (Mode.CAUTION, view.fair_reason) if view.provisional_strike else (Mode.NORMAL, "")

    def size_micro(self, view: StrategyView) -> SizeMicro:
        """Whole shares; halved near the close; never below what the venue accepts."""
        shares = self._settings.base_size
        if self._close.phase(view) is not Phase.OPEN:
            shares //= 2
        minimum = -(-view.market.min_size_micro // MICRO)
        return SizeMicro(max(shares, minimum) * MICRO)

    def wider_bp(self, view: StrategyView, half_bp: int) -> int:
        """A half-spread, widened by volatility and, once, by doubt."""
        volatility_bp = max(view.volatility_bp, view.fast_volatility_bp)
        widening = widening_permille(volatility_bp, self._settings.volatility_prior_bp)
        doubt = self._caution_permille if self._is_in_doubt(view) else 1000
        return half_bp * widening * doubt // 1_000_000

    def skew_bp(self, net_micro: int) -> int:
        """Long: both quotes lower. Rounded towards zero, so that long and short are treated alike."""
        skew_bp = abs(net_micro) * self._skew_bp_per_million // (MICRO * _PPM)
        return skew_bp if net_micro > 0 else -skew_bp

    def _is_in_doubt(self, view: StrategyView) -> bool:
        return view.provisional_strike or _is_cautious(view.inventory) or abs(view.shock_z) >= self._settings.shock_z


def _is_cautious(inventory: Inventory) -> bool:
    """CAUTION, also where a position limit hides it, and whatever a guard has stopped.

    CAUTION follows every cool-down, and the executor resumes with the intent that it kept: that one must be wide already.
    A STOP without a guard is our own.
    """
    stopped_by_guard = inventory.mode is Mode.STOP and bool(inventory.reasons)
    return inventory.mode is Mode.CAUTION or "caution" in inventory.reasons or stopped_by_guard
