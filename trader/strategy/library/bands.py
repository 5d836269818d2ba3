"""Keeps the size inside bands around a target price, as poly-market-maker's `bands` does. Pure; strategy thread.

A band lies between two margins from the target. Orders in it are left where they are (they keep their place in the queue) while
their sum is within [minAmount, maxAmount]; below, an order at avgMargin fills it up to avgAmount; above, orders are cancelled until
it fits. Orders outside every band are cancelled. Semantics, names and what differs: docs/strategies.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from trader.errors import ConfigError
from trader.model.intent import Mode, Quote, StrategyView
from trader.model.order import Side
from trader.model.setting import setting
from trader.model.units import BP_PER_DOLLAR, MICRO, PriceBp, SizeMicro, floor_to_tick
from trader.strategy.levels import Resting, in_place, resting
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.target import SOURCES, aim
from trader.strategy.touch import touch_of_others

_CENTISHARE_MICRO = MICRO // 100         # sizes have two decimals there


@dataclass(frozen=True)
class Band:
    """Margins in dollars from the target, amounts in shares."""

    ALIASES: ClassVar[Mapping[str, str]] = {
        "minMargin": "min_margin", "avgMargin": "avg_margin", "maxMargin": "max_margin", "minAmount": "min_amount",
        "avgAmount": "avg_amount", "maxAmount": "max_amount", "minSize": "min_amount", "avgSize": "avg_amount", "maxSize": "max_amount"}

    min_margin: float = setting(help="Nearest to the target.", unit="$", low=0, high=0.99)
    avg_margin: float = setting(help="Where new orders go.", unit="$", low=0.0001, high=0.99)
    max_margin: float = setting(help="Furthest from the target.", unit="$", low=0.0001, high=0.99)
    min_amount: float = setting(help="Filled up when less is open.", unit="shares", low=0, high=1_000_000)
    avg_amount: float = setting(help="Filled up to this.", unit="shares", low=0, high=1_000_000)
    max_amount: float = setting(help="Orders are cancelled when more is open.", unit="shares", low=0, high=1_000_000)

    def __post_init__(self) -> None:
        if not (self.min_margin <= self.avg_margin <= self.max_margin and self.min_margin < self.max_margin):
            raise _misfit(f"minMargin {self.min_margin:g}, avgMargin {self.avg_margin:g}, maxMargin {self.max_margin:g}")
        if not self.min_amount <= self.avg_amount <= self.max_amount:
            raise _misfit(f"minAmount {self.min_amount:g}, avgAmount {self.avg_amount:g}, maxAmount {self.max_amount:g}")


@dataclass(frozen=True)
class BandsParams:
    bands: tuple[Band, ...] = setting(help="One entry a band; they must not overlap.")
    price_feed_source: str = setting("fair", "The target price. fair: our fair price. clob: the middle of the book, as poly-market-maker "
                                     "does: it knows nothing of Bitcoin.", choices=SOURCES)

    def __post_init__(self) -> None:
        if not self.bands:
            raise ConfigError("strategy.params.bands: is empty.", remedy="Give at least one band.")
        for number, one in enumerate(self.bands):
            for other in self.bands[:number]:
                if one.min_margin < other.max_margin and other.min_margin < one.max_margin:
                    raise ConfigError(f"strategy.params.bands: {one.min_margin:g}-{one.max_margin:g} overlaps "
                                      f"{other.min_margin:g}-{other.max_margin:g}.", remedy="Let each band end where the next begins.")


def _misfit(values: str) -> ConfigError:
    return ConfigError(f"strategy.params.bands: was {values}, must be in this order.", remedy="Correct the band.")


class _BandBp(NamedTuple):
    """A band in integers."""

    min_bp: int
    avg_bp: int
    max_bp: int
    min_micro: int
    avg_micro: int
    max_micro: int

    def holds(self, price_bp: int, target_bp: int) -> bool:
        return target_bp - self.max_bp < price_bp <= target_bp - self.min_bp


class _Open(NamedTuple):
    """An open order, at what its buyer pays: an ask for YES is a bid for NO."""

    price_bp: int
    size_micro: int


class Bands:
    Params = BandsParams

    def __init__(self, settings: StrategySettings, params: BandsParams) -> None:
        self._rules, self._source = QuotingRules(settings), params.price_feed_source
        self._bands = tuple(_in_integers(band) for band in sorted(params.bands, key=lambda band: band.min_margin))

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        aimed = aim(view, self._source)
        mode, reason = self._rules.mode(aimed)
        if mode is Mode.STOP or aimed.fair_bp is None:
            return Mode.STOP, (), reason
        target_bp, touch = aimed.fair_bp, touch_of_others(view.book.yes, view.inventory.working)
        yes_limit_bp = BP_PER_DOLLAR if touch.ask_bp is None else touch.ask_bp
        no_limit_bp = BP_PER_DOLLAR if touch.bid_bp is None else BP_PER_DOLLAR - touch.bid_bp
        rests = resting(view.inventory.working, view.market.yes_token)
        bids = self._side(Side.BUY, target_bp, yes_limit_bp, rests, view)
        asks = self._side(Side.SELL, BP_PER_DOLLAR - target_bp, no_limit_bp, rests, view)
        return mode, (*in_place(bids, Side.BUY, rests), *in_place(asks, Side.SELL, rests)), reason

    def _side(self, side: Side, target_bp: int, limit_bp: int, rests: list[Resting], view: StrategyView) -> list[Quote]:
        """All in the prices of the token that this side buys. `limit_bp`: where it would take instead of rest."""
        tick_bp = view.book.yes.tick_bp
        bands = [band for band in self._bands if target_bp - band.min_bp > 0]
        orders = [_Open(_mirrored(side, order.price_bp), order.size_micro) for order in rests if order.side is side]
        kept: list[_Open] = []
        new: list[_Open] = []
        for number, band in enumerate(bands):
            inside = [order for order in orders if band.holds(order.price_bp, target_bp)]
            inside = _within_amount(inside, band.max_micro, target_bp, first=number == 0, last=number == len(bands) - 1)
            kept += inside
            open_micro = sum(order.size_micro for order in inside)
            price_bp = max(tick_bp, floor_to_tick(target_bp - band.avg_bp, tick_bp))
            missing_micro = band.avg_micro - open_micro if open_micro < band.min_micro else 0
            if missing_micro >= view.market.min_size_micro and price_bp < limit_bp:
                new.append(_Open(price_bp, missing_micro))
        return [Quote(side, _mirrored(side, order.price_bp), SizeMicro(order.size_micro)) for order in (*kept, *new)]


def _in_integers(band: Band) -> _BandBp:
    margins = (round(margin * BP_PER_DOLLAR) for margin in (band.min_margin, band.avg_margin, band.max_margin))
    amounts = (int(amount * 100 + 1e-6) * _CENTISHARE_MICRO for amount in (band.min_amount, band.avg_amount, band.max_amount))
    return _BandBp(*margins, *amounts)


def _within_amount(orders: list[_Open], max_micro: int, target_bp: int, *, first: bool, last: bool) -> list[_Open]:
    """Without those that are too much: nearest to the target first in the first band, furthest first in the last, else largest."""
    if first:
        order_of_leaving = sorted(orders, key=lambda order: target_bp - order.price_bp)
    elif last:
        order_of_leaving = sorted(orders, key=lambda order: order.price_bp - target_bp)
    else:
        order_of_leaving = sorted(orders, key=lambda order: -order.size_micro)
    open_micro = sum(order.size_micro for order in orders)
    while open_micro > max_micro:
        open_micro -= order_of_leaving.pop(0).size_micro
    return order_of_leaving


def _mirrored(side: Side, price_bp: int) -> PriceBp:
    """Between YES terms and what the side's buyer pays; the same both ways."""
    return PriceBp(price_bp if side is Side.BUY else BP_PER_DOLLAR - price_bp)
