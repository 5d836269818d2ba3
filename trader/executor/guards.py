"""Reasons to do less than the strategy wants. Each caps the mode and is named in stats and log; some start a cancel-all. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from trader.executor import sweep
from trader.executor.settings import ExecutorSettings
from trader.executor.state import Session, State
from trader.model.cycle import Guard, Latch, Now, View
from trader.model.heartbeat import BeatHealth
from trader.model.intent import Mode, Quote, QuoteIntent
from trader.model.market import Market
from trader.model.order import OrderState, Side
from trader.model.units import BP_PER_CENT, MICRO, complement_bp, notional_micro

_TEN_S_NS = 10_000_000_000
_PULSE_PERIODS = 5
_CLOSE_FRACTION = 120        # of the window: 30 s of an hour
_VENUE_SECOND_MS = 1000      # the resolution of its clock
_SWEEPING = "cancel_all"


class Limits(NamedTuple):
    """Thresholds that belong to other folders' settings; `app.py` copies them here."""

    book_stale_ms: int
    reference_stale_ms: int
    user_stale_ms: int
    stale_sweeps: bool           # feeds.on_stale: cancel_all (True) or pull by id (False)
    strategy_period_ms: int


def enforce(state: State, view: View, limits: Limits) -> None:
    """Finds what is in force now, notes entries and exits, starts the cancel-alls that entries ask for, sets the mode."""
    before, now_in_force = state.guards, {guard.name: guard for guard in _in_force(state, view, limits)}
    if before or now_in_force:                   # neither, as long as all is well
        _compare(state, before, now_in_force)
    state.guards = now_in_force
    state.mode = _mode(state)


def _compare(state: State, before: dict[str, Guard], now_in_force: dict[str, Guard]) -> None:
    for name, guard in now_in_force.items():
        if name not in before:
            _enter(state, guard)
    for name in before:
        if name not in now_in_force and name != _SWEEPING:
            state.info(f"guard {name} is over")
    state.happened |= now_in_force.keys() != before.keys()
    state.guard_since_ns = {name: state.guard_since_ns.get(name, state.now.ns) for name in now_in_force}


def _enter(state: State, guard: Guard) -> None:
    if guard.name != _SWEEPING:                  # a cancel-all has said so itself
        state.warn(f"guard {guard.name}: {guard.reason}; at most {guard.cap.name}")
    if guard.sweeps and state.placed_since_proof:
        sweep.begin(state, guard.name, cools_down=True)


def count_time(state: State, now: Now) -> None:
    """Adds the time since the last cycle to every guard that was in force in it."""
    for name in state.guards:
        state.guard_ns[name] += now.ns - state.settled_ns
    state.settled_ns = now.ns


def _mode(state: State) -> Mode:
    if state.session is not Session.ACTIVE or state.intent is None or state.market is None:
        return Mode.STOP
    mode = state.intent.mode if state.intent.condition_id == state.market.condition_id else Mode.STOP
    for guard in state.guards.values():
        mode = mode.capped(guard.cap)
    return mode


def _in_force(state: State, view: View, limits: Limits) -> Iterator[Guard]:
    """What cannot apply now is not even asked: this is looked at in every cycle."""
    if state.session is Session.ACTIVE:              # before the first book there is nothing to be stale
        yield from _feeds(state, view, limits)
    yield from _own_requests(state, view)
    if view.beat is not None:
        yield from _heartbeat(state, view.beat)
        yield from _clock_skew(state, view.beat)
    if state.now.ns < state.venue_mode_until_ns:     # what rests is pulled: in such hours cancels may be next to fail
        yield Guard("venue_mode", Mode.STOP, f"the venue takes no orders: {state.venue_mode}", False)
    if state.intent is not None and state.intent.quotes:
        yield from _fat_finger(state, view, state.intent)
    if state.market is not None:
        yield from _positions(state, state.market)
    yield from _day(state)
    if state.market is not None and state.session is Session.ACTIVE:
        yield from _near_close(state.market, state.now.ms)
    if state.paused is not None:
        yield Guard("paused", Mode.STOP, state.paused, True)
    if state.refused_for_good:
        yield Guard("credentials", Mode.STOP, state.refused_for_good, True)
    if view.journal_trouble:
        yield Guard("journal", Mode.STOP, view.journal_trouble, True)
    if view.crowded:
        yield Guard("inbox", Mode.STOP, f"more than {state.settings.inbox_limit} unread letters; look for a slow gateway", True)
    if state.sweep is not None:
        yield Guard(_SWEEPING, Mode.STOP, f"until it is verified that nothing is open ({state.sweep.reason})", False)
    elif state.now.ns < state.cooldown_until_ns:
        yield Guard("cooldown", Mode.STOP, "after a cancel-all", False)
    elif state.now.ns < state.caution_until_ns:
        yield Guard("caution", Mode.CAUTION, "after a cool-down", False)


