"""The exchange's own traders. They call the venue directly, on thread `market-life`, each with an internal account.

They only buy: a quote to sell YES is a bid for NO, and what meets it mints a pair. Some takers sell what they hold, so that
ordinary trades and merges happen as well.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from trader.exchange.orders import MarketSpec, NewOrder, OrderType, Outcome, Side
from trader.exchange.population import MakerSettings, Population, TakerSettings
from trader.exchange.refusal import Refusal
from trader.exchange.venue import Venue
from trader.model.units import BP_PER_CENT, BP_PER_DOLLAR, MICRO, complement_bp, floor_to_tick

BOT_CASH_MICRO = 1_000_000_000 * MICRO      # deep pockets: a bot must never be what is missing
BOT_ADDRESS = "0x" + "0" * 40


class Quotable(NamedTuple):
    """A market as a bot sees it: where its fair price is, in bp of YES, and whether its window has opened."""

    spec: MarketSpec
    fair_bp: float
    running: bool


class Maker:
    """Keeps `levels` bids a token around its opinion of the fair price, moving only what is out of place."""

    def __init__(self, settings: MakerSettings, venue: Venue, rng: random.Random, numbers: Iterator[int]) -> None:
        self._settings, self._venue, self._rng, self._numbers = settings, venue, rng, numbers
        self._due_ms = 0
        self._quotes: dict[str, dict[tuple[Outcome, int], tuple[str, int]]] = {}    # market → (token, level) → (id, price_bp)
        venue.open_account(settings.name, cash_micro=BOT_CASH_MICRO, internal=True)

    def step(self, markets: list[Quotable], now_ms: int) -> None:
        if now_ms < self._due_ms:
            return
        self._due_ms = now_ms + self._rng.randint(self._settings.requote_ms // 2, self._settings.requote_ms * 3 // 2)
        self._quotes = {market.spec.condition_id: self._quotes.get(market.spec.condition_id, {}) for market in markets}
        for market in markets:
            self._requote(market)

    def _requote(self, market: Quotable) -> None:
        quotes = self._quotes[market.spec.condition_id]
        error_bp = self._rng.gauss(0.0, self._settings.opinion_cents * BP_PER_CENT) if market.running else 0.0
        closeness = _closeness(market)
        wanted = self._wanted(market.fair_bp + error_bp, market.spec.tick_bp, closeness)
        tolerance_bp = self._settings.tolerance_cents * BP_PER_CENT * closeness
        stale = [slot for slot, (_, price_bp) in quotes.items() if slot not in wanted or abs(price_bp - wanted[slot]) > tolerance_bp]
        if stale:
            self._venue.cancel(self._settings.name, [quotes.pop(slot)[0] for slot in stale])
        held = self._venue.open_order_ids(self._settings.name, market.spec.condition_id)
        for slot, price_bp in wanted.items():
            if slot not in quotes or quotes[slot][0] not in held:
                quotes[slot] = (self._bid(market.spec, slot[0], price_bp), price_bp)

    def _wanted(self, fair_bp: float, tick_bp: int, closeness: float) -> dict[tuple[Outcome, int], int]:
        """Price of each (token, level). A bid that would fall below the book's range stands at its end, and the last does."""
        wanted = {}
        for outcome, centre_bp in ((Outcome.YES, fair_bp), (Outcome.NO, BP_PER_DOLLAR - fair_bp)):
            for level in range(self._settings.levels):
                away_bp = (self._settings.half_spread_cents + level * self._settings.spacing_cents) * BP_PER_CENT * closeness
                price_bp = floor_to_tick(int(centre_bp - away_bp), tick_bp)
                wanted[outcome, level] = min(max(int(price_bp), tick_bp), BP_PER_DOLLAR - tick_bp)
                if price_bp <= tick_bp:
                    break
        return wanted

    def _bid(self, spec: MarketSpec, outcome: Outcome, price_bp: int) -> str:
        """The id of the new order. One that is refused is not held at the next look, and is tried again then."""
        size_micro = self._rng.randint(*self._settings.size) * MICRO
        new = _order(next(self._numbers), self._settings.name, spec, outcome, Side.BUY, price_bp, size_micro)._replace(post_only=True)
        _place(self._venue, new)
        return new.order_id


def _closeness(market: Quotable) -> float:
    """Once the tick is fine, makers come as much closer as the price can still move less."""
    if market.spec.tick_bp >= BP_PER_CENT:
        return 1.0
    probability = min(max(market.fair_bp / BP_PER_DOLLAR, 0.001), 0.999)
    return 2 * math.sqrt(probability * (1 - probability))


class Taker:
    """Comes at random times and takes the best price: any within reach of the fair price, or only one that is wrong by an edge."""

    def __init__(self, settings: TakerSettings, venue: Venue, rng: random.Random, numbers: Iterator[int]) -> None:
        self._settings, self._venue, self._rng, self._numbers = settings, venue, rng, numbers
        self._due_ms = 0.0
        venue.open_account(settings.name, cash_micro=BOT_CASH_MICRO, internal=True)

    def step(self, markets: list[Quotable], now_ms: int) -> None:
        running = [market for market in markets if market.running]
        if now_ms < self._due_ms or not running:
            return
        self._due_ms = now_ms + self._rng.expovariate(self._settings.per_s) * 1000
        outcome = Outcome(self._rng.randrange(2))
        market = running[0]
        fair_bp = market.fair_bp if outcome is Outcome.YES else BP_PER_DOLLAR - market.fair_bp
        self._take(market.spec, outcome, fair_bp)

    def _take(self, spec: MarketSpec, outcome: Outcome, fair_bp: float) -> None:
        """Wants more of `outcome`: buys it, or sells the complement where it holds some."""
        worst_bp = fair_bp + (self._settings.reach_cents - self._settings.edge_cents) * BP_PER_CENT
        limit_bp = min(floor_to_tick(int(worst_bp), spec.tick_bp), BP_PER_DOLLAR - spec.tick_bp)
        if limit_bp < spec.tick_bp:
            return
        size_micro = self._rng.randint(*self._settings.size) * MICRO
        held_micro = self._venue.free_tokens_micro(self._settings.name, spec.condition_id, outcome.other)
        if held_micro >= size_micro and self._rng.random() < 0.5:
            new = _order(next(self._numbers), self._settings.name, spec, outcome.other, Side.SELL, complement_bp(limit_bp), size_micro)
        else:
            new = _order(next(self._numbers), self._settings.name, spec, outcome, Side.BUY, limit_bp, size_micro)
        _place(self._venue, new._replace(order_type=OrderType.FAK))


class Crowd:
    """The whole population."""

    def __init__(self, population: Population, venue: Venue, rng: random.Random, *, first_order: int) -> None:
        """`first_order`: where the numbers of their orders begin, so that no two lives of one exchange share any."""
        numbers = itertools.count(first_order)
        self._bots: list[Maker | Taker] = [Maker(maker, venue, rng, numbers) for maker in population.makers]
        self._bots += [Taker(taker, venue, rng, numbers) for taker in population.takers]

    def step(self, markets: list[Quotable], now_ms: int) -> None:
        for bot in self._bots:
            bot.step(markets, now_ms)


def _order(number: int, name: str, spec: MarketSpec, outcome: Outcome, side: Side, price_bp: int, size_micro: int) -> NewOrder:
    return NewOrder(f"0x{number:064x}", name, "", BOT_ADDRESS, spec, outcome, side, price_bp, size_micro)


def _place(venue: Venue, new: NewOrder) -> None:
    with contextlib.suppress(Refusal):      # would cross, found nothing, market closed meanwhile: bots shrug and come again
        venue.place(new)
