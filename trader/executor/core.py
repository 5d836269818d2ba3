"""The executor's decisions: `step` for each event, `settle` once a cycle. No clock, no thread, no I/O (design §7)."""

from __future__ import annotations

from trader.executor import balances, flatten, guards, reconcile, refused_key, requests, sweep, truth
from trader.executor.legs import Leg, legs_of
from trader.executor.planner import plan
from trader.executor.state import Chore, Session, State
from trader.model.cycle import Now, View
from trader.model.event import (
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    Command,
    Control,
    ExecutorEvent,
    Fill,
    FillsRead,
    MailWaiting,
    MarketChange,
    MarketResolved,
    OpenOrdersRead,
    OrderRead,
    OrderUpdate,
    PlaceResult,
    UserFeedDown,
    UserFeedUp,
)
from trader.model.intent import QuoteIntent
from trader.model.market import Market
from trader.model.order import OrderState
from trader.model.units import MICRO

_DAY_MS = 86_400_000
_LAPSE_MS = 10_000           # the venue's own limit


def step(state: State, event: ExecutorEvent | QuoteIntent, now: Now) -> None:
    """Applies one letter. What follows from it is decided once a cycle, in `settle`, except what must not wait."""
    state.now = now
    if isinstance(event, QuoteIntent):
        state.intent = event
        return
    refused_key.hear(state, event)
    match event:
        case Fill():
            truth.on_fill(state, event)
        case OrderUpdate():
            truth.on_order_update(state, event)
        case PlaceResult():
            truth.on_place_result(state, event)
        case CancelResult():
            truth.on_cancel_result(state, event)
        case CancelMarketResult():
            sweep.on_cancel_market(state, event)
        case OpenOrdersRead():
            for row in event.orders:
                truth.on_order_update(state, row)
            sweep.on_listing(state, event)
            reconcile.on_listing(state, event)
        case OrderRead():
            truth.on_order_read(state, event)
        case FillsRead():
            truth.on_fills_read(state, event)
        case BalancesRead():
            balances.on_read(state, event)
        case UserFeedUp():
            _on_user_up(state, event)
        case UserFeedDown():
            _on_user_down(state, event)
        case MarketChange():
            _on_market_change(state, event.market)
        case MarketResolved():
            _on_market_resolved(state, event)
        case Control():
            _on_control(state, event)
        case MailWaiting():
            pass                                 # the role has taken the intent already


def settle(state: State, view: View, now: Now, limits: guards.Limits) -> None:
    """Once a cycle: what is due, which guards are in force, whether a cancel-all is complete, and what to place and cancel."""
    guards.count_time(state, now)
    state.now = now
    state.orders.close_finished()
    while (chore := state.due()) is not None:
        _do(state, *chore)
    if reconcile.upkeep(state):
        _mark(state, view)
    _look_at_heartbeat(state, view)
    guards.enforce(state, view, limits)
    if sweep.advance(state):
        _after_sweep(state)
    if state.sweep is None and state.session is Session.ACTIVE:
        _replan(state, view)
        flatten.advance(state, view)


def _look_at_heartbeat(state: State, view: View) -> None:
    """After a silence of ten seconds the venue may have cancelled everything: every order is unknown until it was asked."""
    beat = view.beat
    if beat is None:
        return
    lapses = beat.lapses + ((beat.silent_ms(state.now.ns) or 0) >= _LAPSE_MS)
    if lapses > state.lapses:
        for order in state.orders.live():
            if order.state is OrderState.WORKING:
                state.orders.move(order, OrderState.UNKNOWN, state.now.ns)
                requests.ask_later(state, order)
        sweep.begin(state, "heartbeat_lapsed", cools_down=True)
    state.lapses = max(state.lapses, lapses)


