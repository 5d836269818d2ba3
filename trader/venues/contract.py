"""What a venue fills in. Everything behind these Protocols is wire knowledge; everything before them knows no venue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from trader.model.event import Answer, Fill, OrderUpdate, Outcome
from trader.model.market import Market
from trader.model.order import OrderSpec
from trader.model.units import MoneyMicro, PriceBp, SizeMicro

# --- market data ----------------------------------------------------------------------------------------------------


LevelText = tuple[str, str]              # price and size of a level, verbatim: what the venue's own hash covers


class BookDump(NamedTuple):
    """A whole book of one token. Replaces whatever was there. Order of levels is not relied on."""

    token_id: str
    bids: tuple[tuple[PriceBp, SizeMicro], ...]
    asks: tuple[tuple[PriceBp, SizeMicro], ...]
    tick_bp: PriceBp | None          # None: unchanged (a post-trade dump does not say)
    venue_ms: int
    hash: str
    bid_texts: tuple[LevelText, ...] = ()        # of the same levels, in the same order
    ask_texts: tuple[LevelText, ...] = ()
    last_trade: str | None = None    # verbatim price; None: not said (a post-trade dump does not)


class LevelChange(NamedTuple):
    """One level of one token: the size is the new absolute size, 0 removes it.

    `bid_bp` and `ask_bp` are the venue's own top after the whole update: a free integrity check. None: that side is empty.
    """

    token_id: str
    is_bid: bool
    price_bp: PriceBp
    size_micro: SizeMicro
    bid_bp: PriceBp | None
    ask_bp: PriceBp | None
    venue_ms: int
    hash: str
    price_text: str = ""
    size_text: str = ""


class TickChange(NamedTuple):
    """The price grid changed: drop the book and wait for a dump."""

    token_id: str
    tick_bp: PriceBp


class TopOnly(NamedTuple):
    """The venue's own top of one token. Only checks, never builds a book."""

    token_id: str
    bid_bp: PriceBp | None
    ask_bp: PriceBp | None
    venue_ms: int


class LastTrade(NamedTuple):
    """The price of a trade, verbatim. No level changes by it; the hash of the book covers it. May come late."""

    token_id: str
    price_text: str
    venue_ms: int


class Pong(NamedTuple):
    """The answer to our probe."""


class Ignored(NamedTuple):
    """A known or unknown event that no book needs. Counted by name."""

    name: str


BookEvent = BookDump | LevelChange | TickChange | TopOnly | LastTrade | Pong | Ignored


class MarketStream(Protocol):
    """Pure: builds the frames to send, reads the frames received. Owned by the feed's thread."""

    @property
    def url(self) -> str: ...
    @property
    def ping(self) -> str: ...
    def hello(self, tokens: Sequence[str]) -> list[str]:
        """Text frames that open a fresh connection with these tokens."""
        ...
    def change(self, add: Sequence[str], remove: Sequence[str]) -> list[str]:
        """Text frames that change the subscription of an open connection."""
        ...
    def decode(self, frame: bytes) -> list[BookEvent]:
        """One frame, which may hold several events. Raises WireError on what it cannot read."""
        ...


class BookSample(NamedTuple):
    """One token's whole book as the venue wrote it, at the end of an update. Written by the book feed, read by `verify`."""

    token_id: str
    hash: str                        # the venue's, of exactly this state
    venue_ms: int
    tick_bp: PriceBp
    bids: tuple[tuple[PriceBp, LevelText], ...]      # in no order
    asks: tuple[tuple[PriceBp, LevelText], ...]
    last_trade: str | None           # None: never heard
    last_trade_is_sure: bool         # False: a trade came since whose price text is not known yet
    other_last_trade: str | None     # of the other outcome, when that is newer


class BookHash(Protocol):
    """The venue's own check of a whole book. Pure; used by the `verify` thread."""

    def agrees(self, sample: BookSample, market: Market) -> bool | None:
        """None: it cannot be told, because something that the hash covers is not known."""
        ...


class BookReader(Protocol):
    """Reads whole books by REST, to judge ours: an answer cannot be ordered against the stream. Blocking, with a deadline."""

    @property
    def deadline_ms(self) -> int: ...
    def read(self, token_id: str) -> BookDump:
        """Raises ConnectionLost or WireError."""
        ...
    def close(self) -> None: ...


