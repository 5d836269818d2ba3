"""An order and a trade as the venue writes them: the same objects in the user stream and in the account reads. Pure.

The one place that decides which legs of a trade are ours. Top-level fields of a trade describe its *taker*; a maker's own
price, size and token stand in its entry of `maker_orders`, among everybody else's.
"""

from __future__ import annotations

from typing import Any

from trader.model.event import Fill, OrderUpdate, TradeStatus, VenueStatus
from trader.model.order import Side
from trader.model.units import MoneyMicro, PriceBp, price_bp_from_wire
from trader.venues.polymarket.wire import ms_from_wire, nearest_bp_from_wire, size_from_wire

_TIMES = ("timestamp", "last_update", "match_time", "matchtime", "created_at")
_GONE = {
    "EXPIRED": VenueStatus.EXPIRED,
    "CANCELED_EXPIRED_ORDER": VenueStatus.EXPIRED,
    "REJECTED": VenueStatus.REJECTED,
    "INVALID": VenueStatus.CANCELLED,
}


def order_update(row: dict[str, Any]) -> OrderUpdate:
    """An order event (which has a `type`) or a row of `/data/orders` (which has none)."""
    size, matched = size_from_wire(row["original_size"]), size_from_wire(row.get("size_matched") or "0")
    status = _order_status(str(row.get("type", "")), str(row.get("status") or ""), complete=0 < size <= matched)
    return OrderUpdate(
        order_id=str(row["id"]), condition_id=str(row["market"]), token_id=str(row["asset_id"]), side=Side(row["side"].upper()),
        price_bp=price_bp_from_wire(row["price"]), size_micro=size, matched_micro=matched, status=status, venue_ms=_time_ms(row),
    )


def _order_status(kind: str, status: str, *, complete: bool) -> VenueStatus:
    """`type` is the reliable word on a cancellation; the text of `status` is open-ended ("CANCELED_order couldn't be …")."""
    status = status.removeprefix("ORDER_STATUS_")
    if status in _GONE:
        return _GONE[status]
    if kind == "CANCELLATION" or status.startswith(("CANCELED", "CANCELLED")):
        return VenueStatus.CANCELLED
    return VenueStatus.FILLED if complete or status == "MATCHED" else VenueStatus.LIVE


def own_fills(row: dict[str, Any], api_key: str) -> list[Fill]:
    """Our legs of one trade: none, one, or several. Everybody else's are left out."""
    fills = [_maker_fill(row, leg) for leg in row.get("maker_orders") or () if leg["owner"] == api_key]
    if row.get("trader_side") != "MAKER" and (row.get("trade_owner") or row.get("owner")) == api_key:
        fills.append(_taker_fill(row))
    return fills


def _maker_fill(row: dict[str, Any], leg: dict[str, Any]) -> Fill:
    """A maker's side is not the opposite of the taker's: two buys of opposite tokens also match. Not said is not known."""
    side = leg.get("side")
    return _fill(row, leg["order_id"], leg["asset_id"], Side(side.upper()) if side else None, price_bp_from_wire(leg["price"]),
                 leg["matched_amount"])


def _taker_fill(row: dict[str, Any]) -> Fill:
    """Only if a post-only order took after all. The stream does not carry the fee; balances, when read, do."""
    side, price_bp = Side(row["side"].upper()), nearest_bp_from_wire(row["price"])
    return _fill(row, row["taker_order_id"], row["asset_id"], side, price_bp, row["size"])


def _fill(row: dict[str, Any], order_id: str, token_id: str, side: Side | None, price_bp: PriceBp, size: str) -> Fill:
    return Fill(
        trade_id=str(row["id"]), order_id=str(order_id), condition_id=str(row["market"]), token_id=str(token_id), side=side,
        price_bp=price_bp, size_micro=size_from_wire(size), fee_micro=MoneyMicro(0), status=_trade_status(row["status"]),
        venue_ms=_time_ms(row),
    )


def _trade_status(text: str) -> TradeStatus:
    """REST prefixes the words and knows one more: matched, on its way to the chain."""
    word = text.removeprefix("TRADE_STATUS_")
    return TradeStatus.MATCHED if word == "MATCHED_NOT_BROADCASTED" else TradeStatus(word)


def _time_ms(row: dict[str, Any]) -> int:
    """The newest time that the row carries; 0 when it carries none."""
    return next((ms_from_wire(row[name]) for name in _TIMES if row.get(name)), 0)
