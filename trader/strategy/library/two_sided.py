"""Quotes either side of the fair price, moved against the position. The default. Pure; called on the strategy thread.

The rules and their figures: docs/strategy.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.setting import setting
from trader.model.units import BP_PER_CENT
from trader.strategy.levels import in_place, resting
from trader.strategy.resting import ask_price, bid_price
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.touch import touch_of_others


@dataclass(frozen=True)
class TwoSidedParams:
    levels: int = setting(1, "Quotes a side.", low=1, high=10)
    level_step_cents: float = setting(1.0, "Distance from one level to the next.", unit="¢", low=0.1, high=20)


DEFAULTS = TwoSidedParams()


class TwoSided:
    Params = TwoSidedParams

    def __init__(self, settings: StrategySettings, params: TwoSidedParams = DEFAULTS) -> None:
        self._rules = QuotingRules(settings)
        self._steps_bp = tuple(round(level * params.level_step_cents * BP_PER_CENT) for level in range(params.levels))

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        mode, reason = self._rules.mode(view)
        if mode is Mode.STOP or view.fair_bp is None:
            return Mode.STOP, (), reason
        centre_bp = view.fair_bp - self._rules.skew_bp(view.inventory.net_micro)
        half_bp = self._rules.wider_bp(view, self._rules.half_spread_bp)
        touch = touch_of_others(view.book.yes, view.inventory.working)
        tick_bp = view.book.yes.tick_bp              # the market's own may be outdated: ticks shrink while it trades
        size_micro = self._rules.size_micro(view)
        bids = {bid_price(centre_bp - half_bp - step_bp, touch, tick_bp) for step_bp in self._steps_bp}
        asks = {ask_price(centre_bp + half_bp + step_bp, touch, tick_bp) for step_bp in self._steps_bp}
        bid_quotes = [Quote(Side.BUY, price_bp, size_micro) for price_bp in sorted((b for b in bids if b is not None), reverse=True)]
        ask_quotes = [Quote(Side.SELL, price_bp, size_micro) for price_bp in sorted(a for a in asks if a is not None)]
        if len(self._steps_bp) > 1:
            rests = resting(view.inventory.working, view.market.yes_token)
            bid_quotes, ask_quotes = in_place(bid_quotes, Side.BUY, rests), in_place(ask_quotes, Side.SELL, rests)
        return mode, (*bid_quotes, *ask_quotes), reason
