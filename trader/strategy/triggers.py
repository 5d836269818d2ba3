"""When to run before the next tick is due. Pure: the role does the waiting.

Every change of state is looked at; only the early run is held back, and what it held back is looked at again at the end
of the debounce time, so that the last move of a burst is never lost. Two causes are not held back: a shock, because it is when
old quotes are taken, and a fill, because what was taken must be quoted anew.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trader.model.intent import Mode, StrategyView
from trader.model.units import PriceBp
from trader.strategy.closing import Phase
from trader.strategy.touch import touch_of_others
from trader.strategy.view import NoView

BY_PRICE = ("shock", "book", "fair")
PROMPT = ("shock", "fill")
TRIGGERS = ("market", "fill", "mode", "close", *BY_PRICE)


class Moment(NamedTuple):
    """What the triggers compare: now against the last run."""

    condition_id: str
    bid_bp: PriceBp | None       # without our own size
    ask_bp: PriceBp | None
    fair_bp: PriceBp | None
    net_micro: int
    mode: Mode
    tick_bp: PriceBp
    phase: Phase = Phase.OPEN    # how near the close is
    shock: int = 0               # +1 and -1: the reference has just jumped up or down


class Trigger:
    """Decides on early runs and counts them by cause. Owner: strategy thread; `fired` is read by stats."""

    def __init__(self, threshold_ticks: int, debounce_ms: int) -> None:
        self.set(threshold_ticks, debounce_ms)
        self._last_run: Moment | None = None
        self._ready_ns: int | None = None            # end of the debounce time of the last early run
        self.held_until_ns: int | None = None        # a move waits for this moment: look again then
        self.fired = dict.fromkeys(TRIGGERS, 0)      # keys never change, so another thread may copy it

    def set(self, threshold_ticks: int, debounce_ms: int) -> None:
        self._threshold_ticks, self._debounce_ns = threshold_ticks, debounce_ms * 1_000_000

    def check(self, now: Moment, now_ns: int) -> str | None:
        """The cause to run now. If a move has to wait instead, `held_until_ns` says until when."""
        cause = self._cause(now)
        held = cause not in (None, *PROMPT) and self._ready_ns is not None and now_ns < self._ready_ns
        self.held_until_ns = self._ready_ns if held else None
        if cause is None or held:
            return None
        self._ready_ns = now_ns + self._debounce_ns
        self.fired[cause] += 1
        return cause

    def ran(self, now: Moment) -> None:
        """After every run, tick or early: later moves are measured from here."""
        self._last_run = now
        self.held_until_ns = None

    def _cause(self, now: Moment) -> str | None:
        last = self._last_run
        if last is None or last.condition_id != now.condition_id:
            return "market"
        if now.shock not in (0, last.shock):
            return "shock"
        if last.net_micro != now.net_micro:
            return "fill"
        if last.mode != now.mode:
            return "mode"
        if last.phase != now.phase:
            return "close"
        return cause_in_prices(last, now, self._threshold_ticks * now.tick_bp)


def cause_in_prices(last: Moment, now: Moment, threshold_bp: int) -> str | None:
    if moved(last.bid_bp, now.bid_bp, threshold_bp) or moved(last.ask_bp, now.ask_bp, threshold_bp):
        return "book"
    return "fair" if moved(last.fair_bp, now.fair_bp, threshold_bp) else None


def moved(last_bp: int | None, now_bp: int | None, threshold_bp: int) -> bool:
    if last_bp is None or now_bp is None:
        return last_bp is not now_bp
    return abs(now_bp - last_bp) >= threshold_bp


def moment_of(scene: StrategyView | NoView, phase: Phase = Phase.OPEN, shock_z: float = math.inf) -> Moment:
    """Without a view only the market can change. `shock_z`: how many deviations are a shock."""
    if isinstance(scene, NoView):
        return Moment(scene.condition_id, None, None, None, 0, Mode.STOP, PriceBp(1))
    touch = touch_of_others(scene.book.yes, scene.inventory.working)
    shock = 0 if abs(scene.shock_z) < shock_z else 1 if scene.shock_z > 0 else -1
    return Moment(scene.market.condition_id, touch.bid_bp, touch.ask_bp, scene.fair_bp, scene.inventory.net_micro,
                  scene.inventory.mode, scene.book.yes.tick_bp, phase, shock)
