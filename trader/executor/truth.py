"""What the venue says happened, applied to orders and inventory: the user stream, answers of the gateway, account reads.

Order events and trade events of one order may come in any order and more than once; the end state is the same.
"""

from __future__ import annotations

from trader.executor import balances, requests, sweep
from trader.executor.ledger import PHASE, Effect
from trader.executor.orders import Tracked
from trader.executor.state import Chore, Session, State
from trader.model.event import (
    Answer,
    CancelResult,
    Fill,
    FillsRead,
    OrderRead,
    OrderUpdate,
    Outcome,
    PlaceResult,
    TradeStatus,
    VenueStatus,
)
from trader.model.order import OrderState, OwnFill
from trader.model.units import SizeMicro, complement_bp

_ABSENT_ANSWERS, _ABSENT_NS = 3, 10_000_000_000      # design §7: before that, "not found" proves nothing
_REPEAT_MS = 250
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
    """One of our legs. Its side is that of our own order: frames do not always say it."""
    order, side = state.orders.get(fill.order_id), state.ledger.side_of(fill)
    if order is not None and side is None:
        side, fill = order.spec.side, _within(state, fill, order)
    if side is None or fill.size_micro <= 0:
        _on_foreign_fill(state, fill)
        return
    effect = state.ledger.apply(fill, side)
    if effect is not Effect.NOTHING:
        state.moved_seq[fill.token_id] = state.last_seq
    if order is not None and order.quarantined:
        state.later(Chore.BALANCES, "", balances.AGAIN_MS)
    if effect is Effect.LEG and order is not None:
        _on_new_leg(state, fill, order)


def _within(state: State, fill: Fill, order: Tracked) -> Fill:
    """A new leg as far as it can be true: in the order's own token, and no more than was left of it. A size of 0 is none of it."""
    spec = order.spec
    room_micro = max(0, spec.size_micro - order.traded_micro)
    if fill.token_id == spec.token_id and fill.size_micro <= room_micro:
        return fill
    state.counts["implausible_fills"] += 1
    state.warn(f"the venue reports {fill.size_micro / 1e6:g} of token {fill.token_id[:10]} for order {order.order_id[:10]}, of which "
               f"{room_micro / 1e6:g} of token {spec.token_id[:10]} were left; booked up to that, and balances are read again")
    state.later(Chore.BALANCES, "", balances.AGAIN_MS)
    return fill._replace(condition_id=spec.condition_id, token_id=spec.token_id, size_micro=min(fill.size_micro, SizeMicro(room_micro)))


def _on_new_leg(state: State, fill: Fill, order: Tracked) -> None:
    order.traded_micro += fill.size_micro                # also if it failed: that part of the order is gone
    if order.traded_micro >= order.spec.size_micro:
        state.orders.move(order, OrderState.FILLED, state.now.ns)
    what = f"{order.spec.side} {fill.size_micro / 1e6:g} at {fill.price_bp / 100:g} ¢ ({order.slot.kind})"
    if fill.status is TradeStatus.FAILED:
        state.warn(f"fill failed before it was reported: {what}")
    else:
        state.counts["fills"] += 1
        price_bp = fill.price_bp if order.spec.side is order.slot.side else complement_bp(fill.price_bp)
        state.last_fills.append(OwnFill(state.counts["fills"], state.now.ms, order.slot.side, order.slot.kind, price_bp, fill.size_micro))
        state.info(f"fill: {what}")


def _on_foreign_fill(state: State, fill: Fill) -> None:
    """Of an earlier run, or beyond what its order was for. Nobody can say whether the balances that we read held it already, so
    it is not booked: they are read again, with nothing open, before anything else is quoted."""
    key, phase = (fill.trade_id, fill.order_id), PHASE[fill.status]
    if state.foreign_phase.get(key, -1) >= phase:
        return
    state.foreign_phase[key] = phase
    state.moved_seq[fill.token_id] = state.last_seq
    state.counts["foreign_fills"] += 1
    if state.market is None or state.session is not Session.ACTIVE:
        return                                           # balances are read before quoting starts
    if fill.token_id in state.market.tokens:
        state.session, state.target = Session.ROLL, state.market
        sweep.begin(state, "foreign_fill", cools_down=False)
    else:
        state.later(Chore.BALANCES, "", balances.AGAIN_MS)      # it can only have changed our cash


