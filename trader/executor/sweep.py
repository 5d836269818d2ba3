"""Cancel-all: preempts everything, may be repeated, and ends only with proof (design §7).

It raises the epoch, so that queued places are shed and one that leaves anyway is cancelled when its answer arrives. It ends
when every order has a known end *and* two listings in a row, both sent after the last such end, show nothing. While the
market is neither left nor the session ended, an order in quarantine does not hold it up (docs/decisions/0005).
"""

from __future__ import annotations

from trader.executor import requests
from trader.executor.orders import Tracked
from trader.executor.state import Chore, Session, State, Sweep
from trader.model.action import CancelMarket, ReadOpenOrders
from trader.model.cycle import RaiseEpoch
from trader.model.event import CancelMarketResult, OpenOrdersRead, Outcome, VenueStatus
from trader.model.order import OrderState
from trader.model.units import MICRO

_REPEAT_MS = 250             # after a cancel or a listing that did not work
_PROOF = 2                   # empty listings in a row
_SCHEDULED = 0               # in place of a request's number: the next listing waits for its deadline


def begin(state: State, reason: str, *, cools_down: bool, also: tuple[str, ...] = ()) -> None:
    """Starts over if one is running: whoever asks wants it proved from now on."""
    before = state.sweep
    ours = (state.market.condition_id,) if state.market else ()
    markets = tuple(dict.fromkeys((*(before.markets if before else ()), *ours, *also)))
    state.sweep = Sweep(reason, markets, cools_down or (before is not None and before.cools_down), state.now.ns)
    state.cancel_alls[reason] += 1
    state.epoch += 1
    state.actions.append(RaiseEpoch(state.epoch))
    for condition_id in markets:
        state.actions.append(CancelMarket(state.next_seq(), condition_id))
    requests.cancel(state, [o.order_id for o in state.orders.live() if o.state is not OrderState.PENDING_NEW])
    (state.warn if cools_down else state.info)(f"cancel-all: {reason}")


def advance(state: State) -> bool:
    """Does what can be done now. True when this call completed the sweep."""
    sweep = state.sweep
    if sweep is None:
        return False
    live = list(state.orders.live())
    requests.cancel(state, [o.order_id for o in live if o.state is OrderState.WORKING and not o.cancelling])
    if any(order for order in live if _holds_up(state, order)):
        return False                                     # listings sent now would prove nothing
    for condition_id in sweep.markets:
        if sweep.empty[condition_id] < _PROOF and condition_id not in sweep.listing:
            _list(state, sweep, condition_id)
    if any(count < _PROOF for count in sweep.empty.values()):
        return False
    _complete(state, sweep)
    return True


def _holds_up(state: State, order: Tracked) -> bool:
    """One in quarantine does, too, if the session ends or its market is being left."""
    if not order.quarantined or state.session is Session.STOPPING:
        return True
    here = state.market is not None and order.spec.condition_id == state.market.condition_id
    return state.session is Session.ROLL and here and state.target != state.market


def unproved(state: State) -> str:
    """For the end of a run: what nobody confirmed, order by order; empty when everything is proved."""
    if state.session is Session.STOPPED:
        return ""
    orders = [f"{order.order_id} {order.spec.side} {order.remaining_micro / MICRO:g} at {order.spec.price_bp / 100:g} ¢ of token "
              f"{order.spec.token_id} ({order.state})" for order in state.orders.live()]
    unlisted = [condition_id for condition_id, count in state.sweep.empty.items() if count < _PROOF] if state.sweep is not None else []
    return "; ".join([*orders, *(f"no listing showed market {condition_id} empty" for condition_id in unlisted)])


def on_listing(state: State, result: OpenOrdersRead) -> None:
    """Counts as proof if this sweep asked for it; the caller has applied the rows. Any open one starts the proof over."""
    sweep, condition_id = state.sweep, result.request.condition_id
    if sweep is None or sweep.listing.get(condition_id) != result.request.seq:
        return                                               # asked for by an earlier sweep: proves nothing now
    is_open = [row.order_id for row in result.orders if row.status is VenueStatus.LIVE and row.condition_id == condition_id]
    if result.outcome is Outcome.OK and not is_open:
        sweep.empty[condition_id] += 1
        del sweep.listing[condition_id]
    else:
        sweep.empty = dict.fromkeys(sweep.markets, 0)
        sweep.listing[condition_id] = _SCHEDULED
        state.later(Chore.LIST, condition_id, _REPEAT_MS)
        requests.cancel(state, [order_id for order_id in is_open if _believed_dead(state, order_id)])


def on_cancel_market(state: State, result: CancelMarketResult) -> None:
    if result.outcome is not Outcome.OK and state.sweep is not None:
        delay_ms = max(_REPEAT_MS, result.retry_after_ms)
        state.later(Chore.CANCEL_MARKET, result.request.condition_id, delay_ms)
    for order_id in result.cancelled:
        order = state.orders.get(order_id)
        if order is not None:
            requests.cancelled(state, order)


def repeat_cancel_market(state: State, condition_id: str) -> None:
    if state.sweep is not None and condition_id in state.sweep.markets:
        state.actions.append(CancelMarket(state.next_seq(), condition_id))


def repeat_listing(state: State, condition_id: str) -> None:
    """The next `advance` lists again, unless an order came to life meanwhile."""
    if state.sweep is not None and state.sweep.listing.get(condition_id) == _SCHEDULED:
        del state.sweep.listing[condition_id]


def _believed_dead(state: State, order_id: str) -> bool:
    order = state.orders.get(order_id)
    return order is not None and order.done


def _list(state: State, sweep: Sweep, condition_id: str) -> None:
    sweep.listing[condition_id] = seq = state.next_seq()
    state.actions.append(ReadOpenOrders(seq, condition_id))


def _complete(state: State, sweep: Sweep) -> None:
    took_ms = (state.now.ns - sweep.started_ns) // 1_000_000
    state.info(f"cancel-all verified after {took_ms} ms: nothing is open ({sweep.reason})")
    state.sweep = None
    state.placed_since_proof = len(state.orders) > 0     # those in quarantine
    if sweep.cools_down:
        state.cooldown_until_ns = state.now.ns + state.settings.cooldown_ms * 1_000_000
        state.caution_until_ns = state.cooldown_until_ns + state.settings.caution_ms * 1_000_000
