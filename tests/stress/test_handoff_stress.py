"""Every hand-off under real threads. A lost wake-up shows as a wait that ran into its timeout."""

from __future__ import annotations

import queue
import random
import sys
import threading
from collections import Counter

import pytest

from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.inbox import ExecutorInbox, Rank, rank_of
from trader.handoff.mailbox import IntentMailbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, ReadOrder
from trader.model.event import Command, Control, Fill, MarketResolved, OpenOrdersRead, TradeStatus
from trader.model.intent import Mode, QuoteIntent

LOST_AFTER_S = 6.0           # nobody waits this long unless the wake-up was lost


def intent(seq):
    return QuoteIntent(seq, "0x1", Mode.STOP if seq % 7 == 0 else Mode.NORMAL, (), None, "", 0, 0)


# --- mailbox --------------------------------------------------------------------------------------------------------

INTENTS, ROUNDS = 5_000, 20


class Reader:
    """The executor's side: sleeps on the inbox only, answers each ring with a take, looks before each letter."""

    def __init__(self):
        self.inbox = ExecutorInbox()
        self.box = IntentMailbox(self.inbox.ring)
        self.seen = self.deepest = 0
        self.caught_up = threading.Semaphore(0)

    def read_until(self, last, burst_ends):
        while self.seen < last:
            self.deepest = max(self.deepest, self.inbox.depth)
            letter = self.inbox.get(LOST_AFTER_S)
            assert letter is not None, f"lost wake-up: asleep at intent {self.seen}, unread: {self.box.waiting()}"
            taken = self.box.take()
            if taken is None:
                continue
            assert taken.seq > self.seen, "an older intent came after a newer one"
            self.seen = taken.seq
            if taken.seq in burst_ends:
                self.caught_up.release()

    def write(self, last, burst_ends):
        for seq in range(1, last + 1):
            self.box.put(intent(seq))
            if seq in burst_ends:                    # nothing more comes until this one was read: no later ring saves it
                assert self.caught_up.acquire(timeout=2 * LOST_AFTER_S), f"intent {seq} was never read"


@pytest.mark.parametrize("round_no", range(ROUNDS))
def test_the_newest_intent_is_always_read_and_no_ring_is_lost(run_together, round_no):
    rng, reader = random.Random(round_no), Reader()
    burst_ends = {INTENTS, *rng.sample(range(1, INTENTS), 600)}
    run_together(strategy=lambda: reader.write(INTENTS, burst_ends), executor=lambda: reader.read_until(INTENTS, burst_ends))
    assert reader.seen == reader.box.published == INTENTS
    assert reader.deepest <= 1, "more than one ring was queued although each was answered"


# --- inbox ----------------------------------------------------------------------------------------------------------

LETTERS = 2_000


def letters_of(writer):
    """Events of all ranks that name their writer and their number within the rank."""
    kinds = (
        lambda n: Control(Command.STOP, f"{writer}:{n}"),
        lambda n: Fill(f"{writer}:{n}", "o", "0x1", "1", None, 1, 1, 0, TradeStatus.MATCHED, 0),
        lambda n: OpenOrdersRead((writer, n), None, (), None),
        lambda n: MarketResolved(f"{writer}:{n}", "1"),
    )
    return [kinds[n % len(kinds)](n) for n in range(LETTERS)]


def signature(event):
    """(writer, number) of a letter made above."""
    match event:
        case OpenOrdersRead(request=(writer, number)):
            return writer, number
        case Control(reason=text) | Fill(trade_id=text) | MarketResolved(condition_id=text):
            writer, number = text.split(":")
            return int(writer), int(number)


def test_four_writers_lose_no_letter_and_each_keeps_its_order_within_a_rank(run_together):
    inbox, received = ExecutorInbox(), []

    def write(writer):
        for event in letters_of(writer):
            inbox.put(event)

    def read():
        while len(received) < 4 * LETTERS:
            letter = inbox.get(LOST_AFTER_S)
            assert letter is not None, f"{len(received)} of {4 * LETTERS} letters came"
            received.append((rank_of(letter), *signature(letter)))

    run_together(executor=read, **{f"writer-{n}": lambda n=n: write(n) for n in range(4)})
    assert set(Counter((writer, number) for _, writer, number in received).values()) == {1}
    for rank in (Rank.STOP, Rank.TRUTH, Rank.RESULT, Rank.CONTROL):
        for writer in range(4):
            numbers = [number for r, w, number in received if (r, w) == (rank, writer)]
            assert numbers == sorted(numbers)
            assert len(numbers) == LETTERS // 4


# --- doorbell -------------------------------------------------------------------------------------------------------


def test_the_last_ring_is_never_lost_with_two_ringers(run_together):
    """Two feeds publish, then ring. The strategy must end up with the newest of both, without a tick to save it."""
    bell, caches, last, pause_every = Doorbell(), (SnapshotCache("book"), SnapshotCache("reference")), 8_000, 4
    read = (threading.Semaphore(0), threading.Semaphore(0))

    def ring(cache, was_read):
        for seq in range(1, last + 1):
            cache.publish(seq)
            bell.ring()
            if seq % pause_every == 0:               # silence until it was read: no later ring saves a lost one
                assert was_read.acquire(timeout=2 * LOST_AFTER_S), f"ring {seq} was never heard"

    def wait():
        for stage in range(pause_every, last + 1, pause_every):
            while min(cache.read() or 0 for cache in caches) < stage:
                assert bell.wait(LOST_AFTER_S), f"a ring was lost before stage {stage}"
            for was_read in read:
                was_read.release()

    run_together(strategy=wait, book=lambda: ring(caches[0], read[0]), reference=lambda: ring(caches[1], read[1]))


