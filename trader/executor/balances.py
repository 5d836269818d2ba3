"""The venue's word on cash and tokens, and when it may replace our own books. Pure."""

from __future__ import annotations

from trader.executor import sweep
from trader.executor.state import Chore, Session, State
from trader.model.event import BalancesRead, Outcome

AGAIN_MS = 1000
_ADOPTING_MS = 250           # quoting waits for it
_SHORT_IN_ROW = 3            # places refused for lack of balance: our books are wrong


def on_read(state: State, result: BalancesRead) -> None:
    """Believed only if nothing of ours could move them meanwhile. While a market is taken up nothing is placed before our
    tokens in it are known; cash of an earlier window that is still on its way does not hold the new one up."""
    state.reading_balances = False
    seq, tokens = result.request.seq, result.request.token_ids
    wanted = state.market is not None and set(tokens) == set(state.market.tokens)
    if result.outcome is not Outcome.OK or not wanted or not _undisturbed(state, seq, tokens):
        state.later(Chore.BALANCES, "", _ADOPTING_MS if state.session is Session.ADOPT else AGAIN_MS)
        return
    cash_micro: int = result.cash_micro
    if not _undisturbed(state, seq, None):
        cash_micro = state.ledger.cash_micro
        state.later(Chore.BALANCES, "", AGAIN_MS)
    _correct(state, cash_micro, result.tokens_micro)


def _undisturbed(state: State, seq: int, tokens: tuple[str, ...] | None) -> bool:
    """Since before request `seq` nothing could change these tokens (None: any token, so cash too) without our books saying it.

    An order that is still exposed may have traded before the venue read the balances, and be reported only afterwards. One in
    quarantine has not, for the venue did not know it; should it come alive, balances are read again.
    """
    def concerns(token_id: str) -> bool:
        return tokens is None or token_id in tokens

    moved = any(at >= seq for token_id, at in state.moved_seq.items() if concerns(token_id))
    under_way = any(concerns(leg.token_id) for leg in state.ledger.unsettled())
    exposed = any(concerns(order.spec.token_id) for order in state.orders.exposed() if not order.quarantined)
    return not moved and not under_way and not exposed


def _correct(state: State, cash_micro: int, tokens_micro: tuple[tuple[str, int], ...]) -> None:
    held = all(state.ledger.settled(token_id) == held_micro for token_id, held_micro in tokens_micro)
    if state.session is not Session.ADOPT and not (held and state.ledger.cash_micro == cash_micro):
        state.counts["corrections"] += 1
        state.warn(f"our books differed from the venue's balances and follow them now: cash ${cash_micro / 1e6:,.2f}")
    state.ledger.correct(cash_micro, tokens_micro)
    if state.session is Session.ADOPT:
        state.session = Session.ACTIVE
        state.info(f"quoting starts: cash ${cash_micro / 1e6:,.2f}")


def on_short(state: State) -> None:
    """Balances are only believed while nothing is open: after a few of these in a row it is worth clearing the book for it."""
    state.short_in_row += 1
    state.later(Chore.BALANCES, "", 0)
    if state.short_in_row >= _SHORT_IN_ROW:
        state.short_in_row = 0
        sweep.begin(state, "insufficient_balance", cools_down=True)
