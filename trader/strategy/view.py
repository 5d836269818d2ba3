"""Puts together what a strategy may look at, or says what is missing. Pure but for what it remembers; strategy thread.

Fed by the role with one snapshot of each cache; read by the strategy and by the triggers.
"""

from __future__ import annotations

from typing import NamedTuple

from trader.model.book import MarketBook, ReferencePrice
from trader.model.intent import Inventory, StrategyView
from trader.model.market import LiveMarket, Market
from trader.strategy.pricing import FairBand, Jumps, fair_band
from trader.strategy.settings import StrategySettings
from trader.strategy.strike import Strike, StrikeWatch
from trader.strategy.volatility import ShockGauge, VolatilityEstimate

_SECOND_NS = 1_000_000_000   # the clock by which volatility and shocks are sampled
_CANDLE_MS = 3_600_000       # of the reference whose open is the strike; a shorter window may begin with one, a longer settles on others

NO_STRIKE = "strike unknown: waiting for the kline of this window"
PROVISIONAL = "strike is provisional: the kline of this window has not arrived"


class Snapshots(NamedTuple):
    """The four caches, each read once a cycle."""

    live: LiveMarket | None
    book: MarketBook | None
    reference: ReferencePrice | None
    inventory: Inventory | None


class NoView(NamedTuple):
    """Nothing can be quoted yet: why, and for which market (empty when there is none)."""

    condition_id: str
    reason: str


class ViewBuilder:
    """Remembers volatility, shocks and strikes from one reference to the next. Owner: strategy thread."""

    def __init__(self, settings: StrategySettings) -> None:
        self._volatility, self._fast_volatility = (
            VolatilityEstimate(half_life_s, settings.volatility_prior_bp, settings.volatility_floor_bp)
            for half_life_s in (settings.volatility_half_life_s, settings.volatility_fast_half_life_s))
        self._shock = ShockGauge()
        self._jumps = Jumps(settings.jump_per_hour, settings.jump_bp)
        self._strikes = StrikeWatch()
        self._remembered: tuple[LiveMarket | None, ReferencePrice | None, int] = None, None, 0

    def build(self, seen: Snapshots, now_ns: int, now_ms: int) -> StrategyView | NoView:
        """Every reference counts for volatility and strike, also while nothing can be quoted."""
        live, book, reference, inventory = seen
        if reference is not None:
            self._remember(live, reference, now_ns, now_ms)
        if live is None or live.now is None:
            return NoView("", "no window is open")
        market = live.now
        if book is None or book.condition_id != market.condition_id:
            return NoView(market.condition_id, "waiting for the book of this market")
        if reference is None:
            return NoView(market.condition_id, "waiting for the first reference price")
        if market.settles_on not in ("", reference.symbol):
            return NoView(market.condition_id, observed_only(market.settles_on, reference.symbol))
        if market.window_ms > _CANDLE_MS:
            return NoView(market.condition_id, f"observed only: this window lasts {market.window_ms / _CANDLE_MS:g} h, the strike is the "
                          "open of an hour's candle")
        # An intent that reaches the executor before it switched would be discarded there and not be repeated by us.
        if inventory is None or inventory.condition_id != market.condition_id:
            return NoView(market.condition_id, "waiting for the executor to take over this market")
        return self._view(market, book, reference, inventory, now_ns, now_ms)

    def _remember(self, live: LiveMarket | None, reference: ReferencePrice, now_ns: int, now_ms: int) -> None:
        """A reference says the same all through a second: looked at again only when one of the three is another."""
        last_live, last_reference, last_second = self._remembered
        second = now_ns // _SECOND_NS
        if reference is last_reference and live is last_live and second == last_second:
            return
        self._remembered = live, reference, second
        mid_micro, received_ns = reference.mid_micro, reference.received_ns
        self._shock.observe(mid_micro, received_ns, now_ns, self._volatility.bp)
        self._volatility.observe(mid_micro, received_ns, now_ns)
        self._fast_volatility.observe(mid_micro, received_ns, now_ns)
        received_ms = now_ms - (now_ns - reference.received_ns) // 1_000_000
        self._strikes.observe(live or LiveMarket(None, None), reference, received_ms)

    def _view(self, market: Market, book: MarketBook, reference: ReferencePrice, inventory: Inventory,
              now_ns: int, now_ms: int) -> StrategyView:
        strike = self._strikes.of(market)
        time_left_ms = market.close_ms - now_ms
        fair = None if strike is None else self._fair(reference, strike, time_left_ms)
        return StrategyView(
            now_ns=now_ns, now_ms=now_ms, market=market, book=book, reference=reference, inventory=inventory,
            fair_bp=fair and fair.fair_bp, fair_reason=_doubt(strike),
            provisional_strike=strike is not None and strike.provisional,
            volatility_bp=self._volatility.bp, time_left_ms=time_left_ms,
            fair_lo_bp=fair and fair.lo_bp, fair_hi_bp=fair and fair.hi_bp,
            fast_volatility_bp=self._fast_volatility.bp, shock_z=self._shock.z)

    def _fair(self, reference: ReferencePrice, strike: Strike, time_left_ms: int) -> FairBand:
        return fair_band(reference.mid_micro, strike.price_micro, time_left_ms / 1000, self._volatility.bp,
                         self._volatility.relative_error, self._jumps)


def observed_only(settles_on: str, symbol: str) -> str:
    return f"observed only: this market settles on {settles_on}, the reference feed is {symbol}"


def _doubt(strike: Strike | None) -> str:
    if strike is None:
        return NO_STRIKE
    return PROVISIONAL if strike.provisional else ""
