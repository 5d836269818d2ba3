"""Every interleaving of a writer and a reader with two preemptions, bytecode by bytecode, for the hand-offs without a lock.

Chance may miss a window of one bytecode for years; this does not. Both threads are stopped before each bytecode of
`trader/handoff`, and only the one whose turn it is moves: one runs k bytecodes, the other m, then each runs to its end, for
every k and m. The same search must find the fault in each deliberately broken variant, or it would prove nothing.
"""

from __future__ import annotations

import inspect
import select
import threading
from contextlib import closing
from types import ModuleType

import pytest

from trader.errors import OwnershipError
from trader.handoff import cache, doorbell, mailbox, orders
from trader.model.intent import Mode, QuoteIntent
from trader.testing import bytecodes

STUCK_AFTER_S = 10
TO_THE_END = 10**9


class Stepper:
    """Runs one call on a thread of its own, as many bytecodes at a time as it is allowed."""

    def __init__(self, call):
        self._call, self._allowed, self.finished, self.raised = call, 0, False, None
        self._go, self._parked = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def advance(self, bytecodes):
        if not self.finished:
            self._allowed = bytecodes
            self._go.release()
            assert self._parked.acquire(timeout=STUCK_AFTER_S), "a hand-off without a lock waited for the other thread"

    def _run(self):
        self._go.acquire()
        with bytecodes.before_each(self._stop):
            try:
                self._call()
            except Exception as error:
                self.raised = error
        self.finished = True
        self._parked.release()

    def _stop(self):
        if self._allowed == 0:
            self._parked.release()
            self._go.acquire()
        self._allowed -= 1


def explore(make_world, *, orders_of_start=(False, True)):
    """Runs `writer` and `reader` of a fresh world in every such interleaving; `check` says what must hold after each."""
    for swapped in orders_of_start:
        first_steps, first_ends = 0, False
        while not first_ends:
            second_steps, second_ends = 0, False
            while not second_ends:
                with closing(make_world()) as world:
                    first, second = map(Stepper, (world.reader, world.writer) if swapped else (world.writer, world.reader))
                    first.advance(first_steps)
                    second.advance(second_steps)
                    first_ends, second_ends = first.finished, second.finished
                    first.advance(TO_THE_END)
                    second.advance(TO_THE_END)
                    world.check()
                second_steps += 1
            first_steps += 1


def broken(module, *swaps):
    """The module with lines replaced: what somebody might write some day."""
    source = inspect.getsource(module)
    for before, after in swaps:
        assert source.count(before) == 1, f"{before!r} is not in {module.__name__} any more; adapt this mutation."
        source = source.replace(before, after)
    variant = ModuleType(module.__name__)
    exec(compile(source, module.__file__, "exec"), variant.__dict__)
    return variant


# --- mailbox --------------------------------------------------------------------------------------------------------


def intent(seq):
    return QuoteIntent(seq, "0x1", Mode.NORMAL, (), None, "", 0, 0)


class MailboxWorld:
    """Intent 2 is put while the reader answers a ring, or looks in before another letter. `history`: what was before."""

    def __init__(self, module, history, ring_fails=False):
        self.rings, self.read, self._fails = 0, 0, False
        self.box = module.IntentMailbox(self._ring)
        if history in ("unread", "read early"):
            self.box.put(intent(1))
        if history == "read early":                  # taken before another letter: its ring is still queued
            self.reader()
        self.rings_answered_first = history == "unread"
        self._fails = ring_fails

    def _ring(self, urgent):
        if self._fails:
            raise RuntimeError("the inbox refused")
        self.rings += 1

    def writer(self):
        self.box.put(intent(2))

    def reader(self):
        if self.rings and self.rings_answered_first:
            self.rings -= 1
        taken = self.box.take()
        self.read = max(self.read, taken.seq if taken else 0)

    rings_answered_first = False

    def check(self):
        """The reader goes on as it does in the program: it only acts on rings."""
        assert self.rings <= 2
        failed, self._fails = self._fails, False
        if not failed:
            self._answer_all()
            assert self.read == 2, "lost wake-up: intent 2 is unread and nobody rings"
        self.box.put(intent(3))
        self._answer_all()
        assert self.read == 3, "the mailbox stays silent for ever"

    def _answer_all(self):
        self.rings_answered_first = True
        while self.rings:
            self.reader()

    def close(self):
        pass


HISTORIES = ("silent", "unread", "read early")
EMPTIED_FIRST = [
    ("        self._ring_pending = False                   # re-arm", "        taken = self._slot.pop() if self._slot else None  #"),
    ("        return self._slot.pop() if self._slot else None", "        self._ring_pending = False\n        return taken"),
]
RUNG_FIRST = [
    ("        self._slot.append(intent)", "        pass"),
    ("                raise\n", "                raise\n        self._slot.append(intent)\n"),
]
FLAG_LEFT_UP = [("                self._ring_pending = False           # a ring", "                pass  # a ring")]


@pytest.mark.parametrize("history", HISTORIES)
def test_no_interleaving_of_put_and_take_loses_a_wake_up(history):
    explore(lambda: MailboxWorld(mailbox, history))


@pytest.mark.parametrize("history", HISTORIES)
def test_no_interleaving_of_a_failing_ring_and_a_take_silences_the_mailbox(history):
    explore(lambda: MailboxWorld(mailbox, history, ring_fails=True))


