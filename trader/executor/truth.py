"""What the venue says happened, applied to orders and inventory: the user stream, answers of the gateway, account reads.

Order events and trade events of one order may come in any order and more than once; the end state is the same.
"""

from __future__ import annotations

from trader.executor import requests
from trader.executor.orders import Tracked
from trader.executor.state import Chore, Session, State
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelResult,
    Fill,
    FillsRead,
    OrderRead,
    OrderUpdate,
    Outcome,
    PlaceResult,
    VenueStatus,
)
from trader.model.order import OrderState

_ABSENT_ANSWERS, _ABSENT_NS = 3, 10_000_000_000      # design §7: before that, "not found" proves nothing
_REPEAT_MS = 250
_FILLS_OVERLAP_S = 60

_ERRORS = frozenset({Outcome.UNKNOWN, Outcome.INSUFFICIENT_BALANCE, Outcome.INVALID, Outcome.AUTH})
_HOLD_MS = {                     # how long a slot rests after a refused place, so that a refusal is not repeated at 20 Hz
    Outcome.WOULD_CROSS: 100,
    Outcome.RATE_LIMITED: 250,
    Outcome.VENUE_MODE: 1000,
    Outcome.INSUFFICIENT_BALANCE: 1000,
    Outcome.INVALID: 1000,
    Outcome.MARKET_CLOSED: 1000,
    Outcome.AUTH: 5000,
}
_STATE_OF = {
    VenueStatus.FILLED: OrderState.FILLED,
    VenueStatus.CANCELLED: OrderState.CANCELLED,
    VenueStatus.EXPIRED: OrderState.EXPIRED,
    VenueStatus.REJECTED: OrderState.REJECTED,
}


def on_fill(state: State, fill: Fill) -> None:
    """One of our legs. Its side is the frame's or, better, our own order's."""
    order = state.orders.get(fill.order_id)
    side = order.spec.side if order else fill.side
    if side is None:
        state.counts["foreign_fills"] += 1               # not an order of this run, and the frame does not say: read balances
        state.later(Chore.BALANCES, "", _REPEAT_MS)
        return
    if not state.ledger.apply(fill, side):
        return
    state.counts["fills"] += 1
    state.last_fill_seq = state.last_seq
    if order is not None:
        order.traded_micro += fill.size_micro
        if order.traded_micro >= order.spec.size_micro:
            state.orders.move(order, OrderState.FILLED, state.now.ns)
    state.info(f"fill: {side} {fill.size_micro / 1e6:g} at {fill.price_bp / 100:g} ¢ ({order.slot.kind if order else 'earlier run'})")


def on_order_update(state: State, update: OrderUpdate) -> None:
    """The venue's word on one order: a stream event, a row of a listing, or the answer to a read by id."""
    order = state.orders.get(update.order_id)
    if order is None or (order.done and update.status is VenueStatus.LIVE and order.absent_answers):
        _foreign(state, update)
        return
    order.matched_micro = max(order.matched_micro, update.matched_micro)
    if update.status is not VenueStatus.LIVE:
        order.final = True
        state.orders.move(order, _STATE_OF[update.status], state.now.ns)
    elif order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN):
        _comes_alive(state, order)


def on_place_result(state: State, result: PlaceResult) -> None:
    for answer in result.answers:
        order = state.orders.get(answer.order_id)
        if order is not None:
            _on_placed(state, order, answer)


def on_cancel_result(state: State, result: CancelResult) -> None:
    """OK: it is dead. Not found: it was dead before, and must be asked how. Anything else: cancel again."""
    for answer in result.answers:
        order = state.orders.get(answer.order_id)
        if order is None or order.done:
            continue
        order.cancelling = False
        if answer.outcome is Outcome.OK:
            requests.cancelled(state, order)
        elif answer.outcome is Outcome.NOT_FOUND:
            requests.ask(state, order)
        else:
            state.later(Chore.CANCEL, order.order_id, max(_REPEAT_MS, answer.retry_after_ms))