# --- cache ----------------------------------------------------------------------------------------------------------


def test_readers_see_whole_snapshots_that_never_go_back(run_together):
    cache, last = SnapshotCache("book"), 20_000

    def publish():
        for seq in range(1, last + 1):
            cache.publish((seq, -seq, seq * 3))

    def read():
        newest = 0
        while newest < last:
            seq, minus, triple = cache.read() or (0, 0, 0)
            assert (minus, triple) == (-seq, seq * 3), "a torn snapshot"
            assert seq >= newest, "an older snapshot after a newer one"
            newest = seq

    run_together(feed=publish, strategy=read, executor=read)


# --- outbox ---------------------------------------------------------------------------------------------------------

REQUESTS = 2_000


def request(seq):
    match seq % 8:
        case 0:
            return CancelMarket(seq, "0x1")
        case 1 | 2:
            return CancelOrders(seq, ("0x1",))
        case 3:
            return ReadOrder(seq, "0x1")
        case _:
            return PlaceOrders(seq, 0, ())


class Pool:
    """One executor and some gateway threads; gateway-0 serves only cancels, as in the program."""

    def __init__(self, gateways, make_request):
        self.outbox, self.done, self.answered = OrderOutbox(), threading.Event(), threading.Semaphore(0)
        self.taken, self._make_request = {n: [] for n in gateways}, make_request

    def calls(self, wave):
        return {"executor": lambda: self.write(wave), **{f"gateway-{n}": lambda n=n: self.serve(n) for n in self.taken}}

    def serve(self, number):
        while not self.done.is_set():
            took = self.outbox.take(only_cancels=number == 0, timeout_s=LOST_AFTER_S)
            if took is not None:
                self.taken[number].append(took)
                self.answered.release()

    def write(self, wave):
        """Puts waves and waits for all their answers: nobody else's request wakes a thread that slept through its own."""
        for first in range(0, REQUESTS, wave):
            for seq in range(first, first + wave):
                self.outbox.put(self._make_request(seq))
            for _ in range(wave):
                assert self.answered.acquire(timeout=LOST_AFTER_S / 2), f"work waits while gateways sleep: {self.outbox.depths}"
        self.done.set()
        for _ in range(8):                           # lets everybody see that it is over
            self.outbox.put(CancelMarket(-1, ""))


@pytest.mark.parametrize("wave", [1, 2, 5, 16])
def test_each_request_is_taken_once_and_no_gateway_sleeps_while_work_waits(run_together, wave):
    pool = Pool(range(4), request)
    run_together(**pool.calls(wave))
    taken = [r for requests in pool.taken.values() for r in requests if r.seq >= 0]
    assert sorted(r.seq for r in taken) == list(range(REQUESTS))
    assert all(isinstance(r, (CancelOrders, CancelMarket)) for r in pool.taken[0])


def test_a_thread_that_takes_what_another_was_woken_for_passes_its_own_on():
    """`gateway-0` is woken for a cancel and dawdles; the thread that was woken for the place takes the cancel instead."""
    outbox, took = OrderOutbox(), queue.SimpleQueue()

    def serve(*, only_cancels, dawdles=None):
        sys.settrace(dawdles)
        took.put(outbox.take(only_cancels=only_cancels, timeout_s=LOST_AFTER_S))

    def dawdle(frame, event, argument):
        if frame.f_code.co_name == "take" and len(outbox._parked) < 3:       # it has been woken
            threading.Event().wait(0.2)
        return dawdle

    threads = [threading.Thread(target=serve, kwargs={"only_cancels": True, "dawdles": dawdle}, daemon=True),
               *(threading.Thread(target=serve, kwargs={"only_cancels": False}, daemon=True) for _ in range(2))]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(outbox._parked) < number:
            pass
    outbox.put(CancelOrders(1, ("0x1",)))
    outbox.put(PlaceOrders(2, 0, ()))
    assert [type(took.get(timeout=LOST_AFTER_S / 2)) for _ in range(2)] == [CancelOrders, PlaceOrders]


@pytest.mark.parametrize("gateways", [(0,), (1,), (2, 3)], ids=["only gateway-0 is free", "only one other is", "two others are"])
def test_a_cancel_is_taken_by_whoever_is_free_while_the_others_are_busy(run_together, gateways):
    pool = Pool(gateways, lambda seq: CancelOrders(seq, ("0x1",)))
    run_together(**pool.calls(wave=2))
    assert sum(r.seq >= 0 for requests in pool.taken.values() for r in requests) == REQUESTS


def test_a_place_is_either_taken_or_shed_by_the_epoch_and_never_both(run_together):
    outbox, taken, shed, done = OrderOutbox(), [], [], threading.Event()

    def write():
        for seq in range(REQUESTS):
            outbox.put(PlaceOrders(seq, outbox.epoch, ()))
            if seq % 5 == 0:
                shed.extend(outbox.raise_epoch(outbox.epoch + 1))
        done.set()

    def serve(mine):
        while not done.is_set() or any(outbox.depths.values()):
            request = outbox.take(only_cancels=False, timeout_s=0.01)
            if request is not None:
                mine.append(request)

    lists = [[] for _ in range(3)]
    run_together(executor=write, **{f"gateway-{n}": lambda mine=mine: serve(mine) for n, mine in enumerate(lists, 1)})
    taken = [request for mine in lists for request in mine]
    assert sorted(request.seq for request in taken + shed) == list(range(REQUESTS))
    assert shed and taken