@pytest.mark.parametrize(("swaps", "ring_fails"), [
    (EMPTIED_FIRST, False), (RUNG_FIRST, False), (FLAG_LEFT_UP, True),
], ids=["emptied before re-armed", "rung before visible", "flag left up by a failed ring"])
def test_a_broken_mailbox_is_found_out(swaps, ring_fails):
    variant = broken(mailbox, *swaps)
    with pytest.raises(AssertionError, match=r"lost wake-up|silent for ever"):
        for history in HISTORIES:
            explore(lambda history=history: MailboxWorld(variant, history, ring_fails))


# --- feed orders ----------------------------------------------------------------------------------------------------


class FeedOrdersWorld:
    """Order 2 is put while the feed takes; order 1 may be unread."""

    def __init__(self, module, unread):
        self.orders, self.seen = module.FeedOrders(), []
        if unread:
            self.orders.put(1)

    def writer(self):
        self.orders.put(2)

    def reader(self):
        self.seen.append(self.orders.take())

    def check(self):
        for _ in range(3):
            if select.select([self.orders], [], [], 0)[0]:
                self.reader()
        assert not select.select([self.orders], [], [], 0)[0], "woken for ever: a byte that no take drains"
        assert 2 in self.seen, "lost wake-up: order 2 is unread and the socket is silent"

    def close(self):
        self.orders.close()


READ_FIRST = [
    ("        self._rung.clear()\n", "        taken = self._slot.pop() if self._slot else None\n        self._rung.clear()\n"),
    ("                pass\n        return self._slot.pop() if self._slot else None", "                pass\n        return taken"),
]
RING_FIRST = [("        self._slot.append(wanted)                    # visible first, then wake\n",
               "        self._slot.append(wanted)\n        self._rung.append(None)\n"),
              ("        self._rung.append(None)                      # after the byte", "        # after the byte")]


@pytest.mark.parametrize("unread", [False, True])
def test_no_interleaving_of_an_order_and_the_feed_loses_a_wake_up(unread):
    explore(lambda: FeedOrdersWorld(orders, unread))


def test_a_feed_that_drains_after_reading_is_found_out():
    variant = broken(orders, *READ_FIRST)
    with pytest.raises(AssertionError, match="lost wake-up"):
        explore(lambda: FeedOrdersWorld(variant, True))


def test_feed_orders_that_ring_before_they_send_are_found_out():
    variant = broken(orders, *RING_FIRST)
    with pytest.raises(AssertionError, match="woken for ever"):
        explore(lambda: FeedOrdersWorld(variant, False))


# --- doorbell and cache ---------------------------------------------------------------------------------------------


class DoorbellWorld:
    """A snapshot is published and rung while the strategy hears an earlier ring."""

    def __init__(self, module):
        self.cache, self.bell, self.seen = cache.SnapshotCache("book"), module.Doorbell(), None
        self.bell.ring()

    def writer(self):
        self.cache.publish(2)
        self.bell.ring()

    def reader(self):
        if self.bell.wait(0):
            self.seen = self.cache.read()

    def check(self):
        self.reader()
        assert self.seen == 2, "the last ring was lost"

    def close(self):
        pass


def test_no_interleaving_of_publish_and_wait_loses_the_last_ring():
    explore(lambda: DoorbellWorld(doorbell))


def test_a_strategy_that_reads_before_it_hears_is_found_out():
    class ReadsFirst(DoorbellWorld):
        def reader(self):
            snapshot = self.cache.read()
            if self.bell.wait(0):
                self.seen = snapshot

    with pytest.raises(AssertionError, match="the last ring was lost"):
        explore(lambda: ReadsFirst(doorbell))


def test_an_event_that_is_cleared_after_reading_is_found_out():
    """What the doorbell replaces: here the step that clears can be put in the wrong place."""

    class ClearsLast(DoorbellWorld):
        def __init__(self):
            super().__init__(doorbell)
            self.event = threading.Event()
            self.event.set()

        def writer(self):
            self.cache.publish(2)
            self.event.set()

        def reader(self):
            if self.event.wait(0):
                self.seen = self.cache.read()
                self.event.clear()

    with pytest.raises(AssertionError, match="the last ring was lost"):
        explore(ClearsLast)


class TwoWritersWorld:
    """Two threads publish to a fresh cache at once, each twice."""

    def __init__(self, module):
        self.cache, self.refused = module.SnapshotCache("book"), 0

    def writer(self):
        try:
            self.cache.publish(1)
            self.cache.publish(2)
        except OwnershipError:
            self.refused += 1

    reader = writer

    def check(self):
        assert self.refused == 1, "two writers went unnoticed"

    def close(self):
        pass


LOOKED_THEN_SET = [("owner = self._owner.setdefault",
                    "owner = self._owner.get('writer') or self._owner.__setitem__('writer', me) or me  #")]


def test_no_interleaving_lets_two_writers_go_on_publishing():
    explore(lambda: TwoWritersWorld(cache), orders_of_start=(False,))       # both sides do the same


def test_a_cache_that_looks_before_it_claims_is_found_out():
    variant = broken(cache, *LOOKED_THEN_SET)
    with pytest.raises(AssertionError, match="unnoticed"):
        explore(lambda: TwoWritersWorld(variant))
