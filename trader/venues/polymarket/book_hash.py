"""The venue's SHA-1 of a whole book, computed from our copy of it. Pure; used by the thread `verify`.

The hash covers a compact JSON object with fixed keys in fixed order (docs/venues/polymarket.md): levels verbatim, bids
ascending, asks descending, `hash` empty, `version` only for protocol v2. The stream leaves some of these fields out; they are
the market's terms, except `last_trade_price`, which may come late or never: what is not known is tried or skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha1

from trader.errors import WireError
from trader.model.market import Market
from trader.model.units import BP_PER_DOLLAR, PriceBp, price_to_wire, size_to_wire
from trader.venues.contract import BookSample, LevelText
from trader.venues.polymarket.wire import nearest_bp_from_wire

_CENT_DECIMALS = 3               # the venue writes this price, and only this one, as "0.920"


class PolymarketBookHash:
    """Implements `contract.BookHash`."""

    def agrees(self, sample: BookSample, market: Market) -> bool | None:
        if not sample.hash:
            return None
        head = sha1(_head(sample, market).encode(), usedforsecurity=False)
        tail = '"}' if market.protocol == "v1" else f'","version":"{market.protocol}"}}'
        for last_trade in last_trade_texts(sample):
            whole = head.copy()              # the levels are most of the text, and the same for every candidate
            whole.update((last_trade + tail).encode())
            if whole.hexdigest() == sample.hash:
                return True
        return False if sample.last_trade_is_sure else None


def last_trade_texts(sample: BookSample) -> list[str]:
    """How the venue may have written the last trade, the likeliest first. No wrong text can match by accident."""
    texts = [] if sample.last_trade is None else [sample.last_trade, *_three_decimals(sample.last_trade, is_other=False)]
    if sample.other_last_trade is not None:
        texts += _three_decimals(sample.other_last_trade, is_other=True)
    return list(dict.fromkeys(texts))


def _three_decimals(text: str, *, is_other: bool) -> list[str]:
    """'0.92' -> '0.920'; of the other outcome its complement. Nothing when it is no price, as before the first trade."""
    try:
        price_bp = nearest_bp_from_wire(text)
    except WireError:
        return []
    whole, _, fraction = price_to_wire(PriceBp(BP_PER_DOLLAR - price_bp) if is_other else price_bp).partition(".")
    return [f"{whole}.{fraction.ljust(_CENT_DECIMALS, '0')}"]


def _head(sample: BookSample, market: Market) -> str:
    bids, asks = sorted(sample.bids), sorted(sample.asks, reverse=True)
    return (f'{{"market":"{market.condition_id}","asset_id":"{sample.token_id}","timestamp":"{sample.venue_ms}","hash":"",'
            f'"bids":[{_levels(bids)}],"asks":[{_levels(asks)}],'
            f'"min_order_size":"{size_to_wire(market.min_size_micro)}","tick_size":"{price_to_wire(sample.tick_bp)}",'
            f'"neg_risk":{"true" if market.neg_risk else "false"},"last_trade_price":"')


def _levels(levels: Iterable[tuple[PriceBp, LevelText]]) -> str:
    return ",".join(f'{{"price":"{price}","size":"{size}"}}' for _, (price, size) in levels)
