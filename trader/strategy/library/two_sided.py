"""Two quotes around the fair price, moved against the position. Pure; called on the strategy thread.

The rules and their figures: docs/strategy.md.
"""

from __future__ import annotations

from trader.model.intent import Inventory, Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.units import BP_PER_CENT, BP_PER_DOLLAR, MICRO, PriceBp, SizeMicro, ceil_to_tick, floor_to_tick
from trader.strategy.pricing import widening_permille
from trader.strategy.settings import StrategySettings
from trader.strategy.touch import Touch, touch_of_others

_PPM = 1_000_000


class TwoSided:
    """Settings become integers once, here; from then on there is no float but the volatility ratio (`pricing`)."""

    def __init__(self, settings: StrategySettings) -> None:
        self._settings = settings
        self._half_bp = round(settings.base_spread_cents * BP_PER_CENT)
        self._skew_bp_per_million = round(settings.skew_cents_per_share * BP_PER_CENT * _PPM)
        self._caution_permille = round(settings.caution_spread_factor * 1000)

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        mode, reason = self._mode(view)
        if mode is Mode.STOP or view.fair_bp is None:
            return Mode.STOP, (), reason
        centre_bp = view.fair_bp - self._skew_bp(view.inventory.net_micro)
        half_bp = self._half_spread_bp(view)
        touch = touch_of_others(view.book.yes, view.inventory.working)
        tick_bp = view.book.yes.tick_bp              # the market's own may be outdated: ticks shrink while it trades
        bid_bp = bid_price(centre_bp - half_bp, touch, tick_bp)
        ask_bp = ask_price(centre_bp + half_bp, touch, tick_bp)
        size_micro = self._size_micro(view)
        quotes = [Quote(Side.BUY, bid_bp, size_micro)] if bid_bp is not None else []
        if ask_bp is not None:
            quotes.append(Quote(Side.SELL, ask_bp, size_micro))
        return mode, tuple(quotes), reason

    def _mode(self, view: StrategyView) -> tuple[Mode, str]:
        if view.fair_bp is None:
            return Mode.STOP, f"no fair price: {view.fair_reason}"
        if view.book.yes.bid_bp is None or view.book.yes.ask_bp is None:
            return Mode.STOP, "one side of the YES book is empty"
        if _within_last(view, self._settings.stop_fraction):
            return Mode.STOP, "the window is about to close: quoting has ended"
        if _within_last(view, self._settings.reduce_fraction):
            return Mode.REDUCE_ONLY, "the window is about to close: nothing new is opened"
        return (Mode.CAUTION, view.fair_reason) if view.provisional_strike else (Mode.NORMAL, "")

    def _half_spread_bp(self, view: StrategyView) -> int:
        widening = widening_permille(view.volatility_bp, self._settings.volatility_prior_bp)
        caution = self._caution_permille if view.provisional_strike or _is_in_doubt(view.inventory) else 1000
        return self._half_bp * widening * caution // 1_000_000

    def _skew_bp(self, net_micro: int) -> int:
        """Long: both quotes lower. Rounded towards zero, so that long and short are treated alike."""
        skew_bp = abs(net_micro) * self._skew_bp_per_million // (MICRO * _PPM)
        return skew_bp if net_micro > 0 else -skew_bp

    def _size_micro(self, view: StrategyView) -> SizeMicro:
        """Whole shares; halved near the close; never below what the venue accepts."""
        shares = self._settings.base_size
        if _within_last(view, self._settings.small_size_fraction):
            shares //= 2
        minimum = -(-view.market.min_size_micro // MICRO)
        return SizeMicro(max(shares, minimum) * MICRO)


def bid_price(wanted_bp: int, touch: Touch, tick_bp: int) -> PriceBp | None:
    """The highest price on the tick that is not above `wanted_bp`, rests, and is below one dollar. None: there is none."""
    limit_bp = BP_PER_DOLLAR - tick_bp if touch.ask_bp is None else touch.ask_bp - tick_bp
    price_bp = floor_to_tick(min(wanted_bp, limit_bp), tick_bp)
    return price_bp if price_bp >= tick_bp else None         # raising it to one tick would give part of the spread away


def ask_price(wanted_bp: int, touch: Touch, tick_bp: int) -> PriceBp | None:
    """The lowest price on the tick that is not below `wanted_bp`, rests, and is above zero. None: there is none."""
    limit_bp = tick_bp if touch.bid_bp is None else touch.bid_bp + tick_bp
    price_bp = ceil_to_tick(max(wanted_bp, limit_bp), tick_bp)
    return price_bp if price_bp <= BP_PER_DOLLAR - tick_bp else None


def _is_in_doubt(inventory: Inventory) -> bool:
    """CAUTION, also where a position limit hides it, and whatever a guard has stopped.

    CAUTION follows every cool-down, and the executor resumes with the intent that it kept: that one must be wide already.
    A STOP without a guard is our own.
    """
    stopped_by_guard = inventory.mode is Mode.STOP and bool(inventory.reasons)
    return inventory.mode is Mode.CAUTION or "caution" in inventory.reasons or stopped_by_guard


def _within_last(view: StrategyView, fraction: float) -> bool:
    return view.time_left_ms * _PPM <= view.market.window_ms * round(fraction * _PPM)