def on_order_update(state: State, update: OrderUpdate) -> None:
    """The venue's word on one order: a stream event, a row of a listing, or the answer to a read by id."""
    order = state.orders.get(update.order_id)
    if order is None or (order.done and update.status is VenueStatus.LIVE and order.absent_answers):
        _foreign(state, update)
        return
    if order.quarantined:
        state.later(Chore.BALANCES, "", balances.AGAIN_MS)
    matched_micro = min(update.matched_micro, order.spec.size_micro)      # more than it was for, nobody could match
    if matched_micro > order.matched_micro:
        order.matched_micro = matched_micro
        state.orders.watch(order)
    if not order.done:
        order.absent_answers = order.absent_since_ns = 0
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
            order.cancel_asked_ns = 0                                        # the next cancel has an age of its own
    elif result.outcome is Outcome.NOT_FOUND and state.user_up:
        _count_absence(state, order)
    if requests.is_doubtful(order):
        requests.ask_later(state, order)


def on_fills_read(state: State, result: FillsRead) -> None:
    condition_id, seq = result.request.condition_id, result.request.seq
    state.reading_fills.discard(condition_id)
    if result.outcome is not Outcome.OK:
        return                                           # the next upkeep asks again
    if state.fills_wanted.get(condition_id, seq) < seq:
        del state.fills_wanted[condition_id]
    for fill in result.fills:
        on_fill(state, fill)
    if not state.ledger.unsettled():                     # an older trade may still have to be heard of
        state.fills_since_s[condition_id] = state.now.ms // 1000 - requests.FILLS_OVERLAP_S


def _on_placed(state: State, order: Tracked, answer: Answer) -> None:
    outcome = answer.outcome
    if outcome in _ERRORS:
        state.errors.append(state.now.ns)
        state.warn(f"place {outcome}: {answer.detail or 'no answer'}")
    if outcome is Outcome.OK:
        state.counts["acked"] += 1
        state.short_in_row = 0
        if order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN):
            _comes_alive(state, order)
    elif outcome in (Outcome.UNKNOWN, Outcome.DUPLICATE):
        state.counts["unknown"] += 1
        if order.state is OrderState.PENDING_NEW:           # otherwise the stream has said already that it lives, or how it ended
            _doubt(state, order)
    elif order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN) and not order.traded_micro:
        _refused(state, order, answer)
    elif order.state is OrderState.PENDING_NEW:
        _doubt(state, order)                                # refused, but a trade of it was shown
    else:
        requests.ask(state, order)                          # refused, but the stream knows it: let the venue say which


def _doubt(state: State, order: Tracked) -> None:
    """In doubt cancel, then ask."""
    state.orders.move(order, OrderState.UNKNOWN, state.now.ns)
    requests.cancel(state, [order.order_id])
    requests.ask_later(state, order)


def _refused(state: State, order: Tracked, answer: Answer) -> None:
    state.refusals[answer.outcome] += 1
    if answer.outcome is Outcome.VENUE_MODE:
        rest_ms = max(_HOLD_MS[Outcome.VENUE_MODE], answer.retry_after_ms)
        state.venue_mode, state.venue_mode_until_ns = answer.detail, state.now.ns + rest_ms * 1_000_000
    order.final = True
    state.orders.move(order, OrderState.REJECTED, state.now.ns)
    hold_ms = max(_HOLD_MS.get(answer.outcome, 0), answer.retry_after_ms)
    state.held_until_ns[order.slot] = state.now.ns + hold_ms * 1_000_000
    if answer.outcome is Outcome.INSUFFICIENT_BALANCE:
        balances.on_short(state)


def _comes_alive(state: State, order: Tracked) -> None:
    """A place of an older epoch that turns out to be live is cancelled at once: a cancel-all did not reach it."""
    state.orders.move(order, OrderState.WORKING, state.now.ns)
    if order.epoch < state.epoch:
        requests.cancel(state, [order.order_id])


def _count_absence(state: State, order: Tracked) -> None:
    order.absent_answers += 1
    order.absent_since_ns = order.absent_since_ns or state.now.ns
    if order.absent_answers >= _ABSENT_ANSWERS and state.now.ns - order.absent_since_ns >= _ABSENT_NS:
        order.final = True
        if not order.done:
            state.orders.move(order, OrderState.CANCELLED, state.now.ns)
            state.warn(f"order {order.order_id[:10]}… is not known to the venue: taken for never accepted")


def _foreign(state: State, update: OrderUpdate) -> None:
    """Live and not in our table, or believed dead. In a market of ours it is from an earlier run: cancel it. In any other it is
    somebody's business."""
    if update.status is not VenueStatus.LIVE:
        return
    state.counts["foreign_orders"] += 1
    ours = {market.condition_id for market in (state.market, state.target) if market is not None}
    if update.condition_id in ours or (state.sweep is not None and update.condition_id in state.sweep.markets):
        requests.cancel(state, [update.order_id])