def on_order_read(state: State, result: OrderRead) -> None:
    order = state.orders.get(result.request.order_id)
    if order is None:
        return
    order.asking = False
    if result.order is not None:
        on_order_update(state, result.order)
        if order.state is OrderState.PENDING_CANCEL and not order.cancelling:
            state.orders.move(order, OrderState.WORKING, state.now.ns)       # the cancel was refused: it is alive
    elif result.outcome is Outcome.NOT_FOUND and state.user_up:
        _count_absence(state, order)
    if requests.is_doubtful(order):
        requests.ask_later(state, order)


def on_fills_read(state: State, result: FillsRead) -> None:
    state.reading_fills = False
    if result.outcome is not Outcome.OK:
        return                                           # the next upkeep asks again
    state.fills_wanted = False
    state.fills_since_s = state.now.ms // 1000 - _FILLS_OVERLAP_S
    for fill in result.fills:
        on_fill(state, fill)


def on_balances_read(state: State, result: BalancesRead) -> None:
    """Believed only if no trade moved them meanwhile; while a market is taken up nothing is placed before they are known."""
    state.reading_balances = False
    wanted = state.market is not None and set(result.request.token_ids) == set(state.market.tokens)
    quiet = not state.ledger.unsettled() and state.last_fill_seq < result.request.seq
    fresh = state.session is Session.ADOPT and all(state.ledger.effective(t) == 0 for t in result.request.token_ids)
    if result.outcome is not Outcome.OK or not wanted or not (quiet or fresh):
        state.later(Chore.BALANCES, "", _REPEAT_MS if state.session is Session.ADOPT else 1000)
        return
    cash_micro = result.cash_micro if quiet else state.ledger.cash_micro
    if not quiet:
        state.later(Chore.BALANCES, "", 1000)            # cash of the last window is still on its way
    state.ledger.correct(cash_micro, result.tokens_micro)
    if state.session is Session.ADOPT:
        state.session = Session.ACTIVE
        state.info(f"quoting starts: cash ${state.ledger.cash_micro / 1e6:,.2f}")


def _on_placed(state: State, order: Tracked, answer: Answer) -> None:
    outcome = answer.outcome
    if outcome in _ERRORS:
        state.errors.append(state.now.ns)
        state.warn(f"place {outcome}: {answer.detail or 'no answer'}")
    if outcome is Outcome.OK:
        state.counts["acked"] += 1
        if order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN):
            _comes_alive(state, order)
    elif outcome in (Outcome.UNKNOWN, Outcome.DUPLICATE):
        state.counts["unknown"] += 1
        if state.orders.move(order, OrderState.UNKNOWN, state.now.ns):
            requests.cancel(state, [order.order_id])        # in doubt cancel, then ask
            requests.ask_later(state, order)
    else:
        state.refusals[outcome] += 1
        order.final = True
        state.orders.move(order, OrderState.REJECTED, state.now.ns)
        hold_ms = max(_HOLD_MS.get(outcome, 0), answer.retry_after_ms)
        state.held_until_ns[order.slot] = state.now.ns + hold_ms * 1_000_000
        if outcome is Outcome.INSUFFICIENT_BALANCE:
            state.later(Chore.BALANCES, "", 0)


def _comes_alive(state: State, order: Tracked) -> None:
    """A place of an older epoch that turns out to be live is cancelled at once: a cancel-all did not reach it."""
    state.orders.move(order, OrderState.WORKING, state.now.ns)
    if order.epoch < state.epoch:
        requests.cancel(state, [order.order_id])


def _count_absence(state: State, order: Tracked) -> None:
    order.absent_answers += 1
    order.absent_since_ns = order.absent_since_ns or state.now.ns
    if order.absent_answers >= _ABSENT_ANSWERS and state.now.ns - order.absent_since_ns >= _ABSENT_NS:
        state.orders.move(order, OrderState.CANCELLED, state.now.ns)
        order.final = True
        state.warn(f"order {order.order_id[:10]}… is not known to the venue: taken for never accepted")


def _foreign(state: State, update: OrderUpdate) -> None:
    """Live in a market that is ours and not in our table: from an earlier run, or believed dead. Cancel it."""
    ours = state.market is not None and update.condition_id == state.market.condition_id
    rolling = state.target is not None and update.condition_id == state.target.condition_id
    if update.status is VenueStatus.LIVE and (ours or rolling or state.sweep is not None):
        state.counts["foreign_orders"] += 1
        requests.cancel(state, [update.order_id])
