"""One desk: every hand-off and every role, wired once. Nothing is patched afterwards; `app.py` starts and stops it."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from trader import __version__
from trader.errors import AuthError
from trader.exchange.child import ExchangeUrls
from trader.executor.guards import Limits
from trader.executor.recall import take_over
from trader.executor.role import ExecutorReport, ExecutorRole, Inputs
from trader.executor.state import State
from trader.feeds.book_feed import BookFeed
from trader.feeds.reference_feed import ReferenceFeed
from trader.feeds.snapshot_feed import RECORDED_AS, SnapshotFeed
from trader.feeds.user_feed import UserFeed
from trader.feeds.verify import VerifyRole
from trader.gateway.dialer import Dialer, tls_context
from trader.gateway.heartbeat import HeartbeatRole
from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.role import GatewayRole
from trader.gateway.transport import OrderTransport
from trader.gateway.venue_clock import VenueClock
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.journal import JournalQueue
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.orders import FeedOrders
from trader.handoff.outbox import OrderOutbox
from trader.journal.past import Past
from trader.journal.role import JournalRole
from trader.journal.store import Journal, Run
from trader.markets.role import MarketsRole
from trader.model.action import CancelMarket, Flight
from trader.model.book import FeedHealth, MarketBook, ReferencePrice
from trader.model.cycle import Now
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Inventory, Strategy, StrategyPulse
from trader.model.market import LiveMarket, VenueRules
from trader.model.record import NOT_RECORDED, Recorder
from trader.model.setting import Secret
from trader.ops.recorder import RecordRole
from trader.ops.replay import setup_text
from trader.runtime.clock import Clock
from trader.runtime.liveness import standing_still
from trader.runtime.role import Role
from trader.settings import Settings
from trader.strategy.base import strategy_named
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.venues.binance.market_stream import BinanceMarketStream
from trader.venues.binance.snapshot import BinanceSnapshot
from trader.venues.contract import BookSample
from trader.venues.polymarket.account import Account
from trader.venues.polymarket.book_hash import PolymarketBookHash
from trader.venues.polymarket.book_reader import PolymarketBookReader
from trader.venues.polymarket.comparison import stock_comparison
from trader.venues.polymarket.discovery import GammaDiscovery
from trader.venues.polymarket.heartbeats import PolymarketHeartbeats
from trader.venues.polymarket.market_stream import PolymarketMarketStream
from trader.venues.polymarket.orders import PolymarketOrders
from trader.venues.polymarket.rest import PolymarketRest
from trader.venues.polymarket.signing import OrderSigner, PolymarketRules, Signing
from trader.venues.polymarket.user_stream import PolymarketUserStream
from trader.venues.polymarket.venue_time import PolymarketTime
from trader.venues.polymarket.way_to_sign import account_signing

_LAST_EPOCH = 1 << 62        # no executor gets there


class HandOffs:
    """Every object through which two roles talk; the writer of each is named in `trader/handoff/` and docs/handoffs.md."""

    def __init__(self, settings: Settings) -> None:
        self.live = SnapshotCache[LiveMarket]("live market")
        self.book = SnapshotCache[MarketBook]("book")
        self.samples = SnapshotCache[tuple[BookSample, ...]]("book samples")
        self.reference = SnapshotCache[ReferencePrice]("reference")
        self.inventory = SnapshotCache[Inventory]("inventory")
        self.pulse = SnapshotCache[StrategyPulse]("strategy pulse")
        self.report = SnapshotCache[ExecutorReport]("executor report")
        self.book_health = SnapshotCache[FeedHealth]("book health")
        self.reference_health = SnapshotCache[FeedHealth]("reference health")
        self.user_health = SnapshotCache[FeedHealth]("user health")
        self.beats = SnapshotCache[BeatHealth]("heartbeat")
        self.flights = tuple(SnapshotCache[Flight | None](f"flight {i}") for i in range(settings.gateway.threads))
        self.bell = Doorbell()
        self.journal = JournalQueue()
        self.inbox = ExecutorInbox(settings.executor.inbox_limit)
        self.mailbox = IntentMailbox(self.inbox.ring)
        self.outbox = OrderOutbox()
        self.book_orders, self.user_orders = FeedOrders(), FeedOrders()

    def cancel_directly(self) -> None:
        """For an executor that crashed or hangs: none of its places leaves any more, and its markets are cancelled."""
        self.outbox.raise_epoch(_LAST_EPOCH)
        live, inventory = self.live.read(), self.inventory.read()
        markets = {live.now.condition_id if live and live.now else "", inventory.condition_id if inventory else ""} - {""}
        for condition_id in sorted(markets):
            self.outbox.put(CancelMarket(0, condition_id))

    def is_placing(self) -> bool:
        """A gateway thread has a place in the air, which a cancel may overtake."""
        return any(flight.places for cache in self.flights if (flight := cache.read()) is not None)


def at_exchange(settings: Settings, urls: ExchangeUrls) -> Settings:
    """The settings, pointed at this exchange, with a wallet made for this run: it has no use for the configured one."""
    venue = replace(settings.polymarket, clob_url=urls.rest_url, gamma_url=urls.gamma_url, ws_url=urls.ws_url,
                    private_key=Secret("0x" + secrets.token_hex(32)), private_key_file="", signature_type=0, funder="",
                    api_key=Secret(""), api_secret=Secret(""), passphrase=Secret(""))
    return replace(settings, polymarket=venue, binance=replace(settings.binance, ws_url=urls.binance_ws_url))


class Desk(NamedTuple):
    """The roles of one desk, in the order in which they start: from the venue inwards."""

    hands: HandOffs
    book_feed: BookFeed
    user_feed: UserFeed
    reference_feed: ReferenceFeed | SnapshotFeed
    verify: VerifyRole
    gateways: tuple[GatewayRole, ...]
    heartbeat: HeartbeatRole
    executor: ExecutorRole
    strategy: StrategyRole
    markets: MarketsRole
    journal: JournalRole
    record: RecordRole | None = None     # of a run without a recording

    @property
    def roles(self) -> tuple[Role, ...]:
        record = () if self.record is None else (self.record,)
        return (*record, self.journal, self.book_feed, self.user_feed, self.reference_feed, self.verify, *self.gateways,
                self.heartbeat, self.executor, self.strategy, self.markets)

    def close(self, late: Sequence[str]) -> None:
        """After the roles have ended. Leaves alone what those that are `late` wait at: the system would give the number of its
        descriptor to somebody else."""
        for feed, orders in ((self.book_feed, self.hands.book_orders), (self.user_feed, self.hands.user_orders)):
            if feed.name not in late:
                orders.close()


def build(settings: Settings, account: Account, past: Past, clock: Clock, *, strategy: Strategy | None, on_stopped: Callable[[], None],
          on_finished: Callable[[], None], on_refused: Callable[[AuthError], None] = lambda _: None,
          record: Path | None = None) -> Desk:
    """Opens no connection and starts no thread. `strategy`: the embedder's own; None takes the one that the settings name.
    `on_stopped`: the executor has proved that nothing is open. `on_finished`: the one event of `market:` has closed.
    `on_refused`: the venue does not take our credentials any more. `record`: the folder to which every raw frame goes."""
    hands = HandOffs(settings)
    venue = settings.polymarket
    recorder = None if record is None else RecordRole(record, clock, hide=secrets_of(account))
    signing = account_signing(account, stock_comparison(account.chain_id))
    book_feed = BookFeed(PolymarketMarketStream(venue.ws_url), settings.feeds, hands.book_orders, hands.book, hands.book_health,
                         hands.bell, clock, pulse=hands.pulse, samples=hands.samples, recorder=_tape(recorder, BookFeed.name))
    user_feed = UserFeed(PolymarketUserStream(venue.ws_url, account.credentials), settings.feeds, hands.user_orders,
                         hands.user_health, hands.inbox, clock, recorder=_tape(recorder, UserFeed.name))
    reference_feed = _reference(settings, hands, clock, recorder)
    executor, journal = _executor(settings, account, past, PolymarketRules(signing), hands, clock, on_stopped, on_refused)
    quoting = StrategyRole(settings.strategy, strategy_named(settings.strategy) if strategy is None else strategy,
                           inputs=StrategyInputs(hands.live, hands.book, hands.reference, hands.inventory),
                           bell=hands.bell, mailbox=hands.mailbox, pulse=hands.pulse, clock=clock)
    trading = (book_feed, user_feed, reference_feed, quoting, executor)      # the venue hears of us while all of these work
    gateways, heartbeat = _order_path(settings, account, signing, hands, clock, trading)
    return Desk(
        hands, book_feed, user_feed, reference_feed,
        VerifyRole(PolymarketBookHash(), PolymarketBookReader(venue.clob_url), live=hands.live, books=hands.book,
                   health=hands.book_health, samples=hands.samples, orders=hands.book_orders, clock=clock),
        gateways, heartbeat, executor, quoting,
        MarketsRole(settings.market, GammaDiscovery(venue.gamma_url), live=hands.live,
                    feeds=(hands.book_orders, hands.user_orders), inbox=hands.inbox, clock=clock, on_finished=on_finished,
                    undecided=past.undecided),
        journal, recorder,
    )


def _tape(recorder: RecordRole | None, conn: str) -> Recorder:
    return NOT_RECORDED if recorder is None else recorder.tape(conn)


def secrets_of(account: Account) -> tuple[Secret, ...]:
    """What no recording and no log may hold. The venue names us by our API key in every trade."""
    mine = account.credentials
    return Secret(mine.key), mine.secret, mine.passphrase, account.private_key


def _reference(settings: Settings, hands: HandOffs, clock: Clock, recorder: RecordRole | None) -> ReferenceFeed | SnapshotFeed:
    source = settings.binance
    if source.snapshot_url:
        return SnapshotFeed(BinanceSnapshot(source), settings.feeds, hands.reference, hands.reference_health, hands.bell, clock,
                            recorder=_tape(recorder, RECORDED_AS))
    stream = BinanceMarketStream(source.ws_url, source.symbol)
    return ReferenceFeed(stream, settings.feeds, hands.reference, hands.reference_health, hands.bell, clock,
                         recorder=_tape(recorder, ReferenceFeed.name))


def _order_path(settings: Settings, account: Account, signing: Signing, hands: HandOffs, clock: Clock,
                trading: Sequence[Role]) -> tuple[tuple[GatewayRole, ...], HeartbeatRole]:
    """A connection for each gateway thread and one for the heartbeat; one count of the account's rates for all."""
    options, origin = settings.gateway, settings.polymarket.clob_url
    limits = AccountLimits(TokenBucket(clock, options.orders_per_s, options.orders_burst),
                           TokenBucket(clock, options.cancels_per_s, options.cancels_burst))
    signer, tls = OrderSigner(account, signing), tls_context(origin)

    def rest(allowance: AccountLimits | None) -> PolymarketRest:
        transport = OrderTransport(Dialer(origin, clock, tls), clock)
        return PolymarketRest(account, origin, transport, options.connect_ms, clock, allowance)

    gateways = tuple(
        GatewayRole(index, options, PolymarketOrders(account, rest(limits), signer, options, clock), limits, hands.outbox, hands.inbox,
                    flight, clock, hands.journal)
        for index, flight in enumerate(hands.flights)
    )
    own = rest(None)
    return gateways, HeartbeatRole(
        PolymarketHeartbeats(own, options.cancel_ms), options.heartbeat_ms,
        lambda: standing_still(trading, clock.monotonic_ns(), settings.runtime.watchdog_ms), hands.beats, clock,
        venue_clock=VenueClock(PolymarketTime(own), clock))


