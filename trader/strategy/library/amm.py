"""Offers the liquidity of two concentrated-liquidity pools as orders, as poly-market-maker's `amm` does. Pure; strategy thread.

One pool a token: what we hold of it is offered above its price, collateral bids below it. Prices begin `spread` from the target
and go on every `delta` for `depth`; sizes are what a swap would need to move the pool's price from one to the next. In YES terms an
ask is what the YES pool sells plus what the NO pool bids. Derivation and names: docs/strategies.md.

Floats stay inside the curve: prices are whole ticks, and a size leaves as whole hundredths of a share, rounded down.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from trader.errors import ConfigError
from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.setting import setting
from trader.model.units import BP_PER_DOLLAR, MICRO, PriceBp, SizeMicro, ceil_to_tick, floor_to_tick
from trader.strategy.levels import Resting, in_place, resting
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.target import SOURCES, aim

_MAX_LEVELS = 50
_MAX_POOLS = 1000
_CENTISHARE_MICRO = MICRO // 100


@dataclass(frozen=True)
class AmmParams:
    p_min: float = setting(0.05, "No bid below.", unit="$", low=0.0001, high=0.9999)
    p_max: float = setting(0.95, "No ask above.", unit="$", low=0.0001, high=0.9999)
    spread: float = setting(0.01, "Distance of the first order from the target.", unit="$", low=0.0001, high=0.5)
    delta: float = setting(0.01, "Distance from one order to the next.", unit="$", low=0.0001, high=0.5)
    depth: float = setting(0.1, "Distance of the last order from the first.", unit="$", low=0, high=0.99)
    max_collateral: float = setting(200.0, "Most cash that bids.", unit="$", low=0, high=10_000_000)
    price_feed_source: str = setting("fair", "The target price. fair: our fair price. clob: the middle of the book, as poly-market-maker "
                                     "does: it knows nothing of Bitcoin.", choices=SOURCES)

    def __post_init__(self) -> None:
        if self.p_min >= self.p_max:
            raise ConfigError(f"strategy.params.p_min: was {self.p_min:g}, must be below p_max, which is {self.p_max:g}.",
                              remedy="Correct one of them.")
        if self.depth / self.delta >= _MAX_LEVELS:
            raise ConfigError(f"strategy.params.delta: was {self.delta:g}, which makes more than {_MAX_LEVELS} orders a side over a depth "
                              f"of {self.depth:g}.", remedy="Raise delta or lower depth.")


DEFAULTS = AmmParams()


class _Pool(NamedTuple):
    """One token's pool at one target price. All prices are of this token, in bp, best first; sizes are cumulative."""

    bids_bp: tuple[int, ...]
    bid_shares: tuple[float, ...]    # for each dollar of collateral
    asks_bp: tuple[int, ...]
    ask_shares: tuple[float, ...]    # for each share held

    def phi(self) -> float:
        """Shares that one dollar of collateral bids for at the best price."""
        return self.bid_shares[0] if self.bid_shares else 0.0

    def bids(self, collateral: float) -> dict[int, int]:
        """Price → size (micro shares) of the bids that this many dollars make."""
        return _steps(self.bids_bp, self.bid_shares, collateral)

    def asks(self, shares: float) -> dict[int, int]:
        return _steps(self.asks_bp, self.ask_shares, shares)


