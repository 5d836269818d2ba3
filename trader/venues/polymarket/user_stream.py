"""The user channel: our orders and trades. Pure; owned by the thread `pm-user`. Nothing is replayed after a disconnect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from trader.errors import WireError
from trader.model.event import Fill, OrderUpdate
from trader.model.market import Market
from trader.venues.contract import Ignored, Pong
from trader.venues.polymarket.account import ApiCredentials
from trader.venues.polymarket.records import order_update, own_fills
from trader.venues.polymarket.wire import UNREADABLE, unreadable

UserEvent = Fill | OrderUpdate | Pong | Ignored


class PolymarketUserStream:
    """Implements `contract.UserStream`. Markets are named by condition id."""

    ping = "PING"

    def __init__(self, ws_url: str, credentials: ApiCredentials) -> None:
        self.url = ws_url.rstrip("/") + "/ws/user"
        self._credentials = credentials

    def hello(self, markets: Sequence[Market]) -> list[str]:
        """Contains the secret in clear, as the venue wants it: never log it."""
        mine = self._credentials
        auth = {"apiKey": mine.key, "secret": mine.secret.reveal(), "passphrase": mine.passphrase.reveal()}
        return [_text({"type": "user", "auth": auth, "markets": [m.condition_id for m in markets]})]

    def change(self, add: Sequence[Market], remove: Sequence[Market]) -> list[str]:
        wanted = (("unsubscribe", remove), ("subscribe", add))
        return [_text({"operation": word, "markets": [m.condition_id for m in markets]}) for word, markets in wanted if markets]

    def decode(self, frame: bytes) -> list[UserEvent]:
        if frame == b"PONG":
            return [Pong()]
        events: list[UserEvent] = []
        try:
            payload = orjson.loads(frame)
            for message in payload if isinstance(payload, list) else (payload,):
                events += self._read(message)
        except WireError:
            raise
        except UNREADABLE as why:
            shown = frame.replace(self._credentials.key.encode(), b"***")
            raise unreadable("a user frame", shown, why) from None
        return events

    def _read(self, message: dict[str, Any]) -> list[UserEvent]:
        match message["event_type"]:
            case "order":
                return [order_update(message)]
            case "trade":
                return list(own_fills(message, self._credentials.key)) or [Ignored("trade of others")]
            case name:
                return [Ignored(str(name))]


def _text(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()
