"""The nouns of the matching core: market, order, trade. No I/O, no clock, no thread of its own.

Everything here is owned by the engine and touched only under the venue's lock. Prices are `_bp` of the order's *own*
token; the book itself is kept in YES terms (YES = "Up", index 0), see `Order.book_side` and `Order.yes_bp`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from trader.exchange.contracts import contract_of
from trader.model.units import BP_PER_DOLLAR, MICRO


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def other(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Outcome(IntEnum):
    YES = 0     # "Up"
    NO = 1      # "Down"

    @property
    def other(self) -> Outcome:
        return Outcome(1 - self)


class OrderType(StrEnum):
    GTC = "GTC"     # rests until cancelled
    GTD = "GTD"     # rests until its deadline
    FOK = "FOK"     # all now or nothing
    FAK = "FAK"     # what is there now, the rest is cancelled

    @property
    def may_rest(self) -> bool:
        return self in (OrderType.GTC, OrderType.GTD)


class OrderStatus(StrEnum):
    LIVE = "LIVE"
    MATCHED = "MATCHED"
    DELAYED = "DELAYED"     # would trade at once, and is held back for the taker delay
    CANCELED = "CANCELED"
    NOT_ENOUGH = "CANCELED_NOT_ENOUGH_BALANCE"
    FOK_KILLED = "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."
    EXPIRED = "CANCELED_EXPIRED_ORDER"
    RESOLVED = "CANCELED_MARKET_RESOLVED"


class TradeStatus(StrEnum):
    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"


class Fate(StrEnum):
    """How a trade's settlement will go; decided when it is matched."""

    SETTLES = "settles"     # MATCHED → MINED → CONFIRMED
    RETRIES = "retries"     # MATCHED → RETRYING → MINED → CONFIRMED
    FAILS = "fails"         # MATCHED → RETRYING → FAILED, and everything that it moved goes back


class MarketSpec(NamedTuple):
    """The terms of one market. Only `tick_bp` ever changes, in a copy that replaces this one. `token_ids` are in outcome order: YES, NO."""

    condition_id: str
    token_ids: tuple[str, str]
    version: str                    # "v1" → EIP-712 domain "2"; "v2" → domain "3" and position ids
    gamma_id: str = "0"             # the short id that Gamma and new_market frames use
    neg_risk: bool = False
    tick_bp: int = 100
    min_size_micro: int = 5 * MICRO
    outcome_names: tuple[str, str] = ("Up", "Down")

    @property
    def contract(self) -> str:
        return contract_of(self.version, neg_risk=self.neg_risk)

    def outcome_of(self, token_id: str) -> Outcome:
        return Outcome(self.token_ids.index(token_id))


class NewOrder(NamedTuple):
    """An order as its owner asked for it, already authenticated. `order_id` is its EIP-712 hash."""

    order_id: str
    account_id: str
    owner: str              # the API key; "" for the exchange's own population
    maker_address: str
    spec: MarketSpec
    outcome: Outcome
    side: Side
    price_bp: int
    size_micro: int
    order_type: OrderType = OrderType.GTC
    post_only: bool = False
    expires_ms: int | None = None       # wall time, as the owner stated it
    spend_micro: int = 0                # a market BUY: dollars to spend; the shares follow from the prices that it meets

    @property
    def condition_id(self) -> str:
        return self.spec.condition_id

    @property
    def token_id(self) -> str:
        return self.spec.token_ids[self.outcome]


class OrderState(NamedTuple):
    """An order as it was at one moment; what leaves the lock. `matched_micro` is cumulative."""

    new: NewOrder
    status: OrderStatus
    matched_micro: int
    trade_ids: tuple[str, ...]
    created_ms: int


class Order:
    """A live or finished order. Changed only by the engine."""

    __slots__ = ("created_ms", "matched_micro", "new", "status", "trade_ids")

    def __init__(self, new: NewOrder, created_ms: int) -> None:
        self.new, self.created_ms = new, created_ms
        self.status = OrderStatus.LIVE
        self.matched_micro = 0
        self.trade_ids: list[str] = []

    def state(self) -> OrderState:
        return OrderState(self.new, self.status, self.matched_micro, tuple(self.trade_ids), self.created_ms)

    @property
    def open_micro(self) -> int:
        return self.new.size_micro - self.matched_micro

    @property
    def book_side(self) -> Side:
        """Buying NO is selling YES: the mirror turns both books into one."""
        return book_side(self.new.outcome, self.new.side)

    @property
    def yes_bp(self) -> int:
        return yes_bp(self.new.outcome, self.new.price_bp)


def book_side(outcome: Outcome, side: Side) -> Side:
    return Side.BUY if (outcome is Outcome.YES) == (side is Side.BUY) else Side.SELL


def yes_bp(outcome: Outcome, price_bp: int) -> int:
    return price_bp if outcome is Outcome.YES else BP_PER_DOLLAR - price_bp


class MakerLeg(NamedTuple):
    """One resting order's part of a trade. `price_bp` is its own limit, in its own token."""

    order_id: str
    owner: str
    account_id: str
    maker_address: str
    outcome: Outcome
    side: Side
    price_bp: int
    size_micro: int


class Trade(NamedTuple):
    """One taker order against one price level. Top-level fields are the taker's, as on the wire."""

    trade_id: str
    spec: MarketSpec
    taker_order_id: str
    taker_owner: str
    taker_account_id: str
    taker_address: str
    outcome: Outcome
    side: Side
    price_bp: int
    size_micro: int
    fee_micro: int
    legs: tuple[MakerLeg, ...]
    matched_ms: int
    updated_ms: int
    status: TradeStatus = TradeStatus.MATCHED
    transaction_hash: str = ""
    fate: Fate = Fate.SETTLES

    @property
    def token_id(self) -> str:
        return self.spec.token_ids[self.outcome]

    def account_ids(self) -> set[str]:
        return {self.taker_account_id, *(leg.account_id for leg in self.legs)}

    def owners(self) -> set[str]:
        """API keys of the real clients that take part."""
        return {self.taker_owner, *(leg.owner for leg in self.legs)} - {""}


class Placed(NamedTuple):
    """The engine's answer to an accepted order: how it stands, and what it traded at once."""

    order: OrderState
    trades: tuple[Trade, ...]
