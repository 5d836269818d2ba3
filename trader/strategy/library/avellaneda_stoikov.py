"""Avellaneda and Stoikov's quotes for a binary payoff, clamped to the tick range. Pure; called on the strategy thread.

Their reservation price is s − q γ σ² (T − t) and their total spread γ σ² (T − t) + (2/γ) ln(1 + γ/κ). What σ² (T − t) stands for
is the variance that is still to come until the payoff; of a share that pays one dollar with probability p it is p (1 − p),
whatever the path (docs/strategies.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.setting import setting
from trader.model.units import BP_PER_DOLLAR, MICRO
from trader.strategy.resting import ask_price, bid_price
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.touch import touch_of_others

_NANO = 1_000_000_000


@dataclass(frozen=True)
class AvellanedaStoikovParams:
    risk_aversion: float = setting(0.0005, "γ: 100 shares held at 50 ¢ move both quotes by γ × 100 × 0.25 dollars (1.25 ¢).",
                                   unit="1/$", low=0.000001, high=1)
    fill_decay: float = setting(40.0, "κ: how fast fills get rarer with the distance from fair, exp(−κ δ). The half-spread is about 1/κ "
                                "dollars (2.5 ¢).", unit="1/$", low=1, high=1000)


DEFAULTS = AvellanedaStoikovParams()


class AvellanedaStoikov:
    Params = AvellanedaStoikovParams

    def __init__(self, settings: StrategySettings, params: AvellanedaStoikovParams = DEFAULTS) -> None:
        self._rules = QuotingRules(settings)
        gamma = params.risk_aversion
        self._gamma_nano: int = round(gamma * _NANO)
        self._fixed_half_bp = round(math.log1p(gamma / params.fill_decay) / gamma * BP_PER_DOLLAR)

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        mode, reason = self._rules.mode(view)
        if mode is Mode.STOP or view.fair_bp is None:
            return Mode.STOP, (), reason
        half_bp = self._rules.wider_bp(view, self._fixed_half_bp + self._risk_bp(view.fair_bp, MICRO) // 2)
        reservation_bp = view.fair_bp - self._risk_bp(view.fair_bp, view.inventory.net_micro)
        touch, tick_bp = touch_of_others(view.book.yes, view.inventory.working), view.book.yes.tick_bp
        bid_bp = bid_price(reservation_bp - half_bp, touch, tick_bp)
        ask_bp = ask_price(reservation_bp + half_bp, touch, tick_bp)
        size_micro = self._rules.size_micro(view)
        bids = () if bid_bp is None else (Quote(Side.BUY, bid_bp, size_micro),)
        asks = () if ask_bp is None else (Quote(Side.SELL, ask_bp, size_micro),)
        return mode, (*bids, *asks), reason

    def _risk_bp(self, fair_bp: int, held_micro: int) -> int:
        """γ × shares × p (1 − p) dollars, in bp; rounded towards zero, so that long and short are treated alike."""
        variance: int = fair_bp * (BP_PER_DOLLAR - fair_bp)                  # of one share, in bp²
        risk_bp: int = abs(held_micro) * self._gamma_nano * variance // (MICRO * _NANO * BP_PER_DOLLAR)
        return risk_bp if held_micro > 0 else -risk_bp
