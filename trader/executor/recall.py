"""What an earlier run left behind, taken over before the first letter. Pure.

The journal says what to ask about; the venue has the last word. Orders that may still be open, or whose trades were not all shown,
are asked by id, trades since the last word of the journal are read, and balances replace our books when the market is taken up, as
at every start.
"""

from __future__ import annotations

from collections.abc import Iterator

from trader.executor import requests, sweep
from trader.executor.orders import Tracked
from trader.executor.state import State
from trader.model.cycle import Now
from trader.model.event import TradeStatus
from trader.model.order import DONE, Kind, OrderSpec, OrderState, Side, Slot
from trader.model.recall import Recalled, RecalledOrder, RecalledWindow

_DAY_MS = 86_400_000


def take_over(state: State, recalled: Recalled, now: Now) -> None:
    """Called once, on a new state."""
    state.now = now
    for window in recalled.windows:
        state.windows.open(window.market)
        if window.mid_bp is not None:
            state.windows.mark(window.market.condition_id, window.mid_bp)
        heard_ms = min((window.heard_ms, *_unsettled_ms(recalled, window)))
        state.fills_since_s[window.market.condition_id] = heard_ms // 1000 - requests.FILLS_OVERLAP_S
        state.fills_wanted[window.market.condition_id] = state.last_seq
    for leg in recalled.legs:
        if leg.side is not None:
            state.ledger.apply(leg, leg.side)
    state.ledger.count_from_here()
    for order in recalled.orders:
        _track(state, order)
    for window in recalled.windows:
        if window.winning_token is not None:
            state.windows.resolve(window.market.condition_id, window.winning_token)
    _cancel_what_was_left(state, recalled, now)
    state.latched = {latch.name: latch for latch in recalled.latches}
    state.day = now.ms // _DAY_MS
    state.forgiven_micro = recalled.forgiven_micro
    state.day_start_micro = state.windows.pnl().marked_micro - recalled.day_pnl_micro - recalled.forgiven_micro


def _cancel_what_was_left(state: State, recalled: Recalled, now: Now) -> None:
    """At once, not when the next window is found: it rests there without anybody's judgement. In windows that are open also what the
    journal does not know of."""
    unfinished = {order.spec.condition_id for order in recalled.orders if order.state not in DONE}
    followed = {window.market.condition_id for window in recalled.windows if window.market.close_ms > now.ms}
    state.placed_since_proof = bool(unfinished)
    if unfinished | followed:
        sweep.begin(state, "recalled", cools_down=False, also=tuple(sorted(unfinished | followed)))


def _unsettled_ms(recalled: Recalled, window: RecalledWindow) -> Iterator[int]:
    """When the trades were made of which it is not known whether they settled: they may be older than the last word of the journal."""
    for leg in recalled.legs:
        if leg.condition_id == window.market.condition_id and leg.status in (TradeStatus.MATCHED, TradeStatus.RETRYING) and leg.venue_ms:
            yield leg.venue_ms


def _track(state: State, recalled: RecalledOrder) -> None:
    """Its sender is dead: whether it arrived, and how much of one that has ended was matched, is the venue's to say."""
    spec = recalled.spec
    order = Tracked(recalled.order_id, spec, _slot_of(state, spec), state.epoch, state.now.ns)
    order.matched_micro = recalled.matched_micro
    order.traded_micro = state.ledger.traded_by(recalled.order_id)
    if recalled.state in DONE:
        order.state = recalled.state
        state.orders.add(order)
    else:
        state.orders.add(order)
        state.orders.move(order, OrderState.UNKNOWN, state.now.ns)
    if requests.is_doubtful(order):
        requests.ask_later(state, order)


def _slot_of(state: State, spec: OrderSpec) -> Slot:
    """Which quote it was is not written; what counts is the side that it moves us to."""
    windows = {result.market.condition_id: result.market for result in state.windows.results()}
    market = windows.get(spec.condition_id)
    is_yes = market is None or spec.token_id == market.yes_token
    bid = (spec.side is Side.BUY) is is_yes
    kind = Kind.REDUCE_SELL if spec.side is Side.SELL else Kind.OPEN_BUY if bid else Kind.COMPLEMENT_BUY
    return Slot(Side.BUY if bid else Side.SELL, 0, kind)