def _mark(state: State, view: View) -> None:
    """Once a second: what the live market is worth, as long as its book has two sides, and what that makes of our day."""
    market, book = state.market, view.book
    if market is not None and book is not None and book.condition_id == market.condition_id:
        bid_bp, ask_bp = book.yes.bid_bp, book.yes.ask_bp
        if bid_bp is not None and ask_bp is not None:
            state.windows.mark(market.condition_id, (bid_bp + ask_bp) // 2)
    state.pnl = state.windows.pnl()
    day = state.now.ms // _DAY_MS
    if day != state.day:
        state.day, state.day_start_micro, state.forgiven_micro = day, state.pnl.marked_micro, 0


def _replan(state: State, view: View) -> None:
    """The newest intent always takes effect in the end: whatever held a slot up, the next cycle compares again."""
    market, intent = state.market, state.intent
    if market is None:
        return
    legs, have = list[Leg](), state.holdings()
    if intent is not None and intent.condition_id == market.condition_id:
        legs, state.residual_micro = legs_of(intent.quotes, state.mode, market, have, state.caps)
    if not legs and not state.orders:
        return
    book = view.book.yes if view.book is not None and view.book.condition_id == market.condition_id else None
    held = frozenset(slot for slot, until_ns in state.held_until_ns.items() if until_ns > state.now.ns)
    exposed = (order for order in state.orders.exposed() if order.spec.condition_id == market.condition_id)
    wanted = plan(legs, state.orders.live(), exposed, have, state.caps, book, held, state.settings.grow_step * MICRO)
    requests.cancel(state, [order.order_id for order in wanted.cancel])
    for start in range(0, len(wanted.place), state.rules.max_batch):
        requests.place(state, market, wanted.place[start : start + state.rules.max_batch])


def _do(state: State, chore: Chore, key: str) -> None:
    """One chore whose deadline has come. Each first looks whether it still matters."""
    order = state.orders.get(key)
    match chore:
        case Chore.ASK if order is not None:
            requests.ask(state, order)
        case Chore.CANCEL if order is not None and not order.done and not order.cancelling:
            requests.cancel(state, [key])
        case Chore.CANCEL_MARKET:
            sweep.repeat_cancel_market(state, key)
        case Chore.LIST:
            sweep.repeat_listing(state, key)
        case Chore.BALANCES:
            requests.read_balances(state)


def _on_user_up(state: State, event: UserFeedUp) -> None:
    """Nothing is replayed: after a return, cancel everything again and read what was missed."""
    if event.generation <= state.user_down_generation or state.session is Session.STOPPED:
        return                                   # "down" travels faster: this connection has ended already
    returned = state.user_generation > 0
    state.user_up, state.user_generation = True, event.generation
    if not returned:
        return
    if state.market is not None:
        sweep.begin(state, "user_feed_returned", cools_down=True)
    for condition_id in reconcile.doubtful_markets(state):
        requests.want_fills(state, condition_id)


def _on_user_down(state: State, event: UserFeedDown) -> None:
    state.user_up, state.user_down_generation = False, event.generation
    for order in state.orders.live():
        order.absent_answers = order.absent_since_ns = 0         # absence only counts while the stream would contradict it


def _on_market_change(state: State, target: Market | None) -> None:
    """Cancel and verify, in both markets: in the new one an earlier run may have left something."""
    if state.session in (Session.STOPPING, Session.STOPPED):
        return
    if state.session is not Session.ROLL and _same(target, state.market):
        state.market = target                    # same market, new tick or minimum size
        return
    state.session, state.target = Session.ROLL, target
    sweep.begin(state, "boot" if state.market is None else "roll", cools_down=False,
                also=(target.condition_id,) if target else ())


def _on_market_resolved(state: State, event: MarketResolved) -> None:
    result = state.windows.resolve(event.condition_id, event.winning_token)
    if result is not None:
        state.info(f"{result.market.slug} ended {'YES' if result.pays_bp else 'NO'}: {_signed_usd(result.pnl_micro)}; "
                   f"all windows with an outcome: {_signed_usd(state.windows.pnl().settled_micro)}")


def _signed_usd(micro: int) -> str:
    return f"{'-' if micro < 0 else '+'}${abs(micro) / MICRO:,.2f}"


def _same(one: Market | None, other: Market | None) -> bool:
    return one is not None and other is not None and one.condition_id == other.condition_id


def _on_control(state: State, control: Control) -> None:
    match control.command:
        case Command.STOP:
            if state.session not in (Session.STOPPING, Session.STOPPED):
                state.session = Session.STOPPING
                sweep.begin(state, "stop", cools_down=False)
        case Command.CANCEL_ALL:
            sweep.begin(state, "command", cools_down=True)
        case Command.PAUSE:
            state.paused = control.reason
        case Command.FLATTEN:
            state.paused = control.reason
            flatten.begin(state)
        case Command.RESUME:
            state.paused = state.flatten = None
            if state.latched:
                state.warn(f"still stopped by {', '.join(state.latched)}: only `trader resume --force` ends that")
        case Command.FORCE_RESUME:
            _force_resume(state)


def _force_resume(state: State) -> None:
    """Ends what is latched. The day's loss is forgiven: the next one counts from here."""
    state.paused = state.flatten = None
    for name in state.latched:
        state.warn(f"guard {name} is ended by force")
    state.latched.clear()
    state.forgiven_micro += state.day_start_micro - state.pnl.marked_micro
    state.day_start_micro = state.pnl.marked_micro


def _after_sweep(state: State) -> None:
    if state.session is Session.STOPPING:
        state.session = Session.STOPPED
    elif state.session is Session.ROLL:
        _adopt(state)


def _adopt(state: State) -> None:
    """Nothing is open anywhere: from here on the target is our market. Placing waits until we know what we hold in it."""
    if state.target is not None and not _same(state.target, state.market):
        state.counts["windows"] += 1
        state.foreign_phase.clear()
    state.market, state.target = state.target, None
    state.held_until_ns.clear()
    if state.market is None:
        state.session = Session.BOOT
        return
    state.session = Session.ADOPT
    state.windows.open(state.market)
    reconcile.adopt(state, state.market)
    requests.read_balances(state)
    state.info(f"market: {state.market.slug}")


