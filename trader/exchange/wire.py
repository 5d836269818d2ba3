"""Orders and trades as the venue writes them, for the user stream and for `/data/*`. Pure."""

from __future__ import annotations

from typing import Any

from trader.exchange.events import OrderChange
from trader.exchange.orders import MakerLeg, OrderState, OrderType, Trade
from trader.model.units import price_to_wire, size_to_wire

Json = dict[str, Any]


def order_row(order: OrderState) -> Json:
    """One entry of `GET /data/orders`, and the answer of `GET /data/order/<id>`."""
    new = order.new
    return {
        "id": new.order_id,
        "status": order.status.value,
        "market": new.condition_id,
        "asset_id": new.token_id,
        "side": new.side.value,
        "original_size": size_to_wire(new.size_micro),
        "size_matched": size_to_wire(order.matched_micro),
        "price": price_to_wire(new.price_bp),
        "outcome": new.spec.outcome_names[new.outcome],
        "order_type": new.order_type.value,
        "expiration": str(new.expires_ms // 1000) if new.order_type is OrderType.GTD and new.expires_ms else None,
        "created_at": order.created_ms // 1000,
        "associate_trades": list(order.trade_ids),
        "maker_address": new.maker_address,
        "owner": new.owner,
    }


def order_event(change: OrderChange, order: OrderState, at_ms: int) -> Json:
    row = order_row(order)
    return row | {
        "event_type": "order",
        "type": change.value,
        "order_owner": row["owner"],
        "associate_trades": row["associate_trades"] or None,
        "expiration": row["expiration"] or "0",
        "created_at": str(row["created_at"]),
        "timestamp": str(at_ms),
    }


def trade_event(trade: Trade, owner: str) -> Json:
    """A `trade` frame for one of its parties. The top level describes the taker, whoever reads it."""
    seconds = str(trade.matched_ms // 1000)
    return {
        "event_type": "trade",
        "type": "TRADE",
        "id": trade.trade_id,
        "taker_order_id": trade.taker_order_id,
        "market": trade.spec.condition_id,
        "asset_id": trade.token_id,
        "side": trade.side.value,
        "size": size_to_wire(trade.size_micro),
        "price": price_to_wire(trade.price_bp),
        "fee_rate_bps": "0",
        "status": trade.status.value,
        "match_time": seconds,
        "matchtime": seconds,
        "last_update": str(trade.updated_ms // 1000),
        "outcome": trade.spec.outcome_names[trade.outcome],
        "owner": trade.taker_owner,
        "trade_owner": trade.taker_owner,
        "maker_address": trade.taker_address,
        "transaction_hash": trade.transaction_hash,
        "bucket_index": 0,
        "trader_side": "TAKER" if owner == trade.taker_owner else "MAKER",
        "maker_orders": [_maker_order(trade, leg) for leg in trade.legs],
        "timestamp": str(trade.updated_ms),
    }


def trade_row(trade: Trade, owner: str) -> Json:
    """One entry of `GET /data/trades`: the frame's object with REST's spelling of the status, and every leg's side."""
    legs = [_maker_order(trade, leg) | {"side": leg.side.value} for leg in trade.legs]
    return trade_event(trade, owner) | {"status": f"TRADE_STATUS_{trade.status.value}", "maker_orders": legs,
                                        "match_time_nano": str(trade.matched_ms * 1_000_000)}


def _maker_order(trade: Trade, leg: MakerLeg) -> Json:
    """A leg on the taker's own token carries its side; one on the complement carries none, as recorded frames do."""
    row = {
        "order_id": leg.order_id,
        "owner": leg.owner,
        "maker_address": leg.maker_address,
        "matched_amount": size_to_wire(leg.size_micro),
        "price": price_to_wire(leg.price_bp),
        "fee_rate_bps": "0",
        "asset_id": trade.spec.token_ids[leg.outcome],
        "outcome": trade.spec.outcome_names[leg.outcome],
    }
    return row | ({"side": leg.side.value} if leg.outcome is trade.outcome else {})
