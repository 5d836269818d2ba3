"""Every market of the fleet: where it is in its life, and which connection carries it. Pure.

Writer: the thread `fl-keeper`, alone. Readers: any thread, without a lock: an entry is immutable and replaced whole, and each read
is one C call over a dict. Two reads may show two moments; one read never shows half of one.

    PENDING ──snapshots came──► SUBSCRIBED ──ended──► EXPIRED ──grace is over──► removed
       └───────────────────────────ended──────────────────┘
"""

from __future__ import annotations

from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

from trader.fleet.link_groups import LinkGroups
from trader.venues.contract import ListedMarket

BOOKLESS_NS = 60_000_000_000         # a market that is listed and has no book for this long is worth a word


class Status(StrEnum):
    PENDING = "pending"          # known; until the first snapshot of both tokens came
    SUBSCRIBED = "subscribed"
    EXPIRED = "expired"          # ended; kept for the grace period, still on its connection


class Entry(NamedTuple):
    market: ListedMarket
    status: Status
    connection: int | None       # None: nobody carries it yet, or any more
    since_ns: int                # monotonic, of the present status
    group: str                   # markets of one group have their books in one worker


class Registry:
    """Indices by condition, token, status and connection. A method of the writer returns False when there was nothing to do."""

    def __init__(self, groups: LinkGroups | None = None) -> None:
        self.groups = groups or LinkGroups()
        self._entries: dict[str, Entry] = {}
        self._by_token: dict[str, str] = {}
        self._by_status: dict[Status, dict[str, None]] = {status: {} for status in Status}
        self._by_connection: dict[int, dict[str, None]] = {}

    # --- any thread ---

    def get(self, condition_id: str) -> Entry | None:
        return self._entries.get(condition_id)

    def by_token(self, token_id: str) -> Entry | None:
        condition_id = self._by_token.get(token_id)
        return None if condition_id is None else self._entries.get(condition_id)

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def with_status(self, status: Status) -> tuple[str, ...]:
        """Condition ids, oldest in that status first."""
        return tuple(self._by_status[status])

    def on_connection(self, connection: int) -> tuple[str, ...]:
        return tuple(self._by_connection.get(connection, ()))

    def bookless(self, now_ns: int) -> list[Entry]:
        """Pending for too long, the oldest first."""
        pending = (entry for one in self.with_status(Status.PENDING) if (entry := self.get(one)) is not None)
        return list(takewhile(lambda entry: now_ns - entry.since_ns >= BOOKLESS_NS, pending))

    @property
    def active(self) -> int:
        """How many have not ended."""
        return len(self._by_status[Status.PENDING]) + len(self._by_status[Status.SUBSCRIBED])

    def counts(self) -> dict[str, int]:
        found = {status.value: len(self._by_status[status]) for status in Status}
        return {"total_markets": len(self._entries), **found}

    # --- the keeper only ---

    def add(self, market: ListedMarket, now_ns: int) -> bool:
        """A token belongs to one market: a listing that claims a known one is refused."""
        if market.condition_id in self._entries or any(token in self._by_token for token in market.tokens):
            return False
        self._entries[market.condition_id] = Entry(market, Status.PENDING, None, now_ns, self.groups.of(market))
        self._by_status[Status.PENDING][market.condition_id] = None
        self._by_token.update(dict.fromkeys(market.tokens, market.condition_id))
        return True

    def place(self, condition_id: str, connection: int | None) -> None:
        """From now on this connection carries it."""
        entry = self._entries[condition_id]
        if entry.connection is not None:
            self._leave(condition_id, entry.connection)
        if connection is not None:
            self._by_connection.setdefault(connection, {})[condition_id] = None
        self._entries[condition_id] = entry._replace(connection=connection)

    def prove(self, condition_id: str, now_ns: int) -> bool:
        """Both first snapshots came."""
        return self._become(condition_id, Status.SUBSCRIBED, (Status.PENDING,), now_ns)

    def expire(self, condition_id: str, now_ns: int) -> bool:
        return self._become(condition_id, Status.EXPIRED, (Status.PENDING, Status.SUBSCRIBED), now_ns)

    def remove(self, condition_id: str) -> Entry | None:
        """Forgets it, so that a listing may bring it back."""
        entry = self._entries.pop(condition_id, None)
        if entry is None:
            return None
        del self._by_status[entry.status][condition_id]
        for token in entry.market.tokens:
            del self._by_token[token]
        if entry.connection is not None:
            self._leave(condition_id, entry.connection)
        return entry

    def _become(self, condition_id: str, status: Status, before: tuple[Status, ...], now_ns: int) -> bool:
        entry = self._entries.get(condition_id)
        if entry is None or entry.status not in before:
            return False
        del self._by_status[entry.status][condition_id]
        self._by_status[status][condition_id] = None
        self._entries[condition_id] = entry._replace(status=status, since_ns=now_ns)
        return True

    def _leave(self, condition_id: str, connection: int) -> None:
        carried = self._by_connection[connection]
        del carried[condition_id]
        if not carried:
            del self._by_connection[connection]
