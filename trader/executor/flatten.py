"""Emergency close: with everything cancelled, sells what is settled, no cheaper than a bound, and says what it could not sell. Pure.

It begins with a pause, so the cancel-all of that guard comes first, and nothing is quoted until somebody resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trader.executor import requests
from trader.executor.legs import Leg
from trader.executor.state import Flatten, State
from trader.model.book import BookTop, MarketBook
from trader.model.cycle import View
from trader.model.market import Market
from trader.model.order import Kind, Side, Slot
from trader.model.units import BP_PER_CENT, MICRO, PriceBp, SizeMicro, ceil_to_tick

ROUNDS = 10                  # of sells; the bids of a book that is swept come back within seconds or not at all
PATIENCE_NS = 30_000_000_000     # for tokens that settle, and for bids that come back
_PAUSE_NS = 500_000_000      # between two rounds, for a book to fill again
_UNFIT = frozenset({"book_stale", "book_suspect", "book_frozen", "user_feed", "venue_mode", "journal"})     # blind, or it could not leave


def begin(state: State) -> None:
    state.flatten = Flatten(state.market, state.now.ns)
    if state.market is None:
        state.flatten.left = ("no market is open: nothing can be sold now",)


def advance(state: State, view: View) -> None:
    """Called once a cycle while nothing is being cancelled: the next round of sells, or the end."""
    close, market = state.flatten, state.market
    if close is None or close.left is not None:
        return
    if close.market is None or market is None or close.market.condition_id != market.condition_id:
        close.left = ("its market has closed: what is held waits for the outcome",)
    else:
        _go_on(state, close, market, view.book)
    if close.left is not None:
        state.warn(f"flatten: {'; '.join(close.left) or 'everything is sold'}")


def _go_on(state: State, close: Flatten, market: Market, book: MarketBook | None) -> None:
    is_over = state.now.ns - close.began_ns > PATIENCE_NS
    obstacle = _obstacle(state, market, book)
    if obstacle or book is None:
        if is_over:
            close.left = tuple(_left(state, market, lambda _: obstacle))
        return
    _bound(state, close, book)
    legs = list(_sells(state, close, market, book)) if close.rounds < ROUNDS else []
    if legs and state.now.ns >= close.next_ns:
        close.rounds += 1
        close.next_ns = state.now.ns + _PAUSE_NS
        requests.place(state, market, legs, takes=True)
    elif not legs and (close.rounds == ROUNDS or is_over or not _holds(state, market)):
        tops = {top.token_id: top for top in (book.yes, book.no)}
        close.left = tuple(_left(state, market, lambda token_id: _why(state, market, tops[token_id], close)))


def _obstacle(state: State, market: Market, book: MarketBook | None) -> str:
    """Why nothing can be sold just now, or empty."""
    if not market.may_take:
        return "the market's taker fees are not known"
    if any(True for _ in state.orders.live()):
        return "an order is not accounted for"
    unfit = sorted(state.guards.keys() & _UNFIT)
    if unfit:
        return f"guard {unfit[0]} is in force"
    return "" if book is not None and book.condition_id == market.condition_id else "there is no book of its market"


def _bound(state: State, close: Flatten, book: MarketBook) -> None:
    """From the first book with two sides: the least price of each token."""
    for top in (book.yes, book.no):
        if top.token_id not in close.least_bp and top.bid_bp is not None and top.ask_bp is not None:
            close.least_bp[top.token_id] = (top.bid_bp + top.ask_bp) // 2 - state.settings.flatten_cents * BP_PER_CENT


def _floor_bp(close: Flatten, top: BookTop) -> PriceBp | None:
    """On the tick of now, which may be another than at the beginning."""
    least_bp = close.least_bp.get(top.token_id)
    return None if least_bp is None else ceil_to_tick(max(least_bp, top.tick_bp), top.tick_bp)


def _sells(state: State, close: Flatten, market: Market, book: MarketBook) -> Iterator[Leg]:
    for top, side in ((book.yes, Side.SELL), (book.no, Side.BUY)):           # selling NO is a bid for YES
        size_micro = _sellable(state, top.token_id)
        floor_bp = _floor_bp(close, top)
        if size_micro >= market.min_size_micro and floor_bp is not None and top.bid_bp is not None and top.bid_bp >= floor_bp:
            yield Leg(Slot(side, 0, Kind.REDUCE_SELL), top.token_id, Side.SELL, floor_bp, SizeMicro(size_micro))


def _sellable(state: State, token_id: str) -> int:
    ledger, step = state.ledger, state.rules.size_step_micro
    exposed = sum(o.exposure_micro for o in state.orders.exposed() if o.spec.token_id == token_id and o.spec.side is Side.SELL)
    return (ledger.settled(token_id) - ledger.debits(token_id) - exposed) // step * step


def _holds(state: State, market: Market) -> bool:
    """More than dust, or on its way."""
    return any(state.ledger.effective(token_id) >= market.min_size_micro for token_id in market.tokens)


def _left(state: State, market: Market, why: Callable[[str], str]) -> Iterator[str]:
    for name, token_id in zip(("YES", "NO"), market.tokens, strict=True):
        held_micro = state.ledger.effective(token_id)
        if held_micro > 0:
            yield f"{held_micro / MICRO:g} {name} are left: {why(token_id)}"


def _why(state: State, market: Market, top: BookTop, close: Flatten) -> str:
    floor_bp, held_micro = _floor_bp(close, top), state.ledger.effective(top.token_id)
    if held_micro < market.min_size_micro:
        return f"less than the venue's minimum order of {market.min_size_micro / MICRO:g}"
    if _sellable(state, top.token_id) < market.min_size_micro:
        return "not settled yet"
    if floor_bp is None:
        return "its book never had two sides"
    if top.bid_bp is None or top.bid_bp < floor_bp:
        return f"nobody bids {floor_bp / BP_PER_CENT:g} ¢ or more (executor.flatten_cents {state.settings.flatten_cents})"
    return f"the bids did not take it in {ROUNDS} rounds"
