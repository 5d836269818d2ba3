"""Requests on their way from the executor to the gateway threads, in lanes. Owns the epoch."""

from __future__ import annotations

import threading
from collections import deque
from enum import IntEnum

from trader.model.action import CancelMarket, CancelOrders, PlaceOrders, Request


class Lane(IntEnum):
    """Served in this order by every thread that may serve it."""

    CANCEL_ALL = 0
    CANCEL = 1
    PLACE = 2
    READ = 3


_ALL = tuple(Lane)
_CANCELS = (Lane.CANCEL_ALL, Lane.CANCEL)


class OrderOutbox:
    """Writer: executor. Readers: gateway threads, one of which serves only the two cancel lanes.

    The two conditions share one lock. A cancel notifies both, anything else only the threads that serve all lanes:
    with one condition a place could wake the cancel thread, which goes back to sleep, and the place would wait for nothing.
    """

    def __init__(self) -> None:
        lock = threading.Lock()
        self._cancel_ready = threading.Condition(lock)
        self._any_ready = threading.Condition(lock)
        self._lanes: list[deque[Request]] = [deque() for _ in Lane]
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
        with self._any_ready:
            self._lanes[lane].append(request)
            self._any_ready.notify()
            if lane <= Lane.CANCEL:
                self._cancel_ready.notify()

    def raise_epoch(self, epoch: int) -> list[PlaceOrders]:      # executor thread
        """From now on only places of `epoch` are sent; it never falls. Returns the queued ones that are shed, so that
        each is answered."""
        with self._any_ready:
            self._epoch = max(self._epoch, epoch)
            queued = [r for r in self._lanes[Lane.PLACE] if isinstance(r, PlaceOrders)]      # the lane holds nothing else
            self._lanes[Lane.PLACE] = deque(r for r in queued if r.epoch >= self._epoch)
            return [r for r in queued if r.epoch < self._epoch]

    def take(self, *, only_cancels: bool, timeout_s: float) -> Request | None:       # gateway threads; their parking spot
        ready = self._cancel_ready if only_cancels else self._any_ready
        with ready:
            if not self._first(only_cancels):
                ready.wait(timeout_s)
            lane = self._first(only_cancels)
            return lane.popleft() if lane else None

    def _first(self, only_cancels: bool) -> deque[Request] | None:
        for lane in _CANCELS if only_cancels else _ALL:
            if self._lanes[lane]:
                return self._lanes[lane]
        return None


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