def _feeds(state: State, view: View, limits: Limits) -> Iterator[Guard]:
    checks = (("book", view.book_health, limits.book_stale_ms, limits.stale_sweeps),
              ("reference", view.reference_health, limits.reference_stale_ms, limits.stale_sweeps))
    for name, health, stale_after_ms, sweeps in checks:
        reason = health.stale_reason(state.now.ns, stale_after_ms) if health else "not connected yet"
        if reason:
            yield Guard(f"{name}_stale", Mode.STOP, reason, sweeps)
    if view.book_health is not None and view.book_health.suspect:
        yield Guard("book_suspect", Mode.STOP, "differs from the venue's own top; being repaired", False)
    if view.book_health is not None and view.book_health.frozen is not None:
        yield Guard("book_frozen", Mode.STOP, view.book_health.frozen, limits.stale_sweeps)
    garbled = next((health.garbled for health in (view.book_health, view.reference_health, view.user_health)
                    if health is not None and health.garbled), None)
    if garbled is not None:
        yield Guard("garbled_frames", Mode.STOP, f"{garbled}; did the venue change its format?", True)
    yield from _user_feed(state, view, limits)
    yield from _pulse(state, view, limits)


def _user_feed(state: State, view: View, limits: Limits) -> Iterator[Guard]:
    reason = view.user_health.stale_reason(state.now.ns, limits.user_stale_ms) if view.user_health else "not connected yet"
    if reason or not state.user_up:
        yield Guard("user_feed", Mode.STOP, reason or "no answer from the user stream yet", True)


def _pulse(state: State, view: View, limits: Limits) -> Iterator[Guard]:
    age_ms = (state.now.ns - view.pulse.run_ns) // 1_000_000 if view.pulse else None
    if age_ms is not None and age_ms > _PULSE_PERIODS * limits.strategy_period_ms:
        yield Guard("strategy_stale", Mode.STOP, f"the strategy last ran {age_ms} ms ago", True)


def _own_requests(state: State, view: View) -> Iterator[Guard]:
    settings, now_ns = state.settings, state.now.ns
    for flight in view.flights:
        waited_ms = (now_ns - flight.sent_ns) // 1_000_000
        if flight.places and waited_ms > settings.place_unanswered_ms:
            yield Guard("place_unanswered", Mode.STOP, f"a place was sent {waited_ms} ms ago", True)
            break
    asked_ns = [o.cancel_asked_ns for o in state.orders.live() if o.cancel_asked_ns and o.state is OrderState.PENDING_CANCEL]
    oldest_ms = (now_ns - min(asked_ns)) // 1_000_000 if asked_ns else 0
    if oldest_ms > settings.cancel_unconfirmed_ms:
        yield Guard("cancel_unconfirmed", Mode.STOP, f"a cancel was asked {oldest_ms} ms ago", True)
    if _within_10s(state.errors, now_ns) >= settings.error_burst:
        yield Guard("error_burst", Mode.STOP, f"{len(state.errors)} requests refused or failed within 10 s", True)
    if _within_10s(state.places, now_ns) > settings.max_orders_10s:
        yield Guard("order_rate", Mode.STOP, f"{len(state.places)} orders within 10 s, at most max_orders_10s "
                    f"{settings.max_orders_10s}", True)


def _within_10s(times_ns: deque[int], now_ns: int) -> int:
    while times_ns and now_ns - times_ns[0] > _TEN_S_NS:
        times_ns.popleft()
    return len(times_ns)


def _heartbeat(state: State, beat: BeatHealth) -> Iterator[Guard]:
    """At 10 s the venue cancels by itself; we do it before, and quote again only when it hears us."""
    silent_ms = beat.silent_ms(state.now.ns)
    if state.session is not Session.ACTIVE or (silent_ms is not None and silent_ms < state.settings.heartbeat_ms):
        return
    since = "no beat was accepted yet" if silent_ms is None else f"the last accepted beat was sent {silent_ms} ms ago"
    yield Guard("heartbeat", Mode.STOP, f"{since} ({beat.reason})" if beat.reason else since, True)


