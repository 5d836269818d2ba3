"""Most urgent first, then in order of arrival, and never a comparison of payloads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.handoff.inbox import ExecutorInbox, Rank, rank_of
from trader.model.action import CancelOrders, PlaceOrders
from trader.model.event import (
    CancelResult,
    Command,
    Control,
    Fill,
    MailWaiting,
    MarketChange,
    OrderUpdate,
    PlaceResult,
    Timing,
    TradeStatus,
    UserFeedDown,
    UserFeedUp,
    VenueStatus,
)
from trader.model.order import Side

FILL = Fill("t", "o", "0x1", "1", Side.BUY, 5_000, 1_000_000, 0, TradeStatus.MATCHED, 0)
UPDATE = OrderUpdate("o", "0x1", "1", Side.BUY, 5_000, 1_000_000, 0, VenueStatus.LIVE, 0)
PLACED = PlaceResult(PlaceOrders(1, 0, ()), (), Timing())
CANCELLED = CancelResult(CancelOrders(1, ()), (), Timing())
STOP, PAUSE, RESUME, CANCEL_ALL = (Control(command, "test") for command in
                                   (Command.STOP, Command.PAUSE, Command.RESUME, Command.CANCEL_ALL))
EVENTS = [FILL, UPDATE, PLACED, CANCELLED, STOP, PAUSE, RESUME, CANCEL_ALL, MarketChange(None), MailWaiting(), UserFeedUp(1),
          UserFeedDown(1, "closed")]


class Incomparable:
    """A payload that must never be looked at by the heap."""

    def __lt__(self, other):
        raise AssertionError("payloads were compared")

    __gt__ = __le__ = __ge__ = __lt__


def drain(inbox):
    letters = []
    while (letter := inbox.get(0)) is not None:
        letters.append(letter)
    return letters


@pytest.mark.parametrize(("event", "rank"), [
    (STOP, Rank.STOP), (CANCEL_ALL, Rank.STOP), (PAUSE, Rank.STOP), (RESUME, Rank.STOP), (UserFeedDown(1, ""), Rank.STOP),
    (FILL, Rank.TRUTH), (UPDATE, Rank.TRUTH), (UserFeedUp(1), Rank.TRUTH),
    (PLACED, Rank.RESULT), (CANCELLED, Rank.RESULT),
    (MarketChange(None), Rank.CONTROL),
    (MailWaiting(), Rank.INTENT),
])
def test_what_ends_exposure_comes_first_then_truth_results_control_and_intents(event, rank):
    assert rank_of(event) is rank


def test_fills_overtake_intents_and_keep_their_own_order():
    inbox = ExecutorInbox()
    inbox.ring(urgent=False)
    fills = [FILL._replace(trade_id=str(n)) for n in range(5)]
    for fill in fills:
        inbox.put(fill)
    assert drain(inbox) == [*fills, MailWaiting()]


def test_a_pause_and_an_earlier_resume_keep_their_order():
    inbox = ExecutorInbox()
    inbox.put(RESUME)
    inbox.put(PAUSE)
    assert drain(inbox) == [RESUME, PAUSE]


def test_a_stop_overtakes_everything_that_waits():
    inbox = ExecutorInbox()
    for event in (FILL, PLACED, MarketChange(None), STOP):
        inbox.put(event)
    assert inbox.get(0) is STOP


def test_an_urgent_ring_overtakes_fills_and_an_ordinary_one_waits_behind_control():
    inbox = ExecutorInbox()
    inbox.ring(urgent=False)
    inbox.put(MarketChange(None))
    inbox.put(FILL)
    inbox.ring(urgent=True)
    assert drain(inbox) == [MailWaiting(), FILL, MarketChange(None), MailWaiting()]


def test_payloads_are_never_compared():
    inbox = ExecutorInbox()
    for _ in range(100):
        inbox.put(Incomparable())
    assert len(drain(inbox)) == 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=60))
def test_letters_come_out_sorted_by_rank_and_by_arrival_within_a_rank_and_none_is_shed(events):
    inbox = ExecutorInbox(limit=1)
    for event in events:
        inbox.put(event)
    assert drain(inbox) == sorted(events, key=rank_of)      # sorted() is stable


def test_an_empty_inbox_answers_none_at_once_when_the_deadline_has_passed():
    assert ExecutorInbox().get(0) is None
    assert ExecutorInbox().get(-1) is None


def test_it_is_crowded_above_the_limit_and_keeps_every_letter():
    inbox = ExecutorInbox(limit=3)
    for _ in range(3):
        inbox.put(FILL)
    assert not inbox.crowded
    inbox.put(FILL)
    assert inbox.crowded
    assert inbox.depth == len(drain(inbox)) == 4
