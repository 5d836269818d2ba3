"""Our books against the venue's: what the user stream may have failed to say is found and repaired here (design §7). Pure."""

from __future__ import annotations

from trader.executor import requests
from trader.executor.state import Session, State
from trader.model.action import ReadOpenOrders
from trader.model.event import OpenOrdersRead, Outcome, VenueStatus
from trader.model.market import Market
from trader.model.order import OrderState

_UPKEEP_NS = 1_000_000_000
_COMPARE_NS = 5_000_000_000
_TRADES_LATE_NS = 2_000_000_000      # an order ended this long ago and its trades were not shown: read them


def upkeep(state: State) -> bool:
    """Once a second the trades that are overdue; every five a listing to compare with, and trades that do not settle.
    True when it was time for it."""
    if state.now.ns < state.upkeep_ns:
        return False
    state.happened = True
    state.upkeep_ns = state.now.ns + _UPKEEP_NS
    if state.now.ns >= state.reconcile_ns:
        state.reconcile_ns = state.now.ns + _COMPARE_NS
        _compare(state)
    late = {o.spec.condition_id for o in state.orders.exposed() if o.done and state.now.ns - o.changed_ns > _TRADES_LATE_NS}
    for condition_id in sorted(late | state.fills_wanted.keys()):
        requests.read_fills(state, condition_id)
    state.orders.forget(state.now.ns)
    return True


def _compare(state: State) -> None:
    for condition_id in sorted({leg.condition_id for leg in state.ledger.unsettled()}):
        requests.read_fills(state, condition_id)
    if state.session is Session.ACTIVE and state.sweep is None and state.market is not None:
        seq = state.next_seq()
        state.reconcile_asked = (seq, state.now.ns)
        state.actions.append(ReadOpenOrders(seq, state.market.condition_id))


def on_listing(state: State, result: OpenOrdersRead) -> None:
    """Orders that worked before the listing was asked for and are not in it are asked by id: a list alone is no proof. Those that
    had ended before and are in it still are cancelled once more: an answer that called them dead was wrong, or this list is old."""
    seq, asked_ns = state.reconcile_asked
    if result.request.seq != seq or result.outcome is not Outcome.OK:
        return
    listed = {row.order_id for row in result.orders}
    for order in state.orders.live():
        if order.state is OrderState.WORKING and order.changed_ns < asked_ns and order.order_id not in listed:
            state.counts["missing_in_listing"] += 1
            requests.ask(state, order)
    undead = [row.order_id for row in result.orders if row.status is VenueStatus.LIVE and _ended_before(state, row.order_id, asked_ns)]
    if undead:
        state.counts["listed_after_end"] += len(undead)
        requests.cancel(state, undead)


def _ended_before(state: State, order_id: str, asked_ns: int) -> bool:
    order = state.orders.get(order_id)
    return order is not None and order.done and order.changed_ns < asked_ns and not order.absent_answers


def doubtful_markets(state: State) -> list[str]:
    """Where something of ours may have happened unseen: the live market, and those with orders or trades not at their end."""
    markets = {order.spec.condition_id for order in state.orders.exposed()}
    markets |= {leg.condition_id for leg in state.ledger.unsettled()}
    markets |= {state.market.condition_id} if state.market else set()
    return sorted(markets)


def adopt(state: State, market: Market) -> None:
    """Forgets what no late message can touch any more, and notes from when trades of the new market matter."""
    keep = {*doubtful_markets(state), *state.fills_wanted}
    state.fills_since_s = {condition_id: since_s for condition_id, since_s in state.fills_since_s.items() if condition_id in keep}
    state.fills_since_s.setdefault(market.condition_id, state.now.ms // 1000 - requests.FILLS_OVERLAP_S)
    state.ledger.forget(market.tokens, state.orders)
    if not state.reading_balances:
        state.moved_seq.clear()                          # the next read is asked for after all of these
