"""The whole desk without threads, stepped with a manual clock through a hundred hourly windows: two DST changes, labels in
either order, windows that are missing, listed late, or closed early. Judged by the venue, not by the desk."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import httpx
import orjson

from trader.executor.guards import Limits
from trader.executor.role import ExecutorRole, Inputs
from trader.executor.settings import ExecutorSettings
from trader.executor.state import State
from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.role import GatewayRole
from trader.gateway.settings import GatewaySettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.orders import FeedOrders
from trader.handoff.outbox import OrderOutbox
from trader.markets.role import MarketsRole
from trader.markets.settings import MarketSettings
from trader.model.action import (
    CancelMarket,
    CancelOrders,
    PlaceOrders,
    ReadBalances,
    ReadFills,
    ReadOpenOrders,
    ReadOrder,
)
from trader.model.book import FeedHealth, ReferencePrice
from trader.model.event import UserFeedUp
from trader.model.units import MICRO
from trader.strategy.library.two_sided import TwoSided
from trader.strategy.role import StrategyInputs, StrategyRole
from trader.strategy.settings import StrategySettings
from trader.testing.fake_socket import FakeNetwork
from trader.testing.manual_clock import ManualClock
from trader.testing.model_venue import ModelVenue
from trader.venues.contract import SignedOrder
from trader.venues.polymarket.discovery import GammaDiscovery
from trader.venues.polymarket.market_stream import PolymarketMarketStream

HOUR_MS = 3_600_000
FLAT_BEFORE_CLOSE_MS = HOUR_MS // 120 - 50       # stop_fraction, and one tick to act on it
NOTICED_MS = 120_000         # the listing is read every half minute, and believed the second time
NEW_YORK = ZoneInfo("America/New_York")
# Seconds after the open at which the world is looked at: dense where things happen, sparse between.
MOMENTS_S = (0, 0.05, 0.3, 1, 1.05, 2, 5, 10, 30, 60, 300, 600, 900, 1200, 1500, 1800, 1831, 1862, 1893, 1921, 2100, 2400, 2700, 3000,
             3290, 3300, 3301, 3400,
             3539, 3540, 3541, 3560, 3569, 3570, 3570.05, 3571, 3580, 3595, 3599, 3599.95)


class Window(NamedTuple):
    index: int
    open_ms: int
    listed_ms: int | None        # None: never
    closed_ms: int               # earlier than its endDate when the venue closes it early
    cents: int                   # where its book stands: tells the books of two windows apart

    @property
    def condition_id(self):
        return f"0x{self.index:064x}"

    @property
    def tokens(self):
        return str(2 * self.index + 1001), str(2 * self.index + 1002)

    def row(self):
        labels, tokens = (["Up", "Down"], self.tokens) if self.index % 2 else (["Down", "Up"], self.tokens[::-1])
        local = datetime.fromtimestamp(self.open_ms / 1000, NEW_YORK)
        return {
            "slug": f"bitcoin-up-or-down-{local:%B-%d-%Y-%I%p}-et".lower(), "conditionId": self.condition_id, "version": "v1",
            "outcomes": orjson.dumps(labels).decode(), "clobTokenIds": orjson.dumps(list(tokens)).decode(), "acceptingOrders": True,
            "closed": False, "enableOrderBook": True, "orderPriceMinTickSize": 0.01, "orderMinSize": 5, "negRisk": False,
            "resolutionSource": "https://www.binance.com/en/trade/BTC_USDT",
            "eventStartTime": iso(self.open_ms), "endDate": iso(self.open_ms + HOUR_MS),
        }


def iso(ms):
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def window_of(index, first_ms):
    open_ms = first_ms + index * HOUR_MS
    listed_ms = {7: None, 8: None, 40: open_ms + 600_000, 41: open_ms + 2_400_000}.get(index, open_ms - 48 * HOUR_MS)
    closed_ms = open_ms + (1_800_000 if index in (20, 60) else HOUR_MS)
    return Window(index, open_ms, listed_ms, closed_ms, 30 + index % 40)


class World:
    """Venue, listing, stream and reference, all driven by one clock, and every role of the desk stepped by hand."""

    def __init__(self, start: datetime):
        self.first_ms = int(start.timestamp() * 1000)
        self.clock = clock = ManualClock(wall_start_ms=self.first_ms - 2000)
        self.windows = [window_of(index, self.first_ms) for index in range(104)]
        self.by_token = {token: window for window in self.windows for token in window.tokens}
        self.venue = ModelVenue(100_000 * MICRO)
        self.placed_in, self.wrong = set(), []
        self.live, self.book, self.reference = SnapshotCache("live"), SnapshotCache("book"), SnapshotCache("reference")
        self.inventory, self.report, self.pulse = SnapshotCache("inventory"), SnapshotCache("report"), SnapshotCache("pulse")
        self.book_health, self.alive, flight = SnapshotCache("book health"), SnapshotCache("alive"), SnapshotCache("flight")
        self.bell, self.inbox, self.outbox, orders = Doorbell(), Impatient(), ImpatientOutbox(), FeedOrders()
        self.mailbox = IntentMailbox(self.inbox.ring)
        self.network = FakeNetwork(clock)
        self.socket = self.network.accept()
        self.answered = 0
        self.feed = BookFeed(PolymarketMarketStream("ws://test"), FeedSettings(), orders, self.book, self.book_health, self.bell,
                             clock, connect=self.network.connect, wait=lambda filenos, timeout_ms: None)
        gamma = GammaDiscovery("http://gamma.test", httpx.Client(transport=httpx.MockTransport(self.list_windows)))
        self.markets = MarketsRole(MarketSettings(), gamma, live=self.live, feeds=(orders,), inbox=self.inbox, clock=clock,
                                   on_finished=lambda: None, parked=AlreadySet())
        self.strategy = StrategyRole(StrategySettings(), TwoSided(StrategySettings()), bell=self.bell, mailbox=self.mailbox,
                                     inputs=StrategyInputs(self.live, self.book, self.reference, self.inventory), pulse=self.pulse,
                                     clock=clock)
        state = State(ExecutorSettings(), Rules(), first_salt=0)
        inputs = Inputs(self.book, self.book_health, self.alive, self.alive, self.pulse, (flight,))
        self.executor = ExecutorRole(state, Limits(500, 1000, 8000, True, 50), inputs, inbox=self.inbox, mailbox=self.mailbox,
                                     outbox=self.outbox, inventory=self.inventory, report=self.report, bell=self.bell, clock=clock,
                                     on_stopped=lambda: None)
        limits = AccountLimits(TokenBucket(clock, 1000, 1000), TokenBucket(clock, 1000, 1000))
        self.gateway = GatewayRole(1, GatewaySettings(), Client(self), limits, self.outbox, self.inbox, flight, clock)
        for role in (self.markets, self.feed, self.gateway, self.executor, self.strategy):
            role.on_start()
        self.inbox.put(UserFeedUp(1))

    def list_windows(self, request):
        now_ms = self.clock.wall_ms()
        listed = [w for w in self.windows if w.listed_ms is not None and w.listed_ms <= now_ms < w.closed_ms]
        return httpx.Response(200, json={"events": [{"markets": [w.row()]} for w in listed[:10]]})

    def go_to(self, wall_ms):
        """Time passes, then everybody has two cycles, so that what the first one asked for is answered."""
        self.clock.advance(ms=max(0, wall_ms - self.clock.wall_ms()))
        for _ in range(3):
            self.cycle()

    def cycle(self):
        now_ns = self.clock.monotonic_ns()
        open_ms = self.clock.wall_ms() // HOUR_MS * HOUR_MS
        self.reference.publish(ReferencePrice("BTCUSDT", 60_000 * MICRO, 60_001 * MICRO, None, 60_000 * MICRO, open_ms, now_ns))
        self.alive.publish(FeedHealth(True, now_ns, now_ns, now_ns, None, 1, False))
        self.markets.do_work()
        self.feed.do_work()
        self.stream_answers()
        self.feed.do_work()
        self.bell.ring()
        self.strategy.do_work()
        for _ in range(4):
            self.executor.do_work()
            while self.outbox.waiting():
                self.gateway.do_work()
            for event in self.venue.truth:
                self.inbox.put(event)
            self.venue.truth.clear()
        self.judge()

    def stream_answers(self):
        """The market stream: a book for each subscription, a PONG for each PING."""
        for text in self.socket.sent[self.answered:]:
            if text == "PING":
                self.socket.push("PONG")
                continue
            asked = orjson.loads(text)
            if asked.get("operation") != "unsubscribe":
                self.socket.push(orjson.dumps([self.dump(token) for token in asked["assets_ids"]]))
        self.answered = len(self.socket.sent)

    def dump(self, token):
        window = self.by_token[token]
        cents = window.cents if token == window.tokens[0] else 100 - window.cents
        return {"event_type": "book", "market": window.condition_id, "asset_id": token, "timestamp": str(self.clock.wall_ms()),
                "hash": "", "bids": [{"price": f"0.{cents - 20:02d}", "size": "500"}],
                "asks": [{"price": f"0.{cents + 20:02d}", "size": "500"}], "tick_size": "0.01"}

    def judge(self):
        now_ms = self.clock.wall_ms()
        for order_id in self.venue.live():
            window = self.by_token[self.venue.orders[order_id].spec.token_id]
            last_ms = min(window.open_ms + HOUR_MS - FLAT_BEFORE_CLOSE_MS, window.closed_ms + NOTICED_MS)
            if not window.open_ms <= now_ms < last_ms:
                self.wrong.append(f"{order_id} is open in window {window.index} at {iso(now_ms)}")
        book = self.book.read()
        if book is not None:
            window = self.by_token[book.yes.token_id]
            assert book.condition_id == window.condition_id and book.no.token_id == window.tokens[1]
            assert book.yes.bid_bp == (window.cents - 20) * 100, "a book stands under another market's id"


class Rules:
    max_batch = 15
    size_step_micro = 10_000

    def order_id(self, order):
        return f"o{order.salt}"


class Client:
    """The gateway's connection, straight into the model venue; a closed market refuses, and remembers who asked."""

    def __init__(self, world):
        self._world = world
        self._venue = world.venue

    def warm(self): ...
    def close(self): ...

    def sign(self, order_id, order):
        self.spec = {**getattr(self, "spec", {}), order_id: order}
        return SignedOrder(order_id, b"")

    def place(self, orders):
        now_ms = self._world.clock.wall_ms()
        for order in orders:
            window = self._world.by_token[self.spec[order.order_id].token_id]
            self._world.placed_in.add(window.index)
            if not window.open_ms <= now_ms < window.open_ms + HOUR_MS:
                self._world.wrong.append(f"{order.order_id} was sent to window {window.index} at {iso(now_ms)}")
        return self._venue.serve(PlaceOrders(0, 0, tuple((o.order_id, self.spec.pop(o.order_id)) for o in orders))).answers

    def cancel(self, order_ids):
        return self._venue.serve(CancelOrders(0, tuple(order_ids))).answers

    def cancel_market(self, condition_id):
        result = self._venue.serve(CancelMarket(0, condition_id))
        return result.outcome, result.cancelled, 0

    def read_order(self, order_id):
        result = self._venue.serve(ReadOrder(0, order_id))
        return result.outcome, result.order

    def read_open_orders(self, condition_id):
        result = self._venue.serve(ReadOpenOrders(0, condition_id))
        return result.outcome, result.orders

    def read_fills(self, condition_id, after_s):
        result = self._venue.serve(ReadFills(0, condition_id, after_s))
        return result.outcome, result.fills

    def read_balances(self, token_ids, protocol):
        result = self._venue.serve(ReadBalances(0, tuple(token_ids), protocol))
        return result.outcome, result.cash_micro, result.tokens_micro


