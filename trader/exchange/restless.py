"""Frames on demand: a bot that replaces one quote after another, as often as it is told. On thread `market-life`.

It uses the engine like everybody else, so that its frames have right hashes and its orders can be traded against. It only buys:
a quote to sell YES is a bid for NO.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

from trader.exchange.bots import BOT_ADDRESS, BOT_CASH_MICRO, Quotable
from trader.exchange.orders import NewOrder, OrderType, Outcome, Side
from trader.exchange.refusal import Refusal
from trader.exchange.venue import Venue
from trader.model.units import BP_PER_CENT, BP_PER_DOLLAR, MICRO, floor_to_tick
from trader.runtime.clock import Clock

SIZES = (20, 500)           # shares, when a quote is made
FRAMES_A_MOVE = 2


class Restless:
    """Keeps `levels` bids a token, the nearest `nearest_cents` from the fair price. One account for all its markets."""

    def __init__(self, name: str, venue: Venue, rng: random.Random, numbers: Iterator[int], *, levels: int, nearest_cents: int) -> None:
        self._name, self._venue, self._rng, self._numbers = name, venue, rng, numbers
        self._slots = [(outcome, level) for level in range(levels) for outcome in Outcome]
        self._nearest_bp = nearest_cents * BP_PER_CENT
        self._quotes: dict[str, dict[tuple[Outcome, int], str]] = {}       # market → slot → order id
        venue.open_account(name, cash_micro=BOT_CASH_MICRO, internal=True)

    def fill(self, market: Quotable) -> None:
        """The whole book at once, for a market that has just been listed."""
        for slot in self._slots:
            self._quote(market, slot)

    def move(self, market: Quotable) -> None:
        """Two frames: a quote goes and another comes, of another size, where the fair price is now."""
        slot = self._rng.choice(self._slots)
        order_id = self._quotes.setdefault(market.spec.condition_id, {}).pop(slot, None)
        if order_id is not None:
            self._venue.cancel(self._name, [order_id])
        self._quote(market, slot)

    def take(self, market: Quotable) -> None:
        """One trade at the best price of either side, if somebody else quotes it or the bot's own quotes are in the way."""
        outcome = Outcome(self._rng.randrange(2))
        self._place(market, outcome, BP_PER_DOLLAR - market.spec.tick_bp, 5 * MICRO, OrderType.FAK)

    def forget(self, condition_id: str) -> None:
        """The market is over; its orders are gone with it."""
        self._quotes.pop(condition_id, None)

    def _quote(self, market: Quotable, slot: tuple[Outcome, int]) -> None:
        outcome, level = slot
        centre_bp = market.fair_bp if outcome is Outcome.YES else BP_PER_DOLLAR - market.fair_bp
        price_bp = floor_to_tick(int(centre_bp - self._nearest_bp - level * BP_PER_CENT), market.spec.tick_bp)
        order_id = self._place(market, outcome, max(int(price_bp), market.spec.tick_bp), self._rng.randint(*SIZES) * MICRO, OrderType.GTC)
        if order_id:
            self._quotes.setdefault(market.spec.condition_id, {})[slot] = order_id

    def _place(self, market: Quotable, outcome: Outcome, price_bp: int, size_micro: int, order_type: OrderType) -> str:
        """The order's id; "" when it was refused, as one that would cross is: its slot stays empty until the next move."""
        order_id = f"0x{next(self._numbers):064x}"
        with contextlib.suppress(Refusal):
            self._venue.place(NewOrder(order_id, self._name, "", BOT_ADDRESS, market.spec, outcome, Side.BUY, price_bp, size_micro,
                                       order_type, post_only=order_type.may_rest))
            return order_id
        return ""


class BusyMarket:
    """Makes the running market as loud as `--frames-per-s` says, behind the prices at which the others trade."""

    def __init__(self, clock: Clock, bot: Restless, frames_per_s: float) -> None:
        self._clock, self._bot, self._frames_per_s = clock, bot, frames_per_s
        self._told_ms, self._owed, self._running = clock.wall_ms(), 0.0, ""

    def step(self, market: Quotable) -> None:
        if market.spec.condition_id != self._running:
            self._bot.forget(self._running)
            self._running = market.spec.condition_id
            self._bot.fill(market)
        now_ms = self._clock.wall_ms()
        self._owed += (now_ms - self._told_ms) * self._frames_per_s / 1000
        self._told_ms = now_ms
        while self._owed >= FRAMES_A_MOVE:
            self._owed -= FRAMES_A_MOVE
            self._bot.move(market)