class Amm:
    Params = AmmParams

    def __init__(self, settings: StrategySettings, params: AmmParams = DEFAULTS) -> None:
        self._rules, self._params = QuotingRules(settings), params
        self._p_min_bp, self._p_max_bp, self._spread_bp, self._delta_bp, self._depth_bp = (
            round(dollars * BP_PER_DOLLAR) for dollars in (params.p_min, params.p_max, params.spread, params.delta, params.depth))
        self._pools: dict[tuple[int, int], _Pool] = {}       # by target and tick: square roots are slow, and targets return

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        aimed = aim(view, self._params.price_feed_source)
        mode, reason = self._rules.mode(aimed)
        if mode is Mode.STOP or aimed.fair_bp is None:
            return Mode.STOP, (), reason
        bids, asks = self._sizes(aimed, aimed.fair_bp)
        rests = resting(view.inventory.working, view.market.yes_token)
        bid_quotes = _compared(Side.BUY, sorted(bids.items(), reverse=True), rests, view)
        ask_quotes = _compared(Side.SELL, sorted(asks.items()), rests, view)
        return mode, (*in_place(bid_quotes, Side.BUY, rests), *in_place(ask_quotes, Side.SELL, rests)), reason

    def _sizes(self, view: StrategyView, target_bp: int) -> tuple[Counter[int], Counter[int]]:
        """Size by price of all bids and of all asks, in YES terms."""
        held, tick_bp = view.inventory, view.book.yes.tick_bp
        yes, no = self._pool(target_bp, tick_bp), self._pool(BP_PER_DOLLAR - target_bp, tick_bp)
        yes_asks, no_asks = yes.asks(held.yes_effective_micro / MICRO), no.asks(held.no_effective_micro / MICRO)
        cash = max(0.0, min(held.cash_micro / MICRO, self._params.max_collateral))
        cash_yes, cash_no = _collateral(cash, yes, no, yes_asks, no_asks)
        bids, asks = Counter(yes.bids(cash_yes)), Counter(yes_asks)
        bids.update({BP_PER_DOLLAR - price_bp: size for price_bp, size in no_asks.items()})
        asks.update({BP_PER_DOLLAR - price_bp: size for price_bp, size in no.bids(cash_no).items()})
        return bids, asks

    def _pool(self, target_bp: int, tick_bp: int) -> _Pool:
        key = target_bp, tick_bp
        if key not in self._pools:
            if len(self._pools) >= _MAX_POOLS:
                self._pools.clear()
            self._pools[key] = self._new_pool(*key)
        return self._pools[key]

    def _new_pool(self, target_bp: int, tick_bp: int) -> _Pool:
        """A target beyond the range is taken to be at its end: there, only the side that leads back is quoted."""
        target_bp = min(self._p_max_bp, max(self._p_min_bp, target_bp))
        lowest_bp = max(target_bp - self._spread_bp - self._depth_bp, self._p_min_bp)
        highest_bp = min(target_bp + self._spread_bp + self._depth_bp, self._p_max_bp)
        bids = range(target_bp - self._spread_bp, lowest_bp - 1, -self._delta_bp)
        asks = range(target_bp + self._spread_bp, highest_bp + 1, self._delta_bp)
        bids_bp = tuple(dict.fromkeys(price for each in bids if (price := floor_to_tick(each, tick_bp)) >= lowest_bp))
        asks_bp = tuple(dict.fromkeys(price for each in asks if (price := ceil_to_tick(each, tick_bp)) <= highest_bp))
        return _Pool(bids_bp, tuple(_bought(target_bp, price_bp, lowest_bp) for price_bp in bids_bp),
                     asks_bp, tuple(_sold(target_bp, price_bp, highest_bp) for price_bp in asks_bp))


def _collateral(cash: float, yes: _Pool, no: _Pool, yes_asks: dict[int, int], no_asks: dict[int, int]) -> tuple[float, float]:
    """Split so that the best bid and the best ask, both tokens counted, are of one size; all to one side if that is impossible."""
    best_yes, best_no = (next(iter(asks.values()), 0) / MICRO for asks in (yes_asks, no_asks))
    phi_yes, phi_no = yes.phi(), no.phi()
    if phi_yes + phi_no == 0:
        return 0.0, 0.0
    to_yes = min(cash, max(0.0, (best_yes - best_no + cash * phi_no) / (phi_yes + phi_no)))
    return _cents_down(to_yes), _cents_down(cash - to_yes)


def _bought(target_bp: int, price_bp: int, lowest_bp: int) -> float:
    """Shares that move the pool from the target down to this price, for each dollar in it."""
    dollars = math.sqrt(target_bp / BP_PER_DOLLAR) - math.sqrt(lowest_bp / BP_PER_DOLLAR)
    return (_inverse_root(price_bp) - _inverse_root(target_bp)) / dollars


def _sold(target_bp: int, price_bp: int, highest_bp: int) -> float:
    """The part of its shares that the pool has sold when its price has risen to this one."""
    return (_inverse_root(target_bp) - _inverse_root(price_bp)) / (_inverse_root(target_bp) - _inverse_root(highest_bp))


def _inverse_root(price_bp: int) -> float:
    return math.sqrt(BP_PER_DOLLAR / price_bp)


def _steps(prices_bp: tuple[int, ...], cumulative: tuple[float, ...], amount: float) -> dict[int, int]:
    """What each price adds, in whole hundredths of a share, rounded down."""
    sizes, before = {}, 0.0
    for price_bp, after in zip(prices_bp, cumulative, strict=True):
        sizes[price_bp] = int((after - before) * amount * 100 + 1e-6) * _CENTISHARE_MICRO
        before = after
    return sizes


def _cents_down(dollars: float) -> float:
    return math.floor(dollars * 100 + 1e-6) / 100


def _compared(side: Side, ladder: list[tuple[int, int]], rests: list[Resting], view: StrategyView) -> list[Quote]:
    """What rests stays as it is while it is off by less than the least order; what is too small for an order is left out."""
    open_micro: Counter[int] = Counter()
    for order in rests:
        if order.side is side:
            open_micro[order.price_bp] += order.size_micro
    least_micro, top = view.market.min_size_micro, view.book.yes
    quotes = []
    for price_bp, wanted_micro in ladder:
        stays = open_micro[price_bp] and abs(wanted_micro - open_micro[price_bp]) < least_micro
        would_take = not open_micro[price_bp] and (
            top.ask_bp is not None and price_bp >= top.ask_bp if side is Side.BUY else top.bid_bp is not None and price_bp <= top.bid_bp)
        if stays or (wanted_micro >= least_micro and not would_take):
            quotes.append(Quote(side, PriceBp(price_bp), SizeMicro(open_micro[price_bp] if stays else wanted_micro)))
    return quotes
