"""The pool with real threads: what a hanging venue does to the ones, it does not do to the other."""

import threading

import pytest

from trader.gateway.limits import AccountLimits, TokenBucket
from trader.gateway.role import GatewayRole
from trader.gateway.settings import GatewaySettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import CancelMarket, CancelOrders, PlaceOrders
from trader.model.event import Answer, CancelMarketResult, CancelResult, Outcome, PlaceResult
from trader.model.order import OrderSpec, Side
from trader.runtime.clock import SystemClock
from trader.runtime.role import RoleThread
from trader.venues.contract import SignedOrder

DEADLINE_S = 20
SPEC = OrderSpec("0xaa", "1", Side.BUY, 4000, 10_000_000, 7, 1_795_000_000_000, "v1", False)


class HangingClient:
    """Places hang until they are released; everything else is answered at once."""

    def __init__(self, hanging, release):
        self._hanging, self._release = hanging, release

    def warm(self):
        pass

    def sign(self, order_id, order):
        return SignedOrder(order_id, b"{}")

    def place(self, orders):
        self._hanging.release()
        self._release.wait(DEADLINE_S)
        return tuple(Answer(order.order_id, Outcome.OK) for order in orders)

    def cancel(self, order_ids):
        return tuple(Answer(order_id, Outcome.OK) for order_id in order_ids)

    def cancel_market(self, condition_id):
        return Outcome.OK, (), 0

    def close(self):
        pass


class Pool:
    def __init__(self):
        clock, settings = SystemClock(), GatewaySettings()
        limits = AccountLimits(TokenBucket(clock, 1000, 1000), TokenBucket(clock, 2000, 2000))
        self.outbox, self.inbox, self.crashes = OrderOutbox(), ExecutorInbox(), []
        self.hanging, self.release = threading.Semaphore(0), threading.Event()
        self.threads = [
            RoleThread(GatewayRole(index, settings, HangingClient(self.hanging, self.release), limits, self.outbox, self.inbox,
                                   SnapshotCache(f"flight {index}"), clock), lambda name, error: self.crashes.append(error))
            for index in range(settings.threads)
        ]
        for thread in self.threads:
            thread.start()

    def hang_all_but_one(self):
        for seq in range(1, len(self.threads)):
            self.outbox.put(place(seq))
        for _ in self.threads[1:]:
            assert self.hanging.acquire(timeout=DEADLINE_S)

    def answer(self):
        return self.inbox.get(DEADLINE_S)

    def close(self):
        self.release.set()
        for thread in self.threads:
            thread.ask_to_stop()
        for thread in self.threads:
            thread.join(DEADLINE_S)
        assert not self.crashes and not any(thread.is_alive() for thread in self.threads)


def place(seq):
    return PlaceOrders(seq, 0, ((f"0x{seq}", SPEC),))


@pytest.fixture
def pool():
    pool = Pool()
    yield pool
    pool.close()


def test_cancels_are_answered_while_every_other_thread_hangs_in_a_place(pool):
    pool.hang_all_but_one()
    pool.outbox.put(place(9))                    # must not take the last thread
    pool.outbox.put(CancelOrders(10, ("0x1",)))
    pool.outbox.put(CancelMarket(11, "0xaa"))
    assert {type(pool.answer()), type(pool.answer())} == {CancelResult, CancelMarketResult}
    assert pool.outbox.depths["place"] == 1


def test_a_thousand_requests_get_a_thousand_answers_each_its_own(pool):
    pool.release.set()
    requests = [(place, lambda seq: CancelOrders(seq, (f"0x{seq}",)), lambda seq: CancelMarket(seq, "0xaa"))[seq % 3](seq)
                for seq in range(1000)]
    for request in requests:
        pool.outbox.put(request)
    results = [pool.answer() for _ in requests]
    assert sorted(result.request.seq for result in results) == list(range(1000))
    assert {type(result) for result in results} == {PlaceResult, CancelResult, CancelMarketResult}
    assert all(pool.hanging.acquire(blocking=False) for _ in range(334)) and not pool.hanging.acquire(blocking=False)
