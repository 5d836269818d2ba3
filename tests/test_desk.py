"""The wiring of one desk, and the way out that needs no executor."""

import pytest

from trader.desk import at_exchange, build
from trader.exchange.child import ExchangeUrls
from trader.feeds.reference_feed import ReferenceFeed
from trader.feeds.snapshot_feed import SnapshotFeed
from trader.journal.folder import JournalFolder
from trader.journal.past import Past
from trader.model.action import CancelMarket, Flight, PlaceOrders
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Inventory, Mode
from trader.model.market import LiveMarket, Market
from trader.model.recall import NOTHING_RECALLED
from trader.model.setting import Secret
from trader.settings import Settings
from trader.testing.manual_clock import ManualClock
from trader.venues.binance.settings import BinanceSettings
from trader.venues.polymarket.account import Account, ApiCredentials
from trader.venues.polymarket.settings import PolymarketSettings

ACCOUNT = Account("0x" + "1" * 40, "0x" + "1" * 40, 0, 137, Secret("0x" + "11" * 32), ApiCredentials("k", Secret("s"), Secret("p"), b"s"))
URLS = ExchangeUrls(7, "http://rest", "http://gamma", "http://binance", "ws://ws", "ws://binance", 1, 50_000)
MARKET = Market(condition_id="0xaa", slug="btc", yes_token="1", no_token="2", tick_bp=100, min_size_micro=5_000_000, open_ms=0,
                close_ms=1, protocol="v1", neg_risk=False)
HELD = Inventory("0xbb", 0, 0, 0, 0, 0, Mode.NORMAL, (), ())


@pytest.fixture
def make_desk(tmp_path):
    made = []

    def make(settings=None, strategy=None):
        past = Past(JournalFolder(tmp_path / str(len(made))), NOTHING_RECALLED)
        made.append(build(settings or Settings(), ACCOUNT, past, ManualClock(1), strategy=strategy, on_stopped=lambda: None,
                          on_finished=lambda: None))
        return made[-1]

    yield make
    for desk in made:
        desk.hands.book_orders.close()
        desk.hands.user_orders.close()


def taken(desk):
    return desk.hands.outbox.take(only_cancels=False, timeout_s=0)


def test_the_roles_stand_in_the_order_of_their_start_from_the_venue_inwards(make_desk):
    desk = make_desk()
    assert [role.name for role in desk.roles] == [
        "journal", "pm-book", "pm-user", "bn-ticker", "verify", "gateway-0", "gateway-1", "gateway-2", "gateway-3", "heartbeat",
        "executor", "strategy", "markets"]


def test_a_feed_that_has_not_ended_keeps_its_orders_open(make_desk):
    desk = make_desk()
    desk.close(["pm-user"])
    assert desk.hands.book_orders.fileno() == -1 and desk.hands.user_orders.fileno() != -1


@pytest.mark.parametrize(("url", "kind"), [("", ReferenceFeed), ("http://127.0.0.1:1/snapshot", SnapshotFeed)])
def test_the_reference_is_streamed_or_polled(make_desk, url, kind):
    assert type(make_desk(Settings(binance=BinanceSettings(snapshot_url=url))).reference_feed) is kind


def test_the_embedded_exchange_replaces_every_address_and_the_wallet():
    mine = PolymarketSettings(private_key=Secret("0x" + "22" * 32), api_key=Secret("a"), signature_type=2, funder="0x1")
    there = at_exchange(Settings(polymarket=mine), URLS)
    venue = there.polymarket
    assert (venue.clob_url, venue.gamma_url, venue.ws_url) == ("http://rest", "http://gamma", "ws://ws")
    assert there.binance.ws_url == "ws://binance" and (venue.signature_type, venue.funder, venue.api_key.reveal()) == (0, "", "")
    assert venue.private_key.reveal() not in (mine.private_key.reveal(), at_exchange(Settings(), URLS).polymarket.private_key.reveal())


def test_the_way_out_cancels_the_executors_market_and_the_live_one(make_desk):
    desk = make_desk()
    desk.hands.live.publish(LiveMarket(MARKET, None))
    desk.hands.inventory.publish(HELD)               # in a roll the executor is still in the window before
    desk.hands.cancel_directly()
    assert [taken(desk), taken(desk), taken(desk)] == [CancelMarket(0, "0xaa"), CancelMarket(0, "0xbb"), None]


def test_the_way_out_sheds_every_place_of_this_executor_for_good(make_desk):
    desk = make_desk()
    desk.hands.outbox.put(PlaceOrders(1, 5, ()))
    desk.hands.cancel_directly()
    assert taken(desk) is None
    desk.hands.outbox.raise_epoch(6)                 # it hung and comes back: its own epochs do not open the way again
    assert desk.hands.outbox.epoch > 6


def test_without_a_market_there_is_nothing_to_cancel(make_desk):
    desk = make_desk()
    desk.hands.live.publish(LiveMarket(None, None))
    desk.hands.inventory.publish(HELD._replace(condition_id=""))
    desk.hands.cancel_directly()
    assert taken(desk) is None


def test_the_venue_does_not_hear_of_a_desk_whose_strategy_has_crashed(make_desk):
    desk = make_desk()
    desk.strategy.posture.crashed = True
    desk.heartbeat.on_start()
    desk.heartbeat.do_work()
    assert desk.hands.beats.read() == BeatHealth(None, 0, "not sent: strategy has crashed")


def test_a_place_in_the_air_is_seen_and_a_cancel_is_not_one(make_desk):
    hands = make_desk().hands
    assert not hands.is_placing()
    hands.flights[2].publish(Flight(False, 1))
    assert not hands.is_placing()
    hands.flights[1].publish(Flight(True, 1))
    assert hands.is_placing()
    hands.flights[1].publish(None)
    assert not hands.is_placing()
