"""The role `pm-user`: our orders and trades → executor inbox, none ever shed, and whether the stream can be relied on.

Thread: its own. Fed by the venue's WebSocket and by `markets` through FeedOrders. Nothing is replayed after a disconnect:
UserFeedUp tells the executor to read by REST what it missed, UserFeedDown that from now on it may miss something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trader.errors import AuthError, ConnectionLost, WireError
from trader.feeds.connection import Connection, ProbePlan
from trader.feeds.event_counts import EventCounts
from trader.feeds.line import Connect, Wait, open_line, wait_readable
from trader.feeds.settings import FeedSettings
from trader.feeds.unreadable import UnreadableFrames
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import FeedHealth
from trader.model.event import UserFeedDown, UserFeedUp
from trader.model.market import Market
from trader.model.record import NOT_RECORDED, Recorder
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import Posture
from trader.venues.contract import Ignored, Pong, UserStream

PAST_MARKETS_KEPT = 3                # fills of a market that closed are still settling
REFUSALS = 2                         # closes right after the first hellos that mean "not you"; later ones are a venue in trouble
REFUSED_WITHIN_NS = 2_000_000_000


class UserFeed:
    name = "pm-user"

    def __init__(self, stream: UserStream, settings: FeedSettings, orders: FeedOrders, health: SnapshotCache[FeedHealth],
                 inbox: ExecutorInbox, clock: Clock, connect: Connect = open_line, wait: Wait = wait_readable, *,
                 recorder: Recorder = NOT_RECORDED) -> None:
        self._stream, self._orders, self._health, self._inbox, self._clock = stream, orders, health, inbox, clock
        self.posture = Posture(clock)
        ping_ms = settings.user_ping_ms
        plan = ProbePlan(stream.ping, ping_ms, ping_ms, ping_ms, settings.user_stale_ms)
        self._connection = Connection(self.name, stream.url, plan, Backoff(settings.reconnect_min_s, settings.reconnect_max_s),
                                      clock, self.posture, wake=orders, connect=connect, wait=wait, recorder=recorder)
        self._markets: dict[str, Market] = {}        # subscribed, oldest first
        self._is_up = False                          # UserFeedUp was posted for this connection
        self._was_up = False                         # the venue has taken our credentials before
        self._refusals = 0
        self._unreadable = UnreadableFrames(self.name, settings.garbled_frames)
        self._events = EventCounts()

    def on_start(self) -> None:
        self._publish_health()

    def do_work(self) -> None:
        try:
            self._take_orders()
            if self._connection.is_open:
                self._read(self._connection.receive())
            elif not self._markets:
                self._connection.rest()
            elif self._connection.reopen():
                self._greet()
        except ConnectionLost as end:
            self._lose(end.problem)
        self._publish_health()

    def on_stop(self) -> None:
        self._connection.close()

    def stats(self) -> dict[str, Any]:
        """Any thread: plain integers, each written by this feed's thread only."""
        connection = self._connection
        return {
            "connected": connection.is_open, "up": self._is_up, "connects": connection.opens, "attempts": connection.attempts,
            "frames": connection.frames, "events": self._events.by_name(), "unparsable": self._unreadable.count,
            "markets": len(self._markets),
        }

    def _take_orders(self) -> None:
        wanted = self._orders.take()
        if wanted is None:
            return
        add, remove = self._want(wanted)
        if self._connection.is_open:
            self._connection.send(self._stream.change(add, remove))

    def _want(self, wanted: Subscription) -> tuple[list[Market], list[Market]]:
        """Adds what is wanted; drops the oldest that are not, beyond those in which fills may still settle."""
        current = {m.condition_id: m for m in (wanted.live, *wanted.ahead) if m is not None}
        add = [market for condition_id, market in current.items() if condition_id not in self._markets]
        self._markets.update({m.condition_id: m for m in add})
        past = [condition_id for condition_id in self._markets if condition_id not in current]
        surplus = past[:max(0, len(past) - PAST_MARKETS_KEPT)]
        return add, [self._markets.pop(condition_id) for condition_id in surplus]

    def _greet(self) -> None:
        """The PING comes right after the hello: its PONG is what shows that the hello was accepted."""
        self._connection.send([*self._stream.hello(list(self._markets.values())), self._stream.ping])

    def _read(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            try:
                events = self._stream.decode(frame)
            except WireError as error:
                self._unreadable.add(error, self._connection.received_ns)
                continue
            for event in events:
                if isinstance(event, Pong):
                    self._answered()
                    continue
                self._connection.saw_data()
                self._events.add(event)
                if not isinstance(event, Ignored):
                    self._inbox.put(event)

    def _answered(self) -> None:
        if not self._is_up:
            self._is_up = self._was_up = True
            self._connection.proven_by_pong()        # nothing else need ever come: our account may be quiet
            self._inbox.put(UserFeedUp(self._connection.opens))

    def _lose(self, reason: str) -> None:
        """Every UserFeedUp is followed by exactly one UserFeedDown."""
        connection, now_ns = self._connection, self._clock.monotonic_ns()
        refused = (connection.is_open and not self._was_up and now_ns - connection.opened_ns < REFUSED_WITHIN_NS
                   and self._unreadable.trouble(now_ns) is None)         # then it was we who hung up
        self._refusals = self._refusals + 1 if refused else 0
        connection.drop(reason)
        if self._is_up:
            self._is_up = False
            self._inbox.put(UserFeedDown(connection.opens, reason))
        if self._refusals >= REFUSALS:
            raise AuthError(
                f"pm-user: the venue closed the user stream right after the hello, {self._refusals} times in a row ({reason}).",
                remedy="Check polymarket.api_key, api_secret and passphrase (or leave all three empty to have them derived).",
            )

    def _publish_health(self) -> None:
        health = self._connection.health(self._connection.opens, suspect=False)
        self._health.publish(health._replace(garbled=self._unreadable.trouble(health.as_of_ns)))
