"""Requests on their way from the executor to the gateway threads, in lanes. Owns the epoch."""

from __future__ import annotations

import threading
from collections import deque
from enum import IntEnum
from typing import NamedTuple

from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, Request


class Lane(IntEnum):
    """Served in this order by every thread that may serve it."""

    CANCEL_ALL = 0
    CANCEL = 1
    PLACE = 2
    READ = 3


_ALL = tuple(Lane)
_CANCELS = (Lane.CANCEL_ALL, Lane.CANCEL)


class _Parked(NamedTuple):
    """A gateway thread that waits. Its own lock is its bell, as in `doorbell`."""

    only_cancels: bool
    bell: threading.Lock


class OrderOutbox:
    """Writer: executor. Readers: gateway threads, one of which serves only the two cancel lanes.

    A request wakes exactly one thread, and one that may serve it: of those that wait the last to come, whose memory is still warm; for
    a cancel the thread that serves nothing else. Whoever takes a request and leaves another behind wakes the next.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()                # guards lanes and list
        self._lanes: list[deque[Request]] = [deque() for _ in Lane]
        self._parked: list[_Parked] = []
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Read by a gateway thread just before sending: a place of an older epoch must not leave."""
        return self._epoch

    @property
    def depths(self) -> dict[str, int]:
        return {lane.name.lower(): len(self._lanes[lane]) for lane in Lane}

    def put(self, request: Request) -> None:         # executor thread (and the supervisor, if the executor crashed)
        lane = lane_of(request)
        with self._lock:
            self._lanes[lane].append(request)
            self._wake_for(lane)

    def raise_epoch(self, epoch: int) -> list[PlaceOrders]:      # executor thread
        """From now on only places of `epoch` are sent; it never falls. Returns the queued ones that are shed, so that
        each is answered."""
        with self._lock:
            self._epoch = max(self._epoch, epoch)
            queued = [r for r in self._lanes[Lane.PLACE] if isinstance(r, PlaceOrders)]      # the lane holds nothing else
            self._lanes[Lane.PLACE] = deque(r for r in queued if r.epoch >= self._epoch)
            return [r for r in queued if r.epoch < self._epoch]

    def take(self, *, only_cancels: bool, timeout_s: float) -> Request | None:       # gateway threads; their parking spot
        """None: nothing came in time, or another thread was faster."""
        lanes = _CANCELS if only_cancels else _ALL
        with self._lock:
            request = self._first(lanes)
            if request is not None or timeout_s <= 0:
                return request
            parked = _Parked(only_cancels, threading.Lock())
            parked.bell.acquire()
            self._parked.append(parked)
        parked.bell.acquire(timeout=timeout_s)
        with self._lock:
            if parked in self._parked:               # nobody rang
                self._parked.remove(parked)
            return self._first(lanes)

    def _first(self, lanes: tuple[Lane, ...]) -> Request | None:
        for lane in lanes:
            if self._lanes[lane]:
                request = self._lanes[lane].popleft()
                self._wake_for_the_rest()
                return request
        return None

    def _wake_for_the_rest(self) -> None:
        """A thread that was woken for a place may have taken a cancel instead: the place must not wait for the next ring."""
        for lane in _ALL:
            if self._lanes[lane]:
                self._wake_for(lane)

    def _wake_for(self, lane: Lane) -> None:
        """The caller holds the lock. If nobody waits that may serve it, whoever becomes free looks before he parks."""
        fit = [parked for parked in self._parked if lane <= Lane.CANCEL or not parked.only_cancels]
        if fit:
            woken = next((parked for parked in fit if parked.only_cancels), fit[-1])
            self._parked.remove(woken)
            woken.bell.release()


def lane_of(request: Request) -> Lane:
    match request:
        case CancelMarket():
            return Lane.CANCEL_ALL
        case CancelOrders():
            return Lane.CANCEL
        case PlaceOrders():
            return Lane.PLACE
        case _:
            return Lane.READ
