"""`trader reload` from another thread while the strategy runs cycle after cycle."""

from __future__ import annotations

import threading

from trader.errors import ConfigError
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.mailbox import IntentMailbox
from trader.model.book import BookTop, Level, MarketBook, ReferencePrice
from trader.model.intent import Inventory, Mode
from trader.model.market import LiveMarket, Market
from trader.strategy.base import strategy_named
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.strategy.settings import StrategySettings
from trader.testing.manual_clock import ManualClock

OPEN_MS, HOUR_MS, SHARE = 1_795_000_000_000, 3_600_000, 1_000_000
MARKET = Market("btc", "0xaa", "1", "2", 100, 5 * SHARE, OPEN_MS, OPEN_MS + HOUR_MS, "v2", False)
RELOADS = 300


def settings(cents: int) -> StrategySettings:
    """Spread and size go together, so that a mixture of two settings shows."""
    return StrategySettings(base_spread_cents=cents, base_size=10 * cents)


class Running:
    """A strategy role on a calm market, and every intent that it published."""

    def __init__(self) -> None:
        clock = ManualClock(wall_start_ms=OPEN_MS + HOUR_MS // 2)
        inputs = StrategyInputs(*(SnapshotCache(name) for name in ("live", "books", "reference", "inventory")))
        self.bell, self.mailbox, self.clock, self.intents = Doorbell(), IntentMailbox(lambda urgent: None), clock, []
        self.role = StrategyRole(settings(1), strategy_named(settings(1)), inputs=inputs, bell=self.bell, mailbox=self.mailbox,
                                 pulse=SnapshotCache("pulse"), clock=clock)
        levels = ((Level(4000, SHARE),), (Level(6000, SHARE),))
        inputs.live.publish(LiveMarket(MARKET, None))
        inputs.books.publish(MarketBook("0xaa", BookTop("1", *levels, 100), BookTop("2", *levels, 100), 1, 1, 0, 0))
        inputs.reference.publish(ReferencePrice("BTCUSDT", 60_000 * SHARE, 60_000 * SHARE, None, 60_000 * SHARE, OPEN_MS, 0))
        inputs.inventory.publish(Inventory("0xaa", 0, 0, 0, 0, 0, Mode.NORMAL, (), ()))
        self.done = threading.Event()

    def cycles(self) -> None:
        is_last = False
        while not is_last:
            is_last = self.done.is_set()             # one more cycle after the last reload
            self.clock.advance(ms=50)
            self.bell.ring()
            self.role.do_work()
            intent = self.mailbox.take()
            if intent is not None:
                self.intents.append(intent)

    def reloads(self) -> None:
        refused = 0
        for number in range(RELOADS):
            self.role.reload(settings(1 + number % 9))
            try:
                self.role.reload(StrategySettings(params='{"levels": 0}'))
            except ConfigError:
                refused += 1
        assert refused == RELOADS
        self.done.set()


def test_no_intent_mixes_two_settings_and_the_last_reload_counts(run_together):
    running = Running()
    run_together(strategy=running.cycles, control=running.reloads)
    for intent in running.intents:
        bid, ask = intent.quotes
        cents = (5000 - bid.price_bp) // 100
        assert (ask.price_bp, bid.size_micro, ask.size_micro) == (5000 + 100 * cents, 10 * cents * SHARE, 10 * cents * SHARE)
    assert running.intents[-1].quotes[0].price_bp == 5000 - 100 * (1 + (RELOADS - 1) % 9)
    assert len(running.intents) > 1 and running.role.stats().reloads > 1
