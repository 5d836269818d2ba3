"""What `--markets` and `--frames-per-s` add to the living market. Built by `serve`; runs on thread `market-life`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from trader.errors import ConfigError
from trader.exchange.bots import Quotable
from trader.exchange.catalogue import Catalogue, CatalogueSettings
from trader.exchange.command_line import Options
from trader.exchange.publisher import Letter
from trader.exchange.restless import BusyMarket, Restless
from trader.exchange.venue import Venue
from trader.exchange.windows import Series
from trader.runtime.clock import Clock

_FIRST_ORDER = 1 << 23      # of this life: the other bots' orders are numbered from 0


def on_demand(options: Options, clock: Clock, venue: Venue, publish: Callable[[Letter], None],
              series: Series) -> tuple[Catalogue | None, Callable[[Quotable], None] | None]:
    """The catalogue, and what must be called every few milliseconds with the running market; None where nothing was asked for."""
    if options.markets and options.state:
        raise ConfigError("--markets and --state: more markets are not kept in a file.", remedy="Leave one of the two out.")
    rng, numbers = random.Random(options.seed + 3), itertools.count((clock.wall_ms() << 24) + _FIRST_ORDER)
    settings = CatalogueSettings(options.markets, options.market_life_s, options.market_moves_per_s)
    catalogue = Catalogue(clock, venue, publish, series, settings, rng, numbers) if options.markets else None
    loud = Restless("busy", venue, rng, numbers, levels=20, nearest_cents=8) if options.frames_per_s else None
    market = BusyMarket(clock, loud, options.frames_per_s) if loud else None

    def busy(running: Quotable) -> None:
        if market:
            market.step(running)
        if catalogue:
            catalogue.step()
    return catalogue, busy if market or catalogue else None
