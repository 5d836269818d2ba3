"""Role 6, threads `gateway-0` … `gateway-3`: take a request, sign, send, answer. The only code that sends orders.

Fed by the outbox, answers into the executor's inbox: exactly one result a request, whatever happens. gateway-0 serves only
cancels, so that slow places can never stand in front of one. A place waits until the journal has it on disk.
"""

from __future__ import annotations

from typing import Protocol

from trader.gateway.limits import AccountLimits
from trader.gateway.settings import GatewaySettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.inbox import ExecutorInbox
from trader.handoff.outbox import OrderOutbox
from trader.model.action import (
    CancelMarket,
    CancelOrders,
    Flight,
    PlaceOrders,
    ReadBalances,
    ReadFills,
    ReadOpenOrders,
    ReadOrder,
    Request,
)
from trader.model.event import (
    Answer,
    BalancesRead,
    CancelMarketResult,
    CancelResult,
    FillsRead,
    OpenOrdersRead,
    OrderRead,
    Outcome,
    PlaceResult,
    Result,
    Timing,
)
from trader.model.units import MoneyMicro
from trader.runtime.clock import Clock
from trader.runtime.role import CONNECTING_LIMIT_MS, CYCLE_LIMIT_MS, Posture
from trader.venues.contract import OrderClient


class WrittenJournal(Protocol):
    """`handoff.journal` fills it in."""

    def wait_written(self, seq: int, timeout_s: float) -> bool:
        """True once everything up to request `seq` is on disk; False when the time is over or the journal has failed."""
        ...


