"""The WebSocket port: accepts connections, finds out what each wants, and passes it to the publisher.

Thread `ws-accept` accepts; each connection has a reader (`ws-in-N`, parked in recv) and a sender (`ws-out-N`). Readers
touch no book and no subscription: they only put requests into the publisher's queue and answer PING.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.server import Server, ServerConnection, serve

from trader.exchange.credentials import KeyRing
from trader.exchange.fault_kinds import STREAMS
from trader.exchange.faults import FaultBoard
from trader.exchange.publisher import Letter
from trader.exchange.stream_binance import BinanceSubscribe, BinanceUnsubscribe
from trader.exchange.stream_faults import FaultyConnection, cut
from trader.exchange.stream_market import MarketSubscribe, MarketUnsubscribe
from trader.exchange.stream_user import UserSubscribe, UserUnsubscribe
from trader.exchange.subscriber import SocketSubscriber
from trader.runtime.role import name_native_thread

log = logging.getLogger(__name__)

GOODBYE_S = 0.5
HANDSHAKE_S = 1.0       # also what a client that connects and says nothing can delay the end of the process
MAX_REQUEST_BYTES = 2**20
LONGEST_TOPIC = 100
_CHANNELS = {"/ws/market": "market", "/ws/user": "user"}


class StreamServer:
    """Owns the listening socket; `close` ends every connection and thread of it."""

    def __init__(self, host: str, port: int, publish: Callable[[Letter], None], keys: KeyRing, faults: FaultBoard) -> None:
        self._publish, self._keys, self._faults = publish, keys, faults
        self._numbers = itertools.count(1)
        self._live: set[SocketSubscriber] = set()
        self._changed = threading.Condition()       # guards _live
        self._server: Server = serve(self._handle, host, port, compression=None, max_size=MAX_REQUEST_BYTES,
                                     create_connection=FaultyConnection, open_timeout=HANDSHAKE_S, close_timeout=GOODBYE_S)
        self._thread = threading.Thread(target=self._server.serve_forever, name="ws-accept", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.socket.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def disturb(self) -> None:
        """Cuts connections where a fault says so now; called many times a second by the market's life."""
        with self._changed:
            live = list(self._live)
        for channel in STREAMS:
            cut(self._faults, channel, [subscriber for subscriber in live if subscriber.channel == channel])

    def close(self) -> None:
        """Says goodbye to every client at once; who does not answer in time is cut off."""
        with self._changed:
            for subscriber in self._live:
                subscriber.finish()
            self._changed.wait_for(lambda: not self._live, timeout=GOODBYE_S)
            for subscriber in self._live:
                subscriber.disconnect()
        self._server.shutdown()
        self._thread.join(timeout=1)

    def _handle(self, connection: ServerConnection) -> None:
        """Body of `ws-in-N`, for as long as the connection lives."""
        number = next(self._numbers)
        threading.current_thread().name = f"ws-in-{number}"
        name_native_thread(f"ws-in-{number}")
        url = urlsplit(connection.request.path if connection.request else "")
        assert isinstance(connection, FaultyConnection)
        connection.channel, connection.faults = _CHANNELS.get(url.path, "binance"), self._faults
        subscriber = SocketSubscriber(connection, f"ws-out-{number}", self._faults, connection.channel)
        self._count(subscriber, joins=True)
        try:
            self._route(url.path, url.query)(connection, subscriber)
        except ConnectionClosed:
            log.debug("stream %d to %s is over", number, url.path)
        finally:
            for farewell in (MarketUnsubscribe(subscriber, None), UserUnsubscribe(subscriber, None), BinanceUnsubscribe(subscriber)):
                self._publish(farewell)
            subscriber.finish()
            self._count(subscriber, joins=False)

    def _count(self, subscriber: SocketSubscriber, *, joins: bool) -> None:
        with self._changed:
            (self._live.add if joins else self._live.discard)(subscriber)
            self._changed.notify_all()

    def _route(self, path: str, query: str) -> Callable[[ServerConnection, SocketSubscriber], None]:
        if path == "/ws/market":
            return self._market
        if path == "/ws/user":
            return self._user
        if path == "/stream":
            return self._binance(tuple(parse_qs(query).get("streams", [""])[0].split("/")), wrapped=True)
        if path.startswith("/ws/"):
            return self._binance((path.removeprefix("/ws/"),), wrapped=False)
        return lambda connection, _: connection.close(CloseCode.POLICY_VIOLATION, f"no stream at {path}"[:100])

    def _market(self, connection: ServerConnection, subscriber: SocketSubscriber) -> None:
        for message in _messages(connection, subscriber):
            tokens = _topics(message, "assets_ids")
            if message.get("operation") == "unsubscribe":
                self._publish(MarketUnsubscribe(subscriber, tokens))
            elif message.get("operation") == "subscribe" or message.get("type") == "market":
                custom, dump = message.get("custom_feature_enabled"), message.get("initial_dump", True)
                self._publish(MarketSubscribe(subscriber, tokens, custom, dump))

    def _user(self, connection: ServerConnection, subscriber: SocketSubscriber) -> None:
        api_key = ""
        for message in _messages(connection, subscriber):
            markets = _topics(message, "markets") or None
            if message.get("type") == "user":
                api_key = self._authenticated(message.get("auth"))
                if not api_key:
                    connection.close(CloseCode.POLICY_VIOLATION)
                    return
                self._publish(UserSubscribe(subscriber, api_key, markets))
            elif api_key and markets and message.get("operation") == "subscribe":
                self._publish(UserSubscribe(subscriber, api_key, markets))
            elif markets and message.get("operation") == "unsubscribe":
                self._publish(UserUnsubscribe(subscriber, markets))

    def _authenticated(self, auth: Any) -> str:
        """The API key, or "" when it does not fit its secret and passphrase."""
        shown = auth if isinstance(auth, dict) else {}
        key = str(shown.get("apiKey", ""))
        return key if self._keys.matches(key, str(shown.get("secret", "")), str(shown.get("passphrase", ""))) else ""

    def _binance(self, streams: tuple[str, ...], *, wrapped: bool) -> Callable[[ServerConnection, SocketSubscriber], None]:
        def session(connection: ServerConnection, subscriber: SocketSubscriber) -> None:
            self._publish(BinanceSubscribe(subscriber, streams, wrapped))
            for _ in connection:
                pass        # the live endpoint takes requests here; none is needed for streams named in the path
        return session


def _topics(message: Any, name: str) -> tuple[str, ...]:
    """What is named, cut to a length that no real id has; nothing where it is no list."""
    named = message.get(name)
    return tuple(str(each)[:LONGEST_TOPIC] for each in named) if isinstance(named, list) else ()


def _messages(connection: ServerConnection, subscriber: SocketSubscriber) -> Any:
    """Parsed requests; a text PING is answered on the way. What is no JSON object is told so and skipped."""
    for text in connection:
        if text == "PING":
            subscriber.answer_ping()
            continue
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if isinstance(message, dict):
            yield message
        else:
            subscriber.offer("INVALID OPERATION")
