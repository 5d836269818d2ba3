"""One slot, newest wins, and never a lost wake-up: first sentence by sentence, then as a state machine."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trader.handoff.inbox import ExecutorInbox
from trader.handoff.mailbox import IntentMailbox
from trader.model.event import Fill, MailWaiting, TradeStatus
from trader.model.intent import Mode, QuoteIntent

FILL = Fill("t", "o", "0x1", "1", None, 1, 1, 0, TradeStatus.MATCHED, 0)


def intent(seq, mode=Mode.NORMAL):
    return QuoteIntent(seq, "0x1", mode, (), None, "", 0, 0)


class RingFailed(Exception):
    """What a broken inbox would raise."""


class Bell:
    """A ring that can be made to fail. Holds the rings that the reader has not answered yet."""

    def __init__(self):
        self.rings, self.broken = deque(), False

    def __call__(self, urgent):
        if self.broken:
            raise RingFailed
        self.rings.append(urgent)


def mailbox():
    bell = Bell()
    return IntentMailbox(bell), bell


def test_an_empty_mailbox_has_nothing_to_take():
    box, _ = mailbox()
    assert box.take() is None
    assert not box.waiting()


def test_an_intent_rings_and_is_taken_once():
    box, bell = mailbox()
    box.put(intent(1))
    assert list(bell.rings) == [False]
    assert box.waiting()
    assert [box.take(), box.take()] == [intent(1), None]


def test_the_newest_intent_wins_and_the_replaced_ones_are_counted():
    box, _ = mailbox()
    for seq in (1, 2, 3):
        box.put(intent(seq))
    assert box.take() == intent(3)
    assert (box.published, box.replaced) == (3, 2)


def test_an_unread_intent_rings_once_however_often_it_is_replaced():
    box, bell = mailbox()
    for seq in range(100):
        box.put(intent(seq))
    assert len(bell.rings) == 1


def test_the_first_intent_after_a_take_rings_again():
    box, bell = mailbox()
    box.put(intent(1))
    box.take()
    box.put(intent(2))
    assert len(bell.rings) == 2


def test_a_stop_rings_urgently():
    box, bell = mailbox()
    box.put(intent(1, Mode.STOP))
    assert list(bell.rings) == [True]


def test_a_ring_that_could_not_be_put_is_said_to_the_writer_and_does_not_silence_the_next():
    box, bell = mailbox()
    bell.broken = True
    with pytest.raises(RingFailed):
        box.put(intent(1))
    bell.broken = False
    box.put(intent(2))
    assert len(bell.rings) == 1


def test_an_intent_whose_ring_failed_can_still_be_read():
    box, bell = mailbox()
    bell.broken = True
    with pytest.raises(RingFailed):
        box.put(intent(1))
    assert box.take() == intent(1)


def test_a_stop_behind_an_ordinary_ring_is_seen_before_the_next_letter():
    """The ring that waits is not urgent, but the executor looks at the mailbox before every letter."""
    inbox = ExecutorInbox()
    box = IntentMailbox(inbox.ring)
    box.put(intent(1))
    inbox.put(FILL)
    box.put(intent(2, Mode.STOP))
    assert inbox.depth == 2                          # somebody is awake …
    assert box.waiting()                             # … and looks here first
    assert box.take().mode is Mode.STOP


@pytest.mark.parametrize(("mode", "order"), [(Mode.STOP, [MailWaiting(), FILL]), (Mode.NORMAL, [FILL, MailWaiting()])])
def test_the_ring_for_a_stop_overtakes_a_fill_and_any_other_waits_behind_it(mode, order):
    inbox = ExecutorInbox()
    box = IntentMailbox(inbox.ring)
    inbox.put(FILL)
    box.put(intent(1, mode))
    assert [inbox.get(0), inbox.get(0)] == order


class MailboxMachine(RuleBasedStateMachine):
    """Any order of puts, failing rings, answered rings and early looks. A reader with no ring to answer sleeps."""

    @initialize()
    def build(self):
        self.bell = Bell()
        self.box = IntentMailbox(self.bell)
        self.seq = self.takes = self.failures = self.rung = 0
        self.unread = None           # what the next take must return
        self.told = False            # the last put raised: its writer knows that nobody was woken

    @rule(mode=st.sampled_from(Mode), broken=st.booleans())
    def put(self, mode, broken):
        self.seq += 1
        self.bell.broken, rings_before = broken, len(self.bell.rings)
        self.unread, self.told = intent(self.seq, mode), False
        try:
            self.box.put(self.unread)
        except RingFailed:
            self.told = True
            self.failures += 1
        self.rung += len(self.bell.rings) - rings_before

    @precondition(lambda self: self.bell.rings)
    @rule()
    def answer_a_ring(self):
        self.bell.rings.popleft()
        self._take()

    @rule()
    def look_before_another_letter(self):
        if self.box.waiting():
            self._take()

    def _take(self):
        assert self.box.take() == self.unread
        self.unread, self.told = None, False
        self.takes += 1

    @invariant()
    def the_reader_never_sleeps_on_an_intent(self):
        assert self.unread is None or self.bell.rings or self.told

    @invariant()
    def there_is_at_most_one_ring_for_each_unread_intent(self):
        assert self.rung <= self.takes + 1

    @invariant()
    def what_waits_is_what_was_put_last(self):
        assert self.box.waiting() is (self.unread is not None)
        assert self.box.published == self.seq


TestMailboxMachine = MailboxMachine.TestCase
TestMailboxMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