class Impatient(ExecutorInbox):
    """Never waits: the clock is moved by the test."""

    def get(self, timeout_s):
        return super().get(0)


class ImpatientOutbox(OrderOutbox):
    def waiting(self):
        return any(self.depths.values())

    def take(self, *, only_cancels, timeout_s):
        return super().take(only_cancels=only_cancels, timeout_s=0)


class AlreadySet:
    def wait(self, timeout_s): ...


def run(start, windows=100):
    world = World(start)
    for window in world.windows[:windows]:
        for second in MOMENTS_S:
            world.go_to(window.open_ms + int(second * 1000))
    world.go_to(world.windows[windows].open_ms)
    return world


def check(world, windows=100):
    assert not world.wrong, world.wrong[:5]
    never_listed = {7, 8}
    assert world.placed_in >= set(range(windows)) - never_listed - {40, 41}
    assert {40, 41} <= world.placed_in, "a window that is listed late is still traded"
    assert not world.placed_in & never_listed
    assert world.feed.stats()["mismatches"] == 0


def test_no_order_ever_stands_in_a_closed_market_through_the_autumn_change_of_clocks():
    check(run(datetime(2026, 10, 30, tzinfo=NEW_YORK) + timedelta(hours=3)))


def test_no_order_ever_stands_in_a_closed_market_through_the_spring_change_of_clocks():
    check(run(datetime(2027, 3, 12, tzinfo=NEW_YORK)))
