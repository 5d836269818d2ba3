"""What the strategy sees and what it wants. Prices and sides are in YES terms throughout."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

from trader.model.book import MarketBook, ReferencePrice
from trader.model.market import Market
from trader.model.order import Side, WorkingOrder
from trader.model.units import MoneyMicro, PriceBp, SizeMicro


class Mode(IntEnum):
    """How much may be done, least restricted first. Guards cap it, the strategy asks for it."""

    NORMAL = 0
    CAUTION = 1              # quote wider
    ONE_SIDED_BUY = 2        # only bids
    ONE_SIDED_SELL = 3       # only asks
    REDUCE_ONLY = 4          # only sells of what is held
    STOP = 5                 # nothing may be open

    def capped(self, cap: Mode) -> Mode:
        """The stricter of the two. Buy-only under sell-only leaves nothing but reducing."""
        if {self, cap} == {Mode.ONE_SIDED_BUY, Mode.ONE_SIDED_SELL}:
            return Mode.REDUCE_ONLY
        return max(self, cap)


class Quote(NamedTuple):
    side: Side               # BUY is our bid for YES, SELL our ask
    price_bp: PriceBp        # on the market's tick
    size_micro: SizeMicro


class QuoteIntent(NamedTuple):
    """What the strategy wants to be live. Writer: strategy through the mailbox. Reader: executor. Newest wins."""

    seq: int                 # +1 an intent; gaps are intents that were replaced unread
    condition_id: str        # an intent for another market than the executor's is discarded
    mode: Mode
    quotes: tuple[Quote, ...]
    fair_bp: PriceBp | None
    reason: str              # why STOP or CAUTION; empty in NORMAL
    decided_ns: int          # monotonic
    snapshot_ns: int         # received_ns of the newest snapshot it is based on (latency leg)


class StrategyPulse(NamedTuple):
    """Written at every run, intent or not. A pulse older than five periods is a guard."""

    run_ns: int
    ticks: int
    skipped: int
    fair_bp: PriceBp | None


class Inventory(NamedTuple):
    """Our tokens and cash in the live market. Writer: executor. Readers: strategy, stats.

    `effective` counts a fill when it is MATCHED, `settled` when it is MINED and may be sold.
    """

    condition_id: str
    yes_settled_micro: int
    no_settled_micro: int
    yes_effective_micro: int
    no_effective_micro: int
    cash_micro: MoneyMicro               # free collateral by our own books; reservations not yet taken off
    mode: Mode                           # after all guards
    reasons: tuple[str, ...]             # guards that are in force, by name
    working: tuple[WorkingOrder, ...]

    @property
    def net_micro(self) -> int:
        return self.yes_effective_micro - self.no_effective_micro

    @property
    def gross_micro(self) -> int:
        return self.yes_effective_micro + self.no_effective_micro


class StrategyView(NamedTuple):
    """Everything a strategy may look at, read once a run. Immutable, so `quote(view)` can be pure."""

    now_ns: int
    now_ms: int
    market: Market
    book: MarketBook
    reference: ReferencePrice
    inventory: Inventory
    fair_bp: PriceBp | None              # probability that YES pays, in bp; None while it cannot be known
    fair_reason: str                     # why it is None, or what makes it doubtful; empty otherwise
    provisional_strike: bool             # the kline has not confirmed the strike: quote wider
    volatility_bp: float                 # standard deviation of the reference's 1 s log return, in bp
    time_left_ms: int
    fair_lo_bp: PriceBp | None = None    # band of nine in ten around `fair_bp`: what is not known of the volatility; None with it
    fair_hi_bp: PriceBp | None = None
    fast_volatility_bp: float = 0.0      # the same as `volatility_bp` over a shorter memory: turbulence that has just begun
    shock_z: float = 0.0                 # the move of the last one to two seconds, in standard deviations; signed

    @property
    def reference_age_ms(self) -> int:
        """Since its *source* heard of the price: a poller that re-reads a frozen source shows it here."""
        return (self.now_ns - self.reference.received_ns) // 1_000_000


class Strategy(Protocol):
    """A quoting rule. Called on the strategy thread; must not block, keep references or read clocks."""

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        """Mode, quotes (each side best first) and the reason for a restricted mode.

        Quotes that cannot be orders (`strategy.check`) are refused, and quoting stops until they are right. Raising stops the
        desk: it is a crash of the role."""
        ...
