"""Offers the liquidity of two concentrated-liquidity pools as orders, as poly-market-maker's `amm` does. Pure; strategy thread.

One pool a token: what we hold of it is offered above its price, collateral bids below it. Prices begin `spread` from the target
and go on every `delta` for `depth`; sizes are what a swap would need to move the pool's price from one to the next. In YES terms an
ask is what the YES pool sells plus what the NO pool bids. Derivation and names: docs/strategies.md.

Floats stay inside the curve: prices are whole ticks, and a size leaves as whole hundredths of a share, rounded down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from trader.errors import ConfigError
from trader.model.book import BookTop
from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.setting import setting
from trader.model.units import BP_PER_DOLLAR, MICRO, PriceBp, SizeMicro, ceil_to_tick, complement_bp, floor_to_tick
from trader.strategy.check import MAX_QUOTES_A_SIDE
from trader.strategy.levels import Resting, in_place, resting
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.target import SOURCES, aim

Sizes = dict[PriceBp, SizeMicro]

_NOTHING = SizeMicro(0)
_MAX_POOLS = 1000
_CENTISHARE_MICRO = MICRO // 100


@dataclass(frozen=True)
class AmmParams:
    ALIASES: ClassVar[Mapping[str, str]] = {"minPrice": "p_min", "maxPrice": "p_max"}

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
        if self.depth / self.delta >= MAX_QUOTES_A_SIDE:
            raise ConfigError(f"strategy.params.delta: was {self.delta:g}, which makes more than {MAX_QUOTES_A_SIDE} orders a side over a "
                              f"depth of {self.depth:g}.", remedy="Raise delta or lower depth.")


DEFAULTS = AmmParams()


class _Pool(NamedTuple):
    """One token's pool at one target price. All prices are of this token, in bp, best first."""

    bids: tuple[tuple[PriceBp, float], ...]      # (price, shares for each dollar of collateral)
    asks: tuple[tuple[PriceBp, float], ...]      # (price, shares for each share held)

    def phi(self) -> float:
        """Shares that one dollar of collateral bids for at the best price."""
        return self.bids[0][1] if self.bids else 0.0


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
        bid_quotes = _compared(Side.BUY, sorted(bids.items(), reverse=True)[:MAX_QUOTES_A_SIDE], rests, view)
        ask_quotes = _compared(Side.SELL, sorted(asks.items())[:MAX_QUOTES_A_SIDE], rests, view)
        return mode, (*in_place(bid_quotes, Side.BUY, rests), *in_place(ask_quotes, Side.SELL, rests)), reason

    def _sizes(self, view: StrategyView, target_bp: int) -> tuple[Sizes, Sizes]:
        """Size by price of all bids and of all asks, in YES terms."""
        held, tick_bp = view.inventory, view.book.yes.tick_bp
        yes, no = self._pool(target_bp, tick_bp), self._pool(BP_PER_DOLLAR - target_bp, tick_bp)
        yes_asks, no_asks = _sized(yes.asks, held.yes_effective_micro / MICRO), _sized(no.asks, held.no_effective_micro / MICRO)
        cash = max(0.0, min(held.cash_micro / MICRO, self._params.max_collateral))
        cash_yes, cash_no = _collateral(cash, yes, no, yes_asks, no_asks)
        return _with_other(_sized(yes.bids, cash_yes), no_asks), _with_other(yes_asks, _sized(no.bids, cash_no))

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
        return _Pool(_steps(bids_bp, [_bought(target_bp, price_bp, lowest_bp) for price_bp in bids_bp]),
                     _steps(asks_bp, [_sold(target_bp, price_bp, highest_bp) for price_bp in asks_bp]))


def _collateral(cash: float, yes: _Pool, no: _Pool, yes_asks: Sizes, no_asks: Sizes) -> tuple[float, float]:
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


def _steps(prices_bp: Sequence[PriceBp], cumulative: Sequence[float]) -> tuple[tuple[PriceBp, float], ...]:
    """What each price adds to those before it."""
    return tuple((price_bp, after - before) for price_bp, after, before in zip(prices_bp, cumulative, (0.0, *cumulative), strict=False))


def _sized(steps: Iterable[tuple[PriceBp, float]], amount: float) -> Sizes:
    """Price → size (micro shares) of what an amount makes: whole hundredths of a share, rounded down."""
    return {price_bp: SizeMicro(int(shares * amount * 100 + 1e-6) * _CENTISHARE_MICRO) for price_bp, shares in steps}


def _with_other(sizes: Sizes, of_other_token: Sizes) -> Sizes:
    """One side in YES terms: `sizes`, and what the other pool adds to it from the far end of the dollar."""
    merged = dict(sizes)
    for price_bp, size_micro in of_other_token.items():
        yes_bp = complement_bp(price_bp)
        merged[yes_bp] = SizeMicro(merged.get(yes_bp, 0) + size_micro)
    return merged


def _cents_down(dollars: float) -> float:
    return math.floor(dollars * 100 + 1e-6) / 100


def _compared(side: Side, ladder: list[tuple[PriceBp, SizeMicro]], rests: list[Resting], view: StrategyView) -> list[Quote]:
    """What rests stays as it is while it is off by less than the least order; what is too small for an order is left out."""
    open_micro: Sizes = {}
    for rests_side, _, price_bp, size_micro in rests:
        if rests_side is side:
            open_micro[price_bp] = SizeMicro(open_micro.get(price_bp, 0) + size_micro)
    least_micro, lowest_bp, highest_bp = view.market.min_size_micro, *_would_rest(side, view.book.yes)
    quotes = []
    for price_bp, wanted_micro in ladder:
        rested_micro = open_micro.get(price_bp, _NOTHING)
        if rested_micro and abs(wanted_micro - rested_micro) < least_micro:
            quotes.append(Quote(side, price_bp, rested_micro))
        elif wanted_micro >= least_micro and (rested_micro or lowest_bp < price_bp < highest_bp):
            quotes.append(Quote(side, price_bp, wanted_micro))
    return quotes


def _would_rest(side: Side, top: BookTop) -> tuple[int, int]:
    """Between these prices an order takes nothing."""
    if side is Side.BUY:
        return 0, BP_PER_DOLLAR if top.ask_bp is None else top.ask_bp
    return (0 if top.bid_bp is None else top.bid_bp), BP_PER_DOLLAR
