"""Queues at the best price of others, as long as that leaves enough edge to the fair price. Pure; strategy thread.

For markets whose touch is wide or slow: nothing is given away by improving it. The rebate that makers get of taker fees counts as
edge, where the market's fee data is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.setting import setting
from trader.model.units import BP_PER_CENT, BP_PER_DOLLAR, MICRO
from trader.strategy.resting import ask_price, bid_price
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.touch import touch_of_others


@dataclass(frozen=True)
class JoinBestParams:
    edge_cents: float = setting(1.0, "Least distance to the fair price, rebate included; behind the touch if need be.", unit="¢",
                                low=0, high=45)
    count_rebate: int = setting(0, "1: the maker rebate counts as edge. It is paid once a day out of a pool, and not promised.",
                                low=0, high=1)


DEFAULTS = JoinBestParams()


class JoinBest:
    Params = JoinBestParams

    def __init__(self, settings: StrategySettings, params: JoinBestParams = DEFAULTS) -> None:
        self._rules = QuotingRules(settings)
        self._edge_bp = round(params.edge_cents * BP_PER_CENT)
        self._counts_rebate = params.count_rebate == 1

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        mode, reason = self._rules.mode(view)
        if mode is Mode.STOP or view.fair_bp is None:
            return Mode.STOP, (), reason
        edge_bp = max(0, self._rules.wider_bp(view, self._edge_bp) - self._rebate_bp(view))
        centre_bp = view.fair_bp - self._rules.skew_bp(view.inventory.net_micro)
        touch, tick_bp = touch_of_others(view.book.yes, view.inventory.working), view.book.yes.tick_bp
        size_micro = self._rules.size_micro(view)
        quotes = []
        if touch.bid_bp is not None and (bid_bp := bid_price(min(touch.bid_bp, centre_bp - edge_bp), touch, tick_bp)) is not None:
            quotes.append(Quote(Side.BUY, bid_bp, size_micro))
        if touch.ask_bp is not None and (ask_bp := ask_price(max(touch.ask_bp, centre_bp + edge_bp), touch, tick_bp)) is not None:
            quotes.append(Quote(Side.SELL, ask_bp, size_micro))
        return mode, tuple(quotes), reason

    def _rebate_bp(self, view: StrategyView) -> int:
        """Of one share at the fair price."""
        if not self._counts_rebate or view.market.fees is None or view.fair_bp is None:
            return 0
        return view.market.fees.maker_rebate_micro(view.fair_bp, MICRO) * BP_PER_DOLLAR // MICRO
