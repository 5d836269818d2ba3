"""Every route of the REST port, built from what it needs. Called once, at the start."""

from __future__ import annotations

from trader.exchange.audit import Audit
from trader.exchange.catalogue import Catalogue
from trader.exchange.command_line import Options
from trader.exchange.credentials import KeyRing
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Doorman, Routes
from trader.exchange.market_life import Calendars
from trader.exchange.rate_limits import TIERS, Mode, RateLimits
from trader.exchange.rest_faults import SkewedClock
from trader.exchange.routes_account import AccountRoutes
from trader.exchange.routes_auth import AuthRoutes
from trader.exchange.routes_binance import BinanceRoutes
from trader.exchange.routes_control import ControlRoutes
from trader.exchange.routes_gamma import GammaRoutes
from trader.exchange.routes_keys import KeyRoutes
from trader.exchange.routes_market import MarketRoutes
from trader.exchange.routes_notifications import NotificationRoutes
from trader.exchange.routes_orders import OrderRoutes
from trader.exchange.routes_prices import PriceRoutes
from trader.exchange.venue import Venue
from trader.exchange.windows import Window
from trader.runtime.clock import Clock


def all_routes(options: Options, venue: Venue, keys: KeyRing, calendars: Calendars, clock: Clock, faults: FaultBoard, audit: Audit,
               catalogue: Catalogue | None, stale: Window) -> Routes:
    skewed = SkewedClock(clock, faults)
    doorman, limits = Doorman(keys, skewed), RateLimits(clock, Mode(options.rate_limits), TIERS[options.tier])
    groups = (
        AuthRoutes(venue, keys, doorman, skewed, limits), OrderRoutes(venue, doorman, limits), AccountRoutes(venue, doorman),
        MarketRoutes(venue, taker_delay_ms=options.taker_delay_ms), PriceRoutes(venue), KeyRoutes(venue, keys, cash=options.cash),
        NotificationRoutes(venue, doorman),
        GammaRoutes(calendars, venue, faults, catalogue, (stale,)), BinanceRoutes(calendars, clock, faults),
        ControlRoutes(venue, calendars, faults, audit),
    )
    routes = {key: handler for group in groups for key, handler in group.table().items()}
    listing = sorted(f"{method} {path}" for method, path in routes)
    return routes | {("GET", "/control/routes"): lambda _: listing}