class GatewayRole:
    """One thread with one connection of its own."""

    def __init__(self, index: int, settings: GatewaySettings, client: OrderClient, limits: AccountLimits, outbox: OrderOutbox,
                 inbox: ExecutorInbox, flight: SnapshotCache[Flight | None], clock: Clock,
                 journal: WrittenJournal | None = None) -> None:
        """`journal`: None for a desk that keeps none."""
        self.name = f"gateway-{index}"
        self.posture = Posture(clock)
        self._only_cancels = index == 0
        self._settings, self._client, self._limits, self._journal = settings, client, limits, journal
        self._outbox, self._inbox, self._flight, self._clock = outbox, inbox, flight, clock
        self._taken_ns = self._sent_ns = 0       # of the request that is being served; sent 0: it has not left

    def on_start(self) -> None:
        self._flight.publish(None)
        self._client.warm()

    def do_work(self) -> None:
        request = self._outbox.take(only_cancels=self._only_cancels, timeout_s=CYCLE_LIMIT_MS / 1000)
        if request is None:
            self._idle()
            return
        self._taken_ns = self._clock.monotonic_ns()
        self.posture.declare(type(request).__name__, self._deadline_ms(request))
        try:
            result = self._serve(request)
        except BaseException:                    # ends this thread, but what it took must not stay open in the executor's books
            self._inbox.put(self._unanswered(request))
            raise
        self._inbox.put(result)

    def on_stop(self) -> None:
        self._client.close()

    def _idle(self) -> None:
        """A server closes what is silent for long: the next order must not be the one to find out."""
        self.posture.declare("connecting", CONNECTING_LIMIT_MS)
        self._client.warm()

    def _deadline_ms(self, request: Request) -> int:
        """What the client promises, and a second for what no client can bound better."""
        settings = self._settings
        match request:
            case PlaceOrders():
                return settings.journal_ms + settings.place_ms + 1000
            case CancelOrders() | CancelMarket():
                return settings.cancel_ms + 1000
            case _:
                return 3 * settings.read_ms + 1000       # a listing may have pages

    def _serve(self, request: Request) -> Result:
        self._sent_ns = 0
        match request:
            case PlaceOrders():
                return self._place(request)
            case CancelOrders():
                return self._cancel(request)
            case _:
                return self._send(request)

    def _place(self, request: PlaceOrders) -> PlaceResult:
        """Signs while the journal writes, and looks at the epoch last, so that the window in which a cancel-all is missed is as
        short as it can be."""
        wait_ms = self._limits.place(len(request.orders))
        if wait_ms:
            return self._unsent(request, Outcome.RATE_LIMITED, wait_ms)
        signed = [self._client.sign(order_id, order) for order_id, order in request.orders]
        if self._journal is not None and not self._journal.wait_written(request.seq, self._settings.journal_ms / 1000):
            return self._unsent(request, Outcome.SHED, detail=f"not in the journal within {self._settings.journal_ms} ms")
        self._take_off(places=True)              # shown first, looked at the epoch then: whoever raises it and finds nobody
        try:                                     # sending knows that no place of an older one leaves any more
            if request.epoch < self._outbox.epoch:
                return self._unsent(request, Outcome.SHED)
            answers = self._client.place(signed)
        finally:
            self._flight.publish(None)
        return PlaceResult(request, answers, self._timing())

    def _cancel(self, request: CancelOrders) -> Result:
        """Beyond the account's rate it is given back instead of waited with: a cancel-all may come next. The executor repeats it."""
        wait_ms = self._limits.cancels.take(len(request.order_ids))
        if wait_ms:
            answers = tuple(Answer(order_id, Outcome.RATE_LIMITED, "", wait_ms) for order_id in request.order_ids)
            return CancelResult(request, answers, Timing())
        return self._send(request)

    def _unsent(self, request: PlaceOrders, outcome: Outcome, retry_after_ms: int = 0, detail: str = "") -> PlaceResult:
        answers = tuple(Answer(order_id, outcome, detail, retry_after_ms) for order_id, _ in request.orders)
        return PlaceResult(request, answers, Timing())

    def _send(self, request: Request) -> Result:
        self._take_off(places=False)
        try:
            return self._ask(request)
        finally:
            self._flight.publish(None)

    def _ask(self, request: Request) -> Result:
        client = self._client
        match request:
            case CancelOrders():
                answers = client.cancel(request.order_ids)
                return CancelResult(request, answers, self._timing())
            case CancelMarket():
                outcome, cancelled, retry_after_ms = client.cancel_market(request.condition_id)
                self._limits.cancels.spend(1 + len(cancelled))       # never held back; the others wait for it
                return CancelMarketResult(request, outcome, cancelled, self._timing(), retry_after_ms)
            case ReadOrder():
                outcome, order = client.read_order(request.order_id)
                return OrderRead(request, outcome, order, self._timing())
            case ReadOpenOrders():
                outcome, orders = client.read_open_orders(request.condition_id)
                return OpenOrdersRead(request, outcome, orders, self._timing())
            case ReadFills():
                outcome, fills = client.read_fills(request.condition_id, request.after_s)
                return FillsRead(request, outcome, fills, self._timing())
            case ReadBalances():
                outcome, cash_micro, tokens = client.read_balances(request.token_ids, request.protocol)
                return BalancesRead(request, outcome, cash_micro, tokens, self._timing())
            case PlaceOrders():
                raise AssertionError("places are served by _place")

    def _unanswered(self, request: Request) -> Result:
        """The client broke its word and raised: what had left may have happened, what had not never will."""
        timing = self._timing() if self._sent_ns else Timing()
        match request:
            case PlaceOrders():
                outcome = Outcome.UNKNOWN if self._sent_ns else Outcome.SHED
                return PlaceResult(request, tuple(Answer(order_id, outcome) for order_id, _ in request.orders), timing)
            case CancelOrders():
                return CancelResult(request, tuple(Answer(order_id, Outcome.UNKNOWN) for order_id in request.order_ids), timing)
            case CancelMarket():
                return CancelMarketResult(request, Outcome.UNKNOWN, (), timing)
            case ReadOrder():
                return OrderRead(request, Outcome.UNKNOWN, None, timing)
            case ReadOpenOrders():
                return OpenOrdersRead(request, Outcome.UNKNOWN, (), timing)
            case ReadFills():
                return FillsRead(request, Outcome.UNKNOWN, (), timing)
            case ReadBalances():
                return BalancesRead(request, Outcome.UNKNOWN, MoneyMicro(0), (), timing)

    def _take_off(self, *, places: bool) -> None:
        self._sent_ns = self._clock.monotonic_ns()
        self._flight.publish(Flight(places, self._sent_ns))

    def _timing(self) -> Timing:
        return Timing(self._taken_ns, self._sent_ns, self._clock.monotonic_ns())
