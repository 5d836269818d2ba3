"""What the executor asks of the venue about single orders and the account, each with the condition under which it makes sense."""

from __future__ import annotations

from trader.executor.legs import Leg
from trader.executor.orders import Tracked
from trader.executor.state import Chore, State
from trader.model.action import CancelOrders, PlaceOrders, ReadBalances, ReadFills, ReadOrder
from trader.model.market import Market
from trader.model.order import OrderSpec, OrderState

FILLS_OVERLAP_S = 60

_ASK_SOON_MS = 250           # the user stream is usually faster
_ASK_AGAIN_MS = 4000         # after "not found": three of these answers span the ten seconds of design §7


def place(state: State, market: Market, legs: list[Leg], *, takes: bool = False) -> None:
    """Gives each leg its id, tracks it, and asks for all of them in one request."""
    batch = []
    for leg in legs:
        spec = OrderSpec(market.condition_id, leg.token_id, leg.side, leg.price_bp, leg.size_micro, state.next_salt(),
                         state.now.ms, market.protocol, market.neg_risk, takes)
        order_id = state.rules.order_id(spec)
        state.orders.add(Tracked(order_id, spec, leg.slot, state.epoch, state.now.ns))
        batch.append((order_id, spec))
    state.counts["placed"] += len(batch)
    state.places.extend([state.now.ns] * len(batch))
    state.placed_since_proof = True
    state.actions.append(PlaceOrders(state.next_seq(), state.epoch, tuple(batch)))


def cancel(state: State, order_ids: list[str]) -> None:
    """Asks for these to be cancelled, in one request, and marks those that we track."""
    for order_id in order_ids:
        order = state.orders.get(order_id)
        if order is None or order.done:
            continue
        order.cancelling = True
        order.cancel_asked_ns = order.cancel_asked_ns or state.now.ns
        if order.state is not OrderState.UNKNOWN:        # an unknown one stays unknown: it must be asked about
            state.orders.move(order, OrderState.PENDING_CANCEL, state.now.ns)
    if order_ids:
        state.counts["cancel_requests"] += 1
        state.actions.append(CancelOrders(state.next_seq(), tuple(order_ids)))


def cancelled(state: State, order: Tracked) -> None:
    """Confirmed by an answer. What it filled before is the stream's to say; if that stays silent, ask."""
    state.orders.move(order, OrderState.CANCELLED, state.now.ns)
    if not order.final:
        ask_later(state, order)


def read_balances(state: State) -> None:
    if state.market is not None and not state.reading_balances:
        state.reading_balances = True
        state.actions.append(ReadBalances(state.next_seq(), state.market.tokens, state.market.protocol))


def want_fills(state: State, condition_id: str) -> None:
    """Trades may be missing that happened before now: a read that is out already does not count as the answer."""
    state.fills_wanted[condition_id] = state.last_seq
    read_fills(state, condition_id)


def read_fills(state: State, condition_id: str) -> None:
    """Trades since a minute before the last read: what the stream did not replay."""
    if condition_id not in state.reading_fills:
        state.reading_fills.add(condition_id)
        since_s = state.fills_since_s.setdefault(condition_id, state.now.ms // 1000 - FILLS_OVERLAP_S)
        state.actions.append(ReadFills(state.next_seq(), condition_id, since_s))


def ask(state: State, order: Tracked) -> None:
    """Reads one order by id, unless a read is out already or there is nothing left to know."""
    if not order.asking and (is_doubtful(order) or not order.done):
        order.asking = True
        state.actions.append(ReadOrder(state.next_seq(), order.order_id))


def ask_later(state: State, order: Tracked) -> None:
    state.later(Chore.ASK, order.order_id, _ASK_AGAIN_MS if order.absent_answers else _ASK_SOON_MS)


def is_doubtful(order: Tracked) -> bool:
    """Only the venue can say whether it lives, or how much of it was matched."""
    unsure = order.state in (OrderState.UNKNOWN, OrderState.PENDING_CANCEL)
    return unsure or (order.done and not order.final and order.exposure_micro > 0)
