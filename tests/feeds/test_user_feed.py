from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from trader.errors import AuthError, ConnectionLost
from trader.feeds.settings import FeedSettings
from trader.feeds.user_feed import UserFeed
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import FeedHealth
from trader.model.event import ExecutorEvent, Fill, OrderUpdate, UserFeedDown, UserFeedUp
from trader.model.market import Market
from trader.model.setting import Secret
from trader.model.units import PriceBp, SizeMicro
from trader.testing.fake_socket import FakeNetwork, FakeSocket
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.account import ApiCredentials
from trader.venues.polymarket.user_stream import PolymarketUserStream


def market(name: str) -> Market:
    return Market(name, f"0x{name}", "1", "2", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.network, self.orders, self.inbox = FakeNetwork(self.clock), FeedOrders(), ExecutorInbox()
        self.health = SnapshotCache[FeedHealth]("health")
        stream = PolymarketUserStream("ws://venue.test", ApiCredentials("me", Secret("c2VjcmV0"), Secret("pass"), b"secret"))
        self.feed = UserFeed(stream, FeedSettings(), self.orders, self.health, self.inbox, self.clock, self.network.connect,
                             self.network.wait)
        self.feed.on_start()

    def want(self, live: str | None, *ahead: str) -> None:
        self.orders.put(Subscription(market(live) if live else None, tuple(map(market, ahead))))

    def connected(self) -> FakeSocket:
        socket = self.network.accept()
        while not self.network.sockets or self.network.sockets[-1] is not socket:
            self.feed.do_work()
        return socket

    def up(self) -> FakeSocket:
        self.want("now")
        socket = self.connected()
        socket.push("PONG")
        self.feed.do_work()
        return socket

    def posted(self) -> list[ExecutorEvent]:
        return list(iter(lambda: self.inbox.get(0), None))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.feed.on_stop()
    made.orders.close()


def trade(owner: str = "me") -> bytes:
    return orjson.dumps({"event_type": "trade", "id": "t", "market": "0xnow", "asset_id": "2", "side": "BUY", "size": "9",
                         "price": "0.6", "status": "MATCHED",
                         "timestamp": "1672290701", "owner": "taker", "taker_order_id": "0xt", "maker_orders": [
                             {"order_id": "0xours", "owner": owner, "matched_amount": "5", "price": "0.4", "asset_id": "1"}]})


def order(**changes: Any) -> bytes:
    return orjson.dumps({"event_type": "order", "type": "PLACEMENT", "id": "0xours", "market": "0xnow", "asset_id": "1", "side": "BUY",
                         "original_size": "5", "size_matched": "0", "price": "0.4", "status": "LIVE",
                         "timestamp": "1672290701000"} | changes)


def sent(socket: FakeSocket) -> list[dict[str, Any]]:
    return [orjson.loads(text) for text in socket.sent if text != "PING"]


def test_it_waits_for_a_market_before_it_connects(bench: Bench) -> None:
    bench.feed.do_work()
    assert bench.network.dialled == []


def test_the_hello_is_followed_by_a_ping_at_once(bench: Bench) -> None:
    bench.want("now", "next")
    socket = bench.connected()
    assert sent(socket)[0]["markets"] == ["0xnow", "0xnext"] and socket.sent[-1] == "PING"


def test_the_first_pong_of_a_connection_means_up_and_only_the_first(bench: Bench) -> None:
    socket = bench.up()
    socket.push("PONG")
    bench.feed.do_work()
    assert bench.posted() == [UserFeedUp(1)]


def test_fills_and_order_events_reach_the_inbox_in_their_order(bench: Bench) -> None:
    socket = bench.up()
    socket.push(order(), trade())
    bench.feed.do_work()
    _, update, fill = bench.posted()
    assert isinstance(update, OrderUpdate) and isinstance(fill, Fill)
    assert (fill.order_id, fill.price_bp, fill.size_micro) == ("0xours", 4000, 5_000_000)


def test_a_trade_of_others_is_counted_but_not_posted(bench: Bench) -> None:
    socket = bench.up()
    socket.push(trade(owner="somebody"))
    bench.feed.do_work()
    assert bench.posted() == [UserFeedUp(1)] and bench.feed.stats()["events"] == {"trade of others": 1}


def test_a_fill_right_before_the_end_is_posted_before_the_loss(bench: Bench) -> None:
    socket = bench.up()
    socket.push(trade())
    socket.push_end("reset")
    bench.feed.do_work()
    bench.feed.do_work()
    events = bench.posted()
    assert events[0] == UserFeedDown(1, "reset") and isinstance(events[-1], Fill)       # the inbox itself puts the loss first


def test_each_loss_is_reported_once_and_the_return_with_a_new_generation(bench: Bench) -> None:
    bench.up().push_end("reset")
    bench.feed.do_work()
    bench.feed.do_work()
    bench.connected().push("PONG")
    bench.feed.do_work()
    assert bench.posted() == [UserFeedDown(1, "reset"), UserFeedUp(1), UserFeedUp(2)]


def test_a_failed_attempt_is_not_a_loss(bench: Bench) -> None:
    bench.want("now")
    for _ in range(20):
        bench.feed.do_work()
    assert bench.posted() == [] and bench.feed.stats()["attempts"] >= 2


def test_it_pings_every_five_seconds_however_busy_the_stream_is(bench: Bench) -> None:
    socket = bench.up()
    for _ in range(110):
        socket.push(order())
        bench.feed.do_work()
        bench.clock.advance(ms=100)
    assert socket.sent.count("PING") == 3


def test_a_ping_without_an_answer_for_eight_seconds_is_a_loss(bench: Bench) -> None:
    bench.up()
    while bench.feed.stats()["connected"]:
        bench.feed.do_work()
    assert bench.clock.monotonic_ns() == 13_000_000_000
    assert isinstance(bench.posted()[0], UserFeedDown)


def test_two_closes_right_after_the_hello_mean_that_we_are_refused(bench: Bench) -> None:
    bench.want("now")
    bench.connected().push_close(1008)
    bench.feed.do_work()
    bench.connected().push_close(1008)
    with pytest.raises(AuthError, match="api_secret"):
        bench.feed.do_work()


def test_once_the_venue_has_answered_such_closes_are_its_own_trouble(bench: Bench) -> None:
    bench.up().push_end("restart")
    bench.feed.do_work()
    for _ in range(5):
        bench.connected().push_close(1001)
        bench.feed.do_work()
    assert bench.feed.stats()["connects"] == 6 and not bench.feed.stats()["connected"]


def test_an_outage_between_two_such_closes_is_not_a_refusal(bench: Bench) -> None:
    bench.want("now")
    bench.connected().push_end()
    bench.feed.do_work()
    while bench.feed.stats()["attempts"] < 2:
        bench.feed.do_work()
    bench.connected().push_end()
    bench.feed.do_work()
    assert not bench.feed.stats()["connected"]


def test_a_close_after_the_stream_answered_is_a_loss_and_not_a_refusal(bench: Bench) -> None:
    for _ in range(3):
        bench.up().push_end("restart")
        bench.feed.do_work()
    assert [type(e) for e in bench.posted()] == [UserFeedDown] * 3 + [UserFeedUp] * 3


def test_past_markets_stay_subscribed_while_their_fills_may_settle(bench: Bench) -> None:
    socket = bench.up()
    for live in ("b", "c", "d"):
        bench.want(live)
        bench.feed.do_work()
    assert [s["operation"] for s in sent(socket)[1:]] == ["subscribe"] * 3
    bench.want("e")
    bench.feed.do_work()
    assert sent(socket)[4:] == [{"operation": "unsubscribe", "markets": ["0xnow"]}, {"operation": "subscribe", "markets": ["0xe"]}]


def test_a_reconnect_subscribes_to_the_past_markets_too(bench: Bench) -> None:
    socket = bench.up()
    bench.want("next")
    bench.feed.do_work()
    socket.push_end()
    bench.feed.do_work()
    assert sent(bench.connected())[0]["markets"] == ["0xnow", "0xnext"]


def test_an_unreadable_frame_is_counted_and_the_fill_behind_it_is_posted(bench: Bench) -> None:
    socket = bench.up()
    socket.push("{", trade())
    bench.feed.do_work()
    assert bench.feed.stats()["unparsable"] == 1 and isinstance(bench.posted()[-1], Fill)


def test_a_send_that_fails_is_a_loss(bench: Bench) -> None:
    socket = bench.up()
    socket.refuses_to_send = True
    bench.want("next")
    bench.feed.do_work()
    assert bench.posted()[0] == UserFeedDown(1, "sending failed")


def test_a_lost_connection_never_leaves_do_work(bench: Bench) -> None:
    bench.up().push_bytes(b"\x83\x00")
    try:
        bench.feed.do_work()
    except ConnectionLost:
        pytest.fail("it must be handled inside")
    assert not bench.feed.stats()["up"]