class UserStream(Protocol):
    """Our orders and trades. Pure, owned by the feed's thread."""

    @property
    def url(self) -> str: ...
    @property
    def ping(self) -> str: ...
    def hello(self, markets: Sequence[Market]) -> list[str]: ...
    def change(self, add: Sequence[Market], remove: Sequence[Market]) -> list[str]: ...
    def decode(self, frame: bytes) -> list[Fill | OrderUpdate | Pong | Ignored]:
        """Only our own legs. Raises WireError on what it cannot read."""
        ...


# --- reference price ------------------------------------------------------------------------------------------------


class Quoted(NamedTuple):
    """The best bid and ask."""

    bid_micro: MoneyMicro
    ask_micro: MoneyMicro


class Traded(NamedTuple):
    """The last price."""

    price_micro: MoneyMicro
    venue_ms: int


class Candle(NamedTuple):
    """The open of the candle that began at `open_ms` is the strike of the window that opened then."""

    open_ms: int
    open_micro: MoneyMicro
    is_final: bool


class Goodbye(NamedTuple):
    """The server is about to close this connection."""


ReferenceEvent = Quoted | Traded | Candle | Goodbye | Ignored


class ReferenceStream(Protocol):
    """Pure; owned by the feed's thread. There is nothing to subscribe: the address says it all."""

    @property
    def url(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    def decode(self, frame: bytes) -> ReferenceEvent:
        """Raises WireError on what it cannot read."""
        ...


class Snapshot(NamedTuple):
    """What a polled source says, and how old that was when it answered."""

    bid_micro: MoneyMicro
    ask_micro: MoneyMicro
    open_micro: MoneyMicro | None
    open_ms: int | None              # start of the window to which the open belongs
    age_ms: int
    is_stale: bool
    source_ms: int | None = None     # the source's own wall time of it: two answers with the same one are the same answer


class SnapshotSource(Protocol):
    """Where a polled source is and how to read its answer. Pure; owned by the feed's thread."""

    @property
    def url(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def poll_hz(self) -> float: ...
    def decode(self, body: bytes) -> Snapshot:
        """Raises WireError on what it cannot read."""
        ...


# --- markets --------------------------------------------------------------------------------------------------------


class Listing(NamedTuple):
    """What the venue says of the windows that it was asked for. One that is in neither may be not listed yet, or too far ahead."""

    open: tuple[Market, ...] = ()            # take orders now, by close time
    shut: frozenset[str] = frozenset()       # condition ids of those that take none now, whatever their close time says
    ended: bool = False                      # all that was found has closed for good


class Discovery(Protocol):
    """Finds windows. Blocking, with deadlines; used by the `markets` thread only. Raises ConnectionLost or WireError."""

    def windows(self, series_id: int, now_ms: int) -> Listing:
        """Windows of a series that have not closed."""
        ...
    def by_slug(self, slug: str, now_ms: int) -> Listing:
        """The one market of an event, or the market of that name."""
        ...
    def by_condition_id(self, condition_id: str) -> Listing: ...
    def winner(self, market: Market) -> str | None:
        """The token that pays one dollar; None while the market is not resolved."""
        ...
    def close(self) -> None: ...


# --- the whole catalogue, for the fleet -------------------------------------------------------------------------------


class ListedMarket(NamedTuple):
    """A market as a listing shows it: enough to watch it, not to trade it. Its two tokens always travel together."""

    condition_id: str
    tokens: tuple[str, str]
    tick_bp: PriceBp
    end_ms: int              # wall time; the market may be resolved later than that
    slug: str
    series: str              # slug; empty: of no series
    tags: tuple[str, ...]    # slugs
    volume_micro: MoneyMicro
    event: str = ""          # slug; the markets of one event are about the same thing


class CatalogueQuery(NamedTuple):
    """What is looked for. Nothing named, zero and None mean: any. The venue is asked for this; what it lists is verified."""

    tags: tuple[str, ...]
    series: tuple[str, ...]
    min_volume_micro: MoneyMicro
    end_min_ms: int
    end_max_ms: int | None

    def fits(self, market: ListedMarket) -> bool:
        return (
            (not self.tags or not set(self.tags).isdisjoint(market.tags))
            and (not self.series or market.series in self.series)
            and market.volume_micro >= self.min_volume_micro
            and market.end_ms >= self.end_min_ms
            and (self.end_max_ms is None or market.end_ms <= self.end_max_ms)
        )


class Catalogue(Protocol):
    """Lists markets. Blocking, each request with a deadline; used by one thread. Raises ConnectionLost or WireError."""

    def pages(self, query: CatalogueQuery) -> Iterator[list[ListedMarket]]:
        """All open markets that fit, page by page until the venue says that there are no more. A page may be empty."""
        ...
    def event(self, slug: str) -> list[ListedMarket]:
        """The open markets of one event; empty when it is unknown."""
        ...
    def close(self) -> None: ...


class MarketBorn(NamedTuple):
    """The stream tells of a new market; the catalogue has what the stream does not say."""

    event_slug: str


class MarketOver(NamedTuple):
    """The stream tells that a market is resolved."""

    condition_id: str


class PoolStream(MarketStream, Protocol):
    """A market stream whose frames can be handed on unread. Pure; owned by one connection's thread."""

    def split(self, frame: bytes) -> list[tuple[bytes, bytes]]:
        """(token, frame) pairs, each of one market only; the token is one of that market's. Empty: no book is concerned.

        Raises WireError on what is no frame of this venue at all."""
        ...
    def news(self, frame: bytes) -> list[MarketBorn | MarketOver]:
        """What a frame without books tells of markets. Nothing it cannot read is worth an error."""
        ...


# --- orders ---------------------------------------------------------------------------------------------------------


class SignedOrder(NamedTuple):
    """Ready to send. `order_id` is the venue's own id of it and equals what VenueRules.order_id said."""

    order_id: str
    body: bytes


class RateNote(NamedTuple):
    """What an answer says about the account's allowance for its kind of request."""

    is_cancel: bool                  # the venue counts places and cancels separately
    remaining: int | None            # requests left after this one; negative: owed. None: not said
    wait_ms: int                     # nothing is admitted before; 0: not said


class Allowance(Protocol):
    """Who keeps count of it: `gateway.limits`. Called by every gateway thread."""

    def heard(self, note: RateNote) -> None: ...


class Heartbeats(Protocol):
    """The venue's dead-man's switch: when beats stay away, it cancels everything of ours. Owner: the `heartbeat` thread."""

    @property
    def deadline_ms(self) -> int:
        """A beat takes no longer."""
        ...
    def beat(self) -> str:
        """Empty when the venue accepted it, otherwise why not. Never raises for what a venue may do."""
        ...
    def close(self) -> None: ...


class VenueTime(Protocol):
    """The venue's own clock. Owner: the `heartbeat` thread."""

    @property
    def deadline_ms(self) -> int:
        """A look takes no longer."""
        ...
    def read_s(self) -> int | None:
        """Whole seconds since the epoch, rounded down. None: it did not say. Never raises for what a venue may do."""
        ...


class OrderClient(Protocol):
    """One connection to the venue's account interface. One a gateway thread; not shared.

    Never raises for what a venue may do: timeouts, lost connections and refusals come back as an Outcome.
    """

    def warm(self) -> None:
        """Sees to it that the connection is open before the next order needs it. Cheap when it is; a failure is not an error yet."""
        ...
    def sign(self, order_id: str, order: OrderSpec) -> SignedOrder: ...
    def place(self, orders: Sequence[SignedOrder]) -> tuple[Answer, ...]: ...
    def cancel(self, order_ids: Sequence[str]) -> tuple[Answer, ...]: ...
    def cancel_market(self, condition_id: str) -> tuple[Outcome, tuple[str, ...], int]:
        """(outcome, ids cancelled now, retry_after_ms)."""
        ...
    def read_order(self, order_id: str) -> tuple[Outcome, OrderUpdate | None]: ...
    def read_open_orders(self, condition_id: str) -> tuple[Outcome, tuple[OrderUpdate, ...]]: ...
    def read_fills(self, condition_id: str, after_s: int) -> tuple[Outcome, tuple[Fill, ...]]: ...
    def read_balances(self, token_ids: Iterable[str], protocol: str) -> tuple[Outcome, MoneyMicro, tuple[tuple[str, int], ...]]:
        """(outcome, collateral, (token, size) pairs)."""
        ...
    def close(self) -> None: ...
