"""Emergency close: with everything cancelled, sells what is settled, no cheaper than a bound, and says what it could not sell. Pure.

It begins with a pause, so the cancel-all of that guard comes first, and nothing is quoted until somebody resumes.
"""

from __future__ import annotations

from collections.abc import Iterator

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
_BLIND = frozenset({"book_stale", "book_suspect", "book_frozen", "user_feed"})


def begin(state: State) -> None:
    state.flatten = Flatten(state.market, state.now.ns)
    if state.market is None:
        state.flatten.left = ("no market is open: nothing can be sold now",)


def advance(state: State, view: View) -> None:
    """Called once a cycle while nothing is being cancelled: the next round of sells, or the end."""
    close = state.flatten
    if close is None or close.left is not None or any(True for _ in state.orders.live()):
        return
    market, book = close.market, view.book
    blind = sorted(state.guards.keys() & _BLIND)
    if market is None or market != state.market:
        close.left = ("its market has closed: what is held waits for the outcome",)
    elif blind:
        if state.now.ns - close.began_ns > PATIENCE_NS:
            close.left = (f"nothing was sold while guard {blind[0]} is in force",)
    elif book is not None and book.condition_id == market.condition_id:
        _floor(state, close, book)
        legs = list(_sells(state, close, market, book)) if close.rounds < ROUNDS else []
        if legs and state.now.ns < close.next_ns:
            return
        if legs:
            close.rounds += 1
            close.next_ns = state.now.ns + _PAUSE_NS
            requests.place(state, market, legs, takes=True)
        elif close.rounds == ROUNDS or _nothing_more(state, close, market):
            close.left = tuple(_left(state, market, book, close))
    if close.left is not None:
        state.warn(f"flatten: {'; '.join(close.left) or 'everything is sold'}")


def _floor(state: State, close: Flatten, book: MarketBook) -> None:
    """From the first book with two sides: the least price of each token."""
    for top in (book.yes, book.no):
        if top.token_id not in close.floor_bp and top.bid_bp is not None and top.ask_bp is not None:
            least_bp = (top.bid_bp + top.ask_bp) // 2 - state.settings.flatten_cents * BP_PER_CENT
            close.floor_bp[top.token_id] = ceil_to_tick(max(least_bp, top.tick_bp), top.tick_bp)


def _sells(state: State, close: Flatten, market: Market, book: MarketBook) -> Iterator[Leg]:
    for top, side in ((book.yes, Side.SELL), (book.no, Side.BUY)):           # selling NO is a bid for YES
        size_micro = _sellable(state, top.token_id)
        floor_bp = close.floor_bp.get(top.token_id)
        if size_micro >= market.min_size_micro and floor_bp is not None and top.bid_bp is not None and top.bid_bp >= floor_bp:
            yield Leg(Slot(side, 0, Kind.REDUCE_SELL), top.token_id, Side.SELL, PriceBp(floor_bp), SizeMicro(size_micro))


def _sellable(state: State, token_id: str) -> int:
    ledger, step = state.ledger, state.rules.size_step_micro
    exposed = sum(o.exposure_micro for o in state.orders.exposed() if o.spec.token_id == token_id and o.spec.side is Side.SELL)
    return (ledger.settled(token_id) - ledger.debits(token_id) - exposed) // step * step


def _nothing_more(state: State, close: Flatten, market: Market) -> bool:
    """Nothing is held or on its way, or we have waited long enough for bids and settlement."""
    held = any(state.ledger.effective(token_id) >= market.min_size_micro for token_id in market.tokens)
    return not held or state.now.ns - close.began_ns > PATIENCE_NS


def _left(state: State, market: Market, book: MarketBook, close: Flatten) -> Iterator[str]:
    for name, top in (("YES", book.yes), ("NO", book.no)):
        held_micro = state.ledger.effective(top.token_id)
        if held_micro > 0:
            yield f"{held_micro / MICRO:g} {name} are left: {_why(state, market, top, close)}"


def _why(state: State, market: Market, top: BookTop, close: Flatten) -> str:
    floor_bp, held_micro = close.floor_bp.get(top.token_id), state.ledger.effective(top.token_id)
    if held_micro < market.min_size_micro:
        return f"less than the venue's minimum order of {market.min_size_micro / MICRO:g}"
    if _sellable(state, top.token_id) < market.min_size_micro:
        return "not settled yet"
    if floor_bp is None:
        return "its book never had two sides"
    if top.bid_bp is None or top.bid_bp < floor_bp:
        return f"nobody bids {floor_bp / BP_PER_CENT:g} ¢ or more (executor.flatten_cents {state.settings.flatten_cents})"
    return f"the bids did not take it in {ROUNDS} rounds"
