"""Credentials that the venue refuses while we trade. For a moment that may be the venue's own trouble; when it lasts, the desk ends. Pure.

Places, cancels and reads are judged each by themselves: a key that may read but not trade is refused too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trader.executor.state import Refused, State
from trader.model.event import (
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    ExecutorEvent,
    Fill,
    FillsRead,
    OpenOrdersRead,
    OrderRead,
    OrderUpdate,
    Outcome,
    PlaceResult,
)

_AT_LEAST = 3                # refusals in a row
_SAYS_NOTHING = frozenset({Outcome.UNKNOWN, Outcome.SHED, Outcome.RATE_LIMITED, Outcome.VENUE_MODE})


class _Word(NamedTuple):
    kind: str
    outcome: Outcome
    detail: str


def hear(state: State, event: ExecutorEvent) -> None:
    """Every answer of the venue comes by here. Sets `state.refused_for_good` once."""
    if isinstance(event, OrderUpdate | Fill):
        return                                   # the user stream: more of these than of all else
    for word in _words(event):
        if word.outcome is Outcome.AUTH:
            _count(state, word)
        elif word.outcome not in _SAYS_NOTHING:
            state.refused.pop(word.kind, None)


def _count(state: State, word: _Word) -> None:
    now_ns, limit_ns = state.now.ns, state.settings.auth_refused_ms * 1_000_000
    before = state.refused.get(word.kind)
    if before is None or now_ns - before.last_ns > limit_ns:
        before = Refused(now_ns, now_ns, 0)
    state.refused[word.kind] = heard = Refused(before.first_ns, now_ns, before.times + 1)
    if heard.times >= _AT_LEAST and now_ns - heard.first_ns >= limit_ns and not state.refused_for_good:
        state.refused_for_good = (f"the venue has refused every {word.kind} for {(now_ns - heard.first_ns) // 1_000_000} ms, "
                                  f"{heard.times} times ({word.detail or 'no reason given'})")


def _words(event: ExecutorEvent) -> Iterator[_Word]:
    match event:
        case PlaceResult():
            yield from (_Word("place", answer.outcome, answer.detail) for answer in event.answers)
        case CancelResult():
            yield from (_Word("cancel", answer.outcome, answer.detail) for answer in event.answers)
        case CancelMarketResult():
            yield _Word("cancel", event.outcome, "")
        case OrderRead() | OpenOrdersRead() | FillsRead() | BalancesRead():
            yield _Word("read", event.outcome, "")