def _clock_skew(state: State, beat: BeatHealth) -> Iterator[Guard]:
    """Ends a second below where it begins: the same clock is seen up to a second better or worse, as the venue's seconds fall."""
    skew_ms, limit_ms = beat.skew_ms or 0, state.settings.clock_skew_ms
    if abs(skew_ms) >= limit_ms or ("clock_skew" in state.guards and abs(skew_ms) > limit_ms - _VENUE_SECOND_MS):
        side = "ahead of" if skew_ms > 0 else "behind"
        yield Guard("clock_skew", Mode.STOP, f"this machine's clock is at least {abs(skew_ms)} ms {side} the venue's (clock_skew_ms is "
                    f"{limit_ms}); set it, by NTP for example", True)


def _fat_finger(state: State, view: View, intent: QuoteIntent) -> Iterator[Guard]:
    """What no market maker means to send, whatever its strategy says."""
    settings = state.settings
    if state.market is None or intent.condition_id != state.market.condition_id:
        return
    around_bp = intent.fair_bp if intent.fair_bp is not None else _mid_bp(view, state.market)
    for quote in intent.quotes:
        why = _too_much(quote, around_bp, settings)
        if why:
            yield Guard("fat_finger", Mode.STOP, f"the strategy wants to {quote.side} {quote.size_micro / MICRO:g} at "
                        f"{quote.price_bp / 100:g} ¢: {why}", True)
            return


def _too_much(quote: Quote, around_bp: int | None, settings: ExecutorSettings) -> str:
    bid = quote.side is Side.BUY
    cost_micro = notional_micro(quote.price_bp if bid else complement_bp(quote.price_bp), quote.size_micro)
    if quote.size_micro > settings.max_order_size * MICRO:
        return f"more than max_order_size {settings.max_order_size}"
    if cost_micro > settings.max_order_usd * MICRO:
        return f"${cost_micro / MICRO:,.2f}, more than max_order_usd {settings.max_order_usd}"
    through_bp = 0 if around_bp is None else (quote.price_bp - around_bp if bid else around_bp - quote.price_bp)
    if through_bp > settings.max_through_fair_cents * BP_PER_CENT:
        return f"{through_bp / 100:g} ¢ through the fair price, more than max_through_fair_cents {settings.max_through_fair_cents}"
    return ""


def _mid_bp(view: View, market: Market) -> int | None:
    if view.book is None or view.book.condition_id != market.condition_id:
        return None
    bid_bp, ask_bp = view.book.yes.bid_bp, view.book.yes.ask_bp
    return None if bid_bp is None or ask_bp is None else (bid_bp + ask_bp) // 2


def _day(state: State) -> Iterator[Guard]:
    """Latched: that a loss is earned back at the mid does not mean that whatever made it is over."""
    loss_micro = state.day_start_micro - state.pnl.marked_micro
    if loss_micro >= state.settings.daily_loss_usd * MICRO and "daily_loss" not in state.latched:
        reason = f"lost ${loss_micro / MICRO:,.2f} today, daily_loss_usd is {state.settings.daily_loss_usd}"
        state.latched["daily_loss"] = Latch("daily_loss", reason, state.now.ms)
    for latch in state.latched.values():
        yield Guard(latch.name, Mode.STOP, f"{latch.reason}; until `trader resume --force`", True)


def _near_close(market: Market, now_ms: int) -> Iterator[Guard]:
    """Also if the strategy overlooks it: nothing may be open when the window closes."""
    left_ms = market.close_ms - now_ms
    if left_ms <= market.window_ms // _CLOSE_FRACTION:
        yield Guard("near_close", Mode.STOP, f"the window closes in {left_ms} ms", False)


def _positions(state: State, market: Market) -> Iterator[Guard]:
    yes_micro, no_micro = state.ledger.effective(market.yes_token), state.ledger.effective(market.no_token)
    gross_micro, net_micro, caps = yes_micro + no_micro, yes_micro - no_micro, state.caps
    if gross_micro >= caps.gross_cap_micro:
        yield Guard("gross_cap", Mode.REDUCE_ONLY, f"gross {gross_micro // MICRO} of {state.settings.gross_cap} shares", False)
    if net_micro >= caps.max_position_micro:
        yield Guard("max_position", Mode.ONE_SIDED_SELL, f"net {net_micro // MICRO} shares", False)
    elif net_micro <= -caps.max_position_micro:
        yield Guard("max_position", Mode.ONE_SIDED_BUY, f"net {net_micro // MICRO} shares", False)
