"""Role 4, thread `strategy`: looks at the market, decides what to quote, puts the intent into the mailbox.

Fed by the caches of feeds, executor and markets, woken by the doorbell and its own ticks; read by the executor through the
mailbox and by guards and stats through `StrategyPulse`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from trader.errors import ConfigError
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.mailbox import IntentMailbox
from trader.model.book import MarketBook, ReferencePrice
from trader.model.intent import Inventory, Mode, Quote, QuoteIntent, Strategy, StrategyPulse, StrategyView
from trader.model.market import LiveMarket
from trader.model.units import PriceBp
from trader.runtime.clock import Clock
from trader.runtime.latency import LatencyWindow
from trader.runtime.pacer import Pacer
from trader.runtime.role import CYCLE_LIMIT_MS, Posture
from trader.strategy.base import strategy_named
from trader.strategy.check import fault_in
from trader.strategy.closing import CloseClock
from trader.strategy.settings import StrategySettings
from trader.strategy.touch import touch_of_others
from trader.strategy.triggers import BY_PRICE, Moment, Trigger, moment_of, moved
from trader.strategy.view import NoView, Snapshots, ViewBuilder

log = logging.getLogger(__name__)

NEEDS_RESTART = ("strategy_hz", "volatility_half_life_s", "volatility_fast_half_life_s", "volatility_floor_bp", "jump_per_hour", "jump_bp")
_IDLE_STOP_NS = 1_000_000_000    # how often a STOP is repeated while there is nothing to quote on


class StrategyInputs(NamedTuple):
    """The caches that the strategy reads; their writers are markets, pm-book, bn-ticker and executor, in this order."""

    live: SnapshotCache[LiveMarket]
    books: SnapshotCache[MarketBook]
    reference: SnapshotCache[ReferencePrice]
    inventory: SnapshotCache[Inventory]

    def read(self) -> Snapshots:
        return Snapshots(self.live.read(), self.books.read(), self.reference.read(), self.inventory.read())


class StrategyStats(NamedTuple):
    ticks: int
    skipped: int                         # ticks that were late by a whole period or more and left out
    runs: int                            # ticks and early runs
    triggers: Mapping[str, int]          # early runs by cause
    intents: int                         # put into the mailbox
    refused: int                         # decisions that could not be orders; each became a STOP
    reloads: int                         # times that new settings took effect
    reason: str                          # why the last intent is a STOP, or restricted; empty otherwise


class Decision(NamedTuple):
    """What a run wants. Without the reason it is what the executor acts on."""

    condition_id: str
    mode: Mode
    quotes: tuple[Quote, ...]
    reason: str


class StrategyRole:
    """Runs at every tick, and earlier when a trigger says so. All state belongs to the strategy thread."""

    name = "strategy"

    def __init__(self, settings: StrategySettings, strategy: Strategy, *, inputs: StrategyInputs, bell: Doorbell,
                 mailbox: IntentMailbox, pulse: SnapshotCache[StrategyPulse], clock: Clock) -> None:
        self._settings, self._strategy, self._inputs, self._bell = settings, strategy, inputs, bell
        self._mailbox, self._pulse, self._clock = mailbox, pulse, clock
        self.posture = Posture(clock)
        self._period_ns = 1_000_000_000 // settings.strategy_hz
        self._pacer = Pacer(clock, self._period_ns)
        self._tick_due_ns = self._next_tick_ns()
        self._views = ViewBuilder(settings)
        self._trigger = Trigger(settings.trigger_ticks, settings.debounce_ms)
        self._close = CloseClock(settings)
        self._next_phase_ms: int | None = None           # wall time; None: no window, or its last phase
        self._incoming: deque[tuple[StrategySettings, Strategy]] = deque(maxlen=1)       # newest wins; append and pop are atomic
        self._judged: tuple[Snapshots, Moment | None] = Snapshots(None, None, None, None), None      # by the last cycle that did
        self._fault: str | None = None                   # of the last decision
        self._refused = self._reloads = 0
        self._published = Decision("", Mode.STOP, (), "nothing decided yet")
        self._published_ns: int | None = None
        self._published_fair_bp: PriceBp | None = None
        self._runs = self._intents = 0
        self.lateness = LatencyWindow()      # of each tick
        self.latency = LatencyWindow()       # receipt of the price that triggered an early run → intent, unless it was held back

    def on_start(self) -> None:
        """The first tick is due one period from now, however long ago the role was built."""
        self._pacer = Pacer(self._clock, self._period_ns)
        self._tick_due_ns = self._next_tick_ns()

    def do_work(self) -> None:
        """One cycle: parks at the doorbell until a ring, a tick, or the end of a debounce time."""
        self._bell.wait(self._park_s())
        if self._incoming:
            self._adopt(*self._incoming.pop())
        now_ns, now_ms, seen = self._clock.monotonic_ns(), self._clock.wall_ms(), self._inputs.read()
        is_tick = self._pacer.due()
        if is_tick:
            self.lateness.add(max(0, now_ns - self._tick_due_ns))
            self._tick_due_ns = self._next_tick_ns()
        elif self._is_nothing_new(seen, now_ms):
            return
        scene = self._views.build(seen, now_ns, now_ms)
        moment = self._moment(scene)
        self._judged = seen, moment if isinstance(scene, StrategyView) else None
        if is_tick:
            self._run(scene, moment, now_ns, at_tick=True)
            return
        held = self._trigger.held_until_ns is not None
        cause = self._trigger.check(moment, now_ns)
        if cause is not None:
            self._run(scene, moment, now_ns, at_tick=False, prompt=cause in BY_PRICE and not held)

    def on_stop(self) -> None:
        """Nothing to undo: the executor cancels, and a pulse that stays away is a guard."""

    def stats(self) -> StrategyStats:                    # any thread
        return StrategyStats(self._pacer.ticks, self._pacer.skipped, self._runs, self._trigger.fired.copy(), self._intents,
                             self._refused, self._reloads, self._published.reason)

    def reload(self, settings: StrategySettings) -> None:                                # any thread
        """New settings for a running desk. Takes effect within a tick, or raises ConfigError and changes nothing."""
        fixed = [name for name in NEEDS_RESTART if getattr(settings, name) != getattr(self._settings, name)]
        if fixed:
            raise ConfigError(f"strategy.{', strategy.'.join(fixed)} cannot change while the desk runs.",
                              remedy="Undo that, or restart to apply it.")
        self._incoming.append((settings, strategy_named(settings)))
        self._bell.ring()

    def _adopt(self, settings: StrategySettings, strategy: Strategy) -> None:
        """The estimates of the market go on; the rule, its parameters and the triggers are new."""
        self._settings, self._strategy = settings, strategy
        self._close = CloseClock(settings)
        self._judged = self._judged[0], None
        self._trigger.set(settings.trigger_ticks, settings.debounce_ms)
        self._reloads += 1
        log.info("new settings: %s %s", settings.name, settings.params)

    def _is_nothing_new(self, seen: Snapshots, now_ms: int) -> bool:
        """Rung, but for a book whose touch is where it was: most rings are. What time alone does is looked at in the next tick."""
        before, moment = self._judged
        if (moment is None or seen.book is None or seen.live is not before.live or seen.reference is not before.reference
                or seen.inventory is not before.inventory or self._trigger.held_until_ns is not None
                or seen.book.condition_id != moment.condition_id or seen.book.yes.tick_bp != moment.tick_bp
                or (self._next_phase_ms is not None and now_ms >= self._next_phase_ms)):
            return False
        return seen.inventory is not None and touch_of_others(seen.book.yes, seen.inventory.working) == (moment.bid_bp, moment.ask_bp)

    def _moment(self, scene: StrategyView | NoView) -> Moment:
        if isinstance(scene, NoView):
            self._next_phase_ms = None
            return moment_of(scene)
        until_ms = self._close.until_next_ms(scene)
        self._next_phase_ms = None if until_ms is None else scene.now_ms + until_ms
        return moment_of(scene, self._close.phase(scene), self._settings.shock_z)

    def _next_tick_ns(self) -> int:
        return self._clock.monotonic_ns() + round(self._pacer.wait_s() * 1e9)

    def _park_s(self) -> float:
        held_ns = self._trigger.held_until_ns
        wait_s = min(CYCLE_LIMIT_MS / 1000, self._pacer.wait_s())
        if self._next_phase_ms is not None:
            wait_s = min(wait_s, max(0, self._next_phase_ms - self._clock.wall_ms()) / 1000)
        return wait_s if held_ns is None else min(wait_s, max(0, held_ns - self._clock.monotonic_ns()) / 1e9)

    def _run(self, scene: StrategyView | NoView, moment: Moment, now_ns: int, *, at_tick: bool, prompt: bool = False) -> None:
        """`prompt`: a price that has just been received is the cause, so that the way from it to the intent can be measured."""
        self._runs += 1
        self._trigger.ran(moment)
        decision = self._decide(scene)
        if self._is_news(decision, moment, now_ns, at_tick=at_tick and isinstance(scene, StrategyView)):
            self._publish(decision, scene, now_ns, prompt)
        self._pulse.publish(StrategyPulse(now_ns, self._pacer.ticks, self._pacer.skipped, moment.fair_bp))

    def _decide(self, scene: StrategyView | NoView) -> Decision:
        if isinstance(scene, NoView):
            return Decision(scene.condition_id, Mode.STOP, (), scene.reason)
        wanted = self._strategy.quote(scene)
        fault = fault_in(wanted, scene.book.yes.tick_bp)
        if fault is None:
            self._fault = None
            return Decision(scene.market.condition_id, *wanted)
        return Decision(scene.market.condition_id, Mode.STOP, (), self._refuse(fault))

    def _refuse(self, fault: str) -> str:
        """The reason of the STOP. Logged when the fault is another one than last time."""
        self._refused += 1
        reason = f"strategy {type(self._strategy).__name__}: {fault}"
        if self._fault is None or self._fault.partition(" was ")[0] != fault.partition(" was ")[0]:
            log.error("%s. Nothing is quoted until it is right; correct its quote() (docs/write-a-strategy.md).", reason)
        self._fault = fault
        return reason

    def _is_news(self, decision: Decision, moment: Moment, now_ns: int, *, at_tick: bool) -> bool:
        """Quotes only when they changed, or the fair price by a tick: what is a fat finger is judged by the intent's. A STOP at every
        tick; one for want of a view when it changed or once a second."""
        last = self._published
        if self._published_ns is None or decision[:3] != last[:3]:
            return True
        if decision.mode is not Mode.STOP:
            return moved(self._published_fair_bp, moment.fair_bp, moment.tick_bp)
        return at_tick or decision.reason != last.reason or now_ns - self._published_ns >= _IDLE_STOP_NS

    def _publish(self, decision: Decision, scene: StrategyView | NoView, now_ns: int, prompt: bool) -> None:
        fair_bp, snapshot_ns = None, now_ns
        if isinstance(scene, StrategyView):
            fair_bp, snapshot_ns = scene.fair_bp, max(scene.book.received_ns, scene.reference.received_ns)
        elif decision.reason != self._published.reason:
            log.info("nothing is quoted: %s", decision.reason)
        self._intents += 1
        self._published, self._published_ns, self._published_fair_bp = decision, now_ns, fair_bp
        decided_ns = self._clock.monotonic_ns()
        self._mailbox.put(QuoteIntent(self._intents, decision.condition_id, decision.mode, decision.quotes, fair_bp,
                                      decision.reason, decided_ns, snapshot_ns))
        if prompt:
            self.latency.add(decided_ns - snapshot_ns)
