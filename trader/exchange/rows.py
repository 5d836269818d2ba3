"""Orders, trades and movements as JSON rows and back, for the state file. Pure.

Rows are the tuples' fields in order; a market is named by its condition id and looked up among the markets already restored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trader.exchange.accounts import Token
from trader.exchange.market import Market
from trader.exchange.orders import (
    Fate,
    MakerLeg,
    NewOrder,
    Order,
    OrderState,
    OrderStatus,
    OrderType,
    Outcome,
    Side,
    Trade,
    TradeStatus,
)
from trader.exchange.settlement import Movement, Swap

Markets = Mapping[str, Market]


def new_order_row(new: NewOrder) -> list[Any]:
    return [new.order_id, new.account_id, new.owner, new.maker_address, new.condition_id, *new[5:]]


def new_order(row: list[Any], markets: Markets) -> NewOrder:
    (order_id, account_id, owner, maker_address, condition_id, outcome, side, price_bp, size_micro, order_type, post_only, expires_ms,
     spend_micro) = row
    return NewOrder(order_id, account_id, owner, maker_address, markets[condition_id].spec, Outcome(outcome), Side(side), price_bp,
                    size_micro, OrderType(order_type), post_only, expires_ms, spend_micro)


def order_row(order: OrderState) -> list[Any]:
    return [new_order_row(order.new), order.status, order.matched_micro, order.trade_ids, order.created_ms]


def order(row: list[Any], markets: Markets) -> Order:
    new, status, matched_micro, trade_ids, created_ms = row
    restored = Order(new_order(new, markets), created_ms)
    restored.status, restored.matched_micro, restored.trade_ids = OrderStatus(status), matched_micro, trade_ids
    return restored


def trade_row(trade: Trade) -> list[Any]:
    return [trade.trade_id, trade.spec.condition_id, *trade[2:]]


def trade(row: list[Any], markets: Markets) -> Trade:
    plain = Trade(row[0], markets[row[1]].spec, *row[2:])
    legs = tuple(MakerLeg(*leg)._replace(outcome=Outcome(leg[4]), side=Side(leg[5])) for leg in plain.legs)
    return plain._replace(outcome=Outcome(plain.outcome), side=Side(plain.side), legs=legs, status=TradeStatus(plain.status),
                          fate=Fate(plain.fate))


def movement_row(movement: Movement) -> list[Any]:
    return [trade_row(movement.trade), movement.swaps, movement.locked_micro]


def movement(row: list[Any], markets: Markets) -> Movement:
    moved, swaps, locked_micro = row
    return Movement(trade(moved, markets), tuple(Swap(each[0], _token(each[1]), each[2], _token(each[3]), each[4]) for each in swaps),
                    locked_micro)


def _token(row: list[Any] | None) -> Token | None:
    return (row[0], row[1]) if row else None