def _executor(settings: Settings, account: Account, past: Past, rules: VenueRules, hands: HandOffs, clock: Clock,
              on_stopped: Callable[[], None], on_refused: Callable[[AuthError], None]) -> tuple[ExecutorRole, JournalRole]:
    """And the journal, which is told everything that a replay of its decisions needs."""
    limits = Limits(
        book_stale_ms=settings.feeds.book_stale_ms, reference_stale_ms=settings.feeds.reference_stale_ms,
        user_stale_ms=settings.feeds.user_stale_ms, stale_sweeps=settings.feeds.on_stale == "cancel_all",
        strategy_period_ms=1000 // settings.strategy.strategy_hz,
    )
    inputs = Inputs(hands.book, hands.book_health, hands.reference_health, hands.user_health, hands.pulse, hands.flights, hands.beats)
    began, first_salt = Now(clock.monotonic_ns(), clock.wall_ms()), random.SystemRandom().getrandbits(52)
    state = State(settings.executor, rules, first_salt)
    take_over(state, past.recalled, began)
    run = Run(run_id=secrets.token_hex(8), mode=settings.mode, version=__version__, account=account.address,
              config_digest=sha256(repr(settings).encode()).hexdigest(), recalled=past.recalled,
              setup=setup_text(settings.executor, limits, rules, first_salt, began))
    keeping = settings.journal

    def open_journal() -> Journal:
        return Journal(past.folder, run, fresh=settings.mode == "embedded", max_bytes=keeping.max_mb * 1_000_000, keep=keeping.keep)

    return (
        ExecutorRole(state, limits, inputs, inbox=hands.inbox, mailbox=hands.mailbox, outbox=hands.outbox, inventory=hands.inventory,
                     report=hands.report, bell=hands.bell, clock=clock, on_stopped=on_stopped, journal=hands.journal,
                     on_refused=on_refused),
        JournalRole(open_journal, hands.journal, clock),
    )
