"""What the feeds publish: books, reference price, and how healthy each connection is. All times monotonic unless named."""

from __future__ import annotations

from typing import NamedTuple

from trader.model.units import MoneyMicro, PriceBp, SizeMicro

TOP_LEVELS = 5      # published a side; nobody quotes behind the fifth level


class Level(NamedTuple):
    price_bp: PriceBp
    size_micro: SizeMicro


class BookTop(NamedTuple):
    """The best levels of one outcome token, best first. Published only when whole: never crossed, never half-applied."""

    token_id: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    tick_bp: PriceBp

    @property
    def bid_bp(self) -> PriceBp | None:
        """None when nobody bids: an empty side is never 0."""
        return self.bids[0].price_bp if self.bids else None

    @property
    def ask_bp(self) -> PriceBp | None:
        """None when nobody offers: an empty side is never 1."""
        return self.asks[0].price_bp if self.asks else None


class MarketBook(NamedTuple):
    """Both outcome books of the live market. Writer: `pm-book`, once a receive batch. Readers: strategy, executor."""

    condition_id: str
    yes: BookTop
    no: BookTop
    generation: int      # changes when continuity was lost; equal generations may be compared
    seq: int             # +1 a publish; a gap means "you were slow", never an error
    received_ns: int     # monotonic, when the last frame applied left the socket
    venue_ms: int        # wall time of the venue's own timestamp


class ReferencePrice(NamedTuple):
    """The price that the window settles on. Writer: `bn-ticker`. Readers: strategy, executor.

    Source: Binance `bookTicker` (bid, ask), `aggTrade` (last) and `kline_1h` (open of the candle that began at `open_ms`).
    """

    symbol: str
    bid_micro: MoneyMicro
    ask_micro: MoneyMicro
    last_micro: MoneyMicro | None
    open_micro: MoneyMicro | None    # strike of the candle named by open_ms; None until its first kline arrives
    open_ms: int | None
    received_ns: int                 # monotonic, of the newest bid and ask

    @property
    def mid_micro(self) -> MoneyMicro:
        return MoneyMicro((self.bid_micro + self.ask_micro) // 2)


class FeedHealth(NamedTuple):
    """Two ages and a probe for one connection (design §5). Writer: the feed, at least every cycle. Reader: the guards.

    A quiet market is neither stale nor frozen: only an unanswered probe makes a connection stale, and only a fair price that
    moves while no data comes makes it frozen.
    """

    connected: bool
    as_of_ns: int                # when the feed wrote this; an old one means that the thread itself hangs
    last_frame_ns: int           # any frame, PONG included
    last_data_ns: int            # frames that carry data
    probe_sent_ns: int | None    # oldest probe that is still unanswered
    generation: int
    suspect: bool                # the book differs from the venue's own top; being repaired
    frozen: str | None = None    # why the data is believed to stand still although the connection answers
    garbled: str | None = None   # frames came lately that could not be read, too many too fast

    def stale_reason(self, now_ns: int, stale_after_ms: int) -> str | None:
        """Why this feed must not be quoted on, or None."""
        limit_ns = stale_after_ms * 1_000_000
        if now_ns - self.as_of_ns > limit_ns + 1_000_000_000:
            return f"feed thread silent for {(now_ns - self.as_of_ns) // 1_000_000} ms"
        if not self.connected:
            return "disconnected"
        if self.probe_sent_ns is not None and now_ns - self.probe_sent_ns >= limit_ns:
            return f"probe unanswered for {(now_ns - self.probe_sent_ns) // 1_000_000} ms"
        return None
