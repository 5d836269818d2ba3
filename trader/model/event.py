"""What reaches the executor: order truth from the user stream, results from the gateway, control. Payloads of inbox letters."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from trader.model.action import (
    CancelMarket,
    CancelOrders,
    PlaceOrders,
    ReadBalances,
    ReadFills,
    ReadOpenOrders,
    ReadOrder,
)
from trader.model.market import Market
from trader.model.order import Side
from trader.model.units import MoneyMicro, PriceBp, SizeMicro

# --- order truth: the user stream and account reads -----------------------------------------------------------------


class TradeStatus(StrEnum):
    """Life of a trade. MATCHED changes effective inventory, MINED settles, FAILED reverses exactly what the trade did."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"


class Fill(NamedTuple):
    """One of *our* legs of one trade, at our own price. Deduplicated by (trade_id, order_id)."""

    trade_id: str
    order_id: str
    condition_id: str
    token_id: str
    side: Side | None            # None when the frame does not say: taken from our own order record
    price_bp: PriceBp
    size_micro: SizeMicro
    fee_micro: MoneyMicro        # 0 for makers
    status: TradeStatus
    venue_ms: int


class VenueStatus(StrEnum):
    """An order's state as the venue says it, reduced to what we act on."""

    LIVE = "LIVE"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"      # by us, by the venue, by resolution: it is not coming back
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class OrderUpdate(NamedTuple):
    """An order event of the user stream, or one row of an account read. `matched_micro` is cumulative."""

    order_id: str
    condition_id: str
    token_id: str
    side: Side
    price_bp: PriceBp
    size_micro: SizeMicro
    matched_micro: SizeMicro
    status: VenueStatus
    venue_ms: int


class UserFeedUp(NamedTuple):
    """The user stream answers. Nothing was replayed: what happened meanwhile must be read by REST."""

    generation: int


class UserFeedDown(NamedTuple):
    generation: int
    reason: str


# --- results from the gateway ---------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What an answer means to us: the venue's texts and codes are mapped to these once, in its own folder."""

    OK = "ok"
    SHED = "shed"                                # never sent: superseded by a newer epoch, or shutting down
    UNKNOWN = "unknown"                          # timeout, lost connection, 5xx: it may have happened
    NOT_FOUND = "not_found"                      # the venue does not know this order (any more)
    INSUFFICIENT_BALANCE = "insufficient_balance"
    RATE_LIMITED = "rate_limited"
    WOULD_CROSS = "would_cross"                  # post-only refused: replan, not an error
    NO_MATCH = "no_match"                        # an order that only takes found nothing at its price
    DUPLICATE = "duplicate"                      # the venue has this very order: ask by id
    INVALID = "invalid"
    MARKET_CLOSED = "market_closed"
    VENUE_MODE = "venue_mode"                    # 425, post-only, cancel-only, disabled: replan after retry_after_ms
    AUTH = "auth"


class Answer(NamedTuple):
    """The venue's word on one order of a place or cancel request."""

    order_id: str
    outcome: Outcome
    detail: str = ""             # the venue's own text, for log and journal only
    retry_after_ms: int = 0


class Timing(NamedTuple):
    """Monotonic times of a request. All zero when it was shed."""

    taken_ns: int = 0            # a gateway thread took it from the outbox
    sent_ns: int = 0             # signed; the first byte goes out now
    answered_ns: int = 0


class PlaceResult(NamedTuple):
    request: PlaceOrders
    answers: tuple[Answer, ...]              # one for each order of the request
    timing: Timing


class CancelResult(NamedTuple):
    request: CancelOrders
    answers: tuple[Answer, ...]              # OK: dead now. NOT_FOUND: dead before, by fill or cancel
    timing: Timing


class CancelMarketResult(NamedTuple):
    request: CancelMarket
    outcome: Outcome
    cancelled: tuple[str, ...]               # ids the venue says it cancelled now
    timing: Timing
    retry_after_ms: int = 0


class OrderRead(NamedTuple):
    request: ReadOrder
    outcome: Outcome                         # NOT_FOUND is not proof of absence
    order: OrderUpdate | None
    timing: Timing


class OpenOrdersRead(NamedTuple):
    request: ReadOpenOrders
    outcome: Outcome
    orders: tuple[OrderUpdate, ...]
    timing: Timing


class FillsRead(NamedTuple):
    request: ReadFills
    outcome: Outcome
    fills: tuple[Fill, ...]
    timing: Timing


class BalancesRead(NamedTuple):
    request: ReadBalances
    outcome: Outcome
    cash_micro: MoneyMicro
    tokens_micro: tuple[tuple[str, int], ...]
    timing: Timing


Result = PlaceResult | CancelResult | CancelMarketResult | OrderRead | OpenOrdersRead | FillsRead | BalancesRead

# --- control --------------------------------------------------------------------------------------------------------


class MarketChange(NamedTuple):
    """From `markets`: trade this market from now on. The executor cancels and verifies the old one first."""

    market: Market | None        # None: no window is open; stay flat


class MarketResolved(NamedTuple):
    """From `markets`: a window that was live has an outcome. Its winning token pays one dollar, the other nothing."""

    condition_id: str
    winning_token: str


class Command(StrEnum):
    STOP = "stop"                # end of session: cancel all, verify, then report `done`
    CANCEL_ALL = "cancel_all"    # cancel now, cool down, quote again
    PAUSE = "pause"              # cancel all and stay flat until RESUME
    RESUME = "resume"
    FLATTEN = "flatten"          # PAUSE, and sell what is settled at a bounded price
    FORCE_RESUME = "resume --force"      # also ends guards that are latched


class Control(NamedTuple):
    command: Command
    reason: str                  # who wants it and why; shown in log and stats


class MailWaiting(NamedTuple):
    """The mailbox rang: the intent itself is taken from the mailbox."""


ExecutorEvent = Fill | OrderUpdate | UserFeedUp | UserFeedDown | Result | MarketChange | MarketResolved | Control | MailWaiting
