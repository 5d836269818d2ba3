"""What a cycle changes in the tables that people read: cycle in, statements out. Pure but for what was in force before.

Owner: the journal's thread. Orders change where the executor says so (`Cycle.moves`); the letters of the same cycle say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trader.journal.codec import encode_by_name
from trader.model.action import PlaceOrders
from trader.model.cycle import Cycle, Guard, Latch, Letter
from trader.model.event import (
    CancelMarketResult,
    CancelResult,
    Fill,
    FillsRead,
    MarketChange,
    MarketResolved,
    OpenOrdersRead,
    OrderRead,
    OrderUpdate,
    Outcome,
    PlaceResult,
    TradeStatus,
)
from trader.model.market import Market
from trader.model.order import OrderState

# Of two reports on one trade the one of the higher phase counts, in whatever order they come.
PHASE = {TradeStatus.MATCHED: 0, TradeStatus.RETRYING: 1, TradeStatus.MINED: 2, TradeStatus.CONFIRMED: 3, TradeStatus.FAILED: 4}


_ACTIVE = "active"           # of executor.state.Session
_DAY_MS = 86_400_000


class Statement(NamedTuple):
    sql: str
    values: tuple[Any, ...]


_ORDER = """INSERT OR IGNORE INTO orders (order_id, run_id, condition_id, token_id, side, price_bp, size_micro, seq, epoch,
    placed_ms, placed_ns, state, why, changed_ms, changed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)"""
_SPEC = "INSERT OR IGNORE INTO open_specs VALUES (?, ?)"
_CLOSED = "DELETE FROM open_specs WHERE order_id = ?"         # kept for as long as a start may have to ask about the order
_MOVE = "UPDATE orders SET state = ?, why = ?, changed_ms = ?, changed_ns = ? WHERE order_id = ?"
_MATCHED = "UPDATE orders SET matched_micro = ? WHERE order_id = ? AND matched_micro < ?"
_FILL = """INSERT INTO fills (trade_id, order_id, run_id, condition_id, token_id, side, price_bp, size_micro, fee_micro, status, phase,
    venue_ms, traded_ms, heard_ms, heard_ns, changed_ms, changed_ns)
    VALUES (?, ?, ?, ?, ?, coalesce((SELECT side FROM orders WHERE order_id = ?), ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET status = excluded.status, phase = excluded.phase, changed_ms = excluded.changed_ms,
    changed_ns = excluded.changed_ns WHERE excluded.phase > phase"""
_WINDOW = """INSERT INTO windows (condition_id, slug, yes_token, no_token, open_ms, close_ms, market, taken_up_ms, taken_up_ns, heard_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET market = excluded.market"""
_RESOLVED = "UPDATE windows SET winning_token = ?, resolved_ms = ?, resolved_ns = ? WHERE condition_id = ? AND winning_token IS NULL"
_HEARD = "UPDATE windows SET heard_ms = ?, mid_bp = coalesce(?, mid_bp), mid_ms = coalesce(?, mid_ms) WHERE condition_id = ?"
_FORGIVEN = "INSERT OR REPLACE INTO days VALUES (?, ?)"
_ENTERED = "INSERT INTO guards (run_id, name, cap, reason, entered_ms, entered_ns) VALUES (?, ?, ?, ?, ?, ?)"
_LEFT = "UPDATE guards SET left_ms = ?, left_ns = ? WHERE run_id = ? AND name = ? AND left_ms IS NULL"
_MODE = "INSERT INTO modes (run_id, mode, session, since_ms, since_ns) VALUES (?, ?, ?, ?, ?)"
_LATCHED = "INSERT OR IGNORE INTO latches (name, reason, since_ms, run_id) VALUES (?, ?, ?, ?)"
_CLEARED = "UPDATE latches SET cleared_ms = ? WHERE name = ? AND since_ms = ?"


class Projection:
    """Of one run. `latches`: those that an earlier run left, not cleared. `forgiven_micro`: of the day's loss, by then."""

    def __init__(self, run_id: str, latches: Iterable[Latch], forgiven_micro: int = 0) -> None:
        self._run_id = run_id
        self._guards: dict[str, Guard] = {}
        self._latches, self._forgiven_micro = frozenset(latches), forgiven_micro
        self._mode: tuple[str, str] = ("", "")
        self._live: Market | None = None
        self._mid: tuple[int, int] | None = None     # of YES, and its wall time: of the live market since the last `marks`

    def rows(self, cycle: Cycle) -> Iterator[Statement]:
        for letter in cycle.letters:
            yield from self._letter(letter, cycle)
        for action in cycle.actions:
            if isinstance(action, PlaceOrders):
                yield from self._placed(action, cycle)
        if cycle.moves:
            yield from self._moved(cycle)
        yield from (Statement(_CLOSED, (order_id,)) for order_id in cycle.closed)
        yield from self._restrictions(cycle)
        yield from self._forgiven_today(cycle)
        self._look_at_book(cycle)

    def marks(self, cycle: Cycle) -> Iterator[Statement]:
        """Once a group, behind its last cycle: how far the live market was followed, and its mid."""
        if self._live is not None:
            mid_bp, mid_ms = self._mid or (None, None)
            yield Statement(_HEARD, (cycle.now.ms, mid_bp, mid_ms, self._live.condition_id))
            self._mid = None

    def _letter(self, letter: Letter, cycle: Cycle) -> Iterator[Statement]:
        match letter:
            case Fill():
                yield self._fill(letter, cycle)
            case FillsRead():
                for fill in letter.fills:
                    yield self._fill(fill, cycle)
            case MarketChange():
                yield from self._market(letter.market, cycle)
            case MarketResolved():
                yield Statement(_RESOLVED, (letter.winning_token, cycle.now.ms, cycle.now.ns, letter.condition_id))
            case _:
                for update in _updates(letter):
                    if update.matched_micro:
                        yield Statement(_MATCHED, (update.matched_micro, update.order_id, update.matched_micro))

    def _fill(self, fill: Fill, cycle: Cycle) -> Statement:
        """Its side is that of our own order: frames do not always say it."""
        side = None if fill.side is None else fill.side.value
        return Statement(_FILL, (
            fill.trade_id, fill.order_id, self._run_id, fill.condition_id, fill.token_id, fill.order_id, side, fill.price_bp,
            fill.size_micro, fill.fee_micro, fill.status.value, PHASE[fill.status], fill.venue_ms, fill.venue_ms or cycle.now.ms,
            cycle.now.ms, cycle.now.ns, cycle.now.ms, cycle.now.ns))

    def _market(self, market: Market | None, cycle: Cycle) -> Iterator[Statement]:
        self._live, self._mid = market, None
        if market is not None:
            yield Statement(_WINDOW, (
                market.condition_id, market.slug, market.yes_token, market.no_token, market.open_ms, market.close_ms,
                encode_by_name(market), cycle.now.ms, cycle.now.ns, cycle.now.ms))

    def _placed(self, place: PlaceOrders, cycle: Cycle) -> Iterator[Statement]:
        now = cycle.now
        for order_id, spec in place.orders:
            yield Statement(_ORDER, (
                order_id, self._run_id, spec.condition_id, spec.token_id, spec.side.value, spec.price_bp, spec.size_micro,
                place.seq, place.epoch, now.ms, now.ns, OrderState.PENDING_NEW.value, now.ms, now.ns))
            yield Statement(_SPEC, (order_id, encode_by_name(spec)))

    def _moved(self, cycle: Cycle) -> Iterator[Statement]:
        why = {order_id: text for letter in cycle.letters for order_id, text in _words(letter)}
        for move in cycle.moves:
            yield Statement(_MOVE, (move.state.value, why.get(move.order_id, ""), cycle.now.ms, cycle.now.ns, move.order_id))

    def _restrictions(self, cycle: Cycle) -> Iterator[Statement]:
        now, before = cycle.now, self._guards
        self._guards = {guard.name: guard for guard in cycle.guards}
        for name in before.keys() - self._guards.keys():
            yield Statement(_LEFT, (now.ms, now.ns, self._run_id, name))
        for guard in cycle.guards:
            if guard.name not in before:
                yield Statement(_ENTERED, (self._run_id, guard.name, guard.cap.name, guard.reason, now.ms, now.ns))
        if (cycle.mode.name, cycle.session) != self._mode:
            self._mode = (cycle.mode.name, cycle.session)
            yield Statement(_MODE, (self._run_id, cycle.mode.name, str(cycle.session), now.ms, now.ns))
        if self._latches or cycle.latches:
            yield from self._latched(frozenset(cycle.latches), cycle)

    def _latched(self, now_in_force: frozenset[Latch], cycle: Cycle) -> Iterator[Statement]:
        before, self._latches = self._latches, now_in_force
        for latch in sorted(now_in_force - before):
            yield Statement(_LATCHED, (latch.name, latch.reason, latch.since_ms, self._run_id))
        for latch in sorted(before - now_in_force):
            yield Statement(_CLEARED, (cycle.now.ms, latch.name, latch.since_ms))

    def _forgiven_today(self, cycle: Cycle) -> Iterator[Statement]:
        if cycle.forgiven_micro != self._forgiven_micro:
            self._forgiven_micro = cycle.forgiven_micro
            yield Statement(_FORGIVEN, (cycle.now.ms // _DAY_MS, cycle.forgiven_micro))

    def _look_at_book(self, cycle: Cycle) -> None:
        """Only while we trade there: what is left in a book after its close, or after our own orders have gone, is no price."""
        book, live = cycle.view.book, self._live
        if cycle.session != _ACTIVE or book is None or live is None or book.condition_id != live.condition_id:
            return
        bid, ask = book.yes.bid_bp, book.yes.ask_bp
        if bid is not None and ask is not None:
            self._mid = (bid + ask) // 2, cycle.now.ms


def _updates(letter: Letter) -> Iterable[OrderUpdate]:
    match letter:
        case OrderUpdate():
            return (letter,)
        case OrderRead():
            return () if letter.order is None else (letter.order,)
        case OpenOrdersRead():
            return letter.orders
        case _:
            return ()


def _words(letter: Letter) -> Iterator[tuple[str, str]]:
    """What this letter said about which orders, in a few words for people."""
    match letter:
        case PlaceResult():
            yield from ((one.order_id, _said("place", one.outcome, one.detail)) for one in letter.answers)
        case CancelResult():
            yield from ((one.order_id, _said("cancel", one.outcome, one.detail)) for one in letter.answers)
        case CancelMarketResult():
            yield from ((order_id, "cancelled with its market") for order_id in letter.cancelled)
        case Fill():
            yield letter.order_id, f"trade {letter.trade_id}"
        case OrderRead(order=None):
            yield letter.request.order_id, _said("asked by id", letter.outcome, "")
        case _:
            yield from ((update.order_id, f"the venue says {update.status.value}") for update in _updates(letter))


def _said(what: str, outcome: Outcome, detail: str) -> str:
    return f"{what}: {outcome.value}{' – ' if detail else ''}{detail}"
