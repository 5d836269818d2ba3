"""The simplest venue that is right: answers every gateway request from memory. The judge of the executor's property tests.

It knows nothing of wires, threads or time. It checks what a venue would (no sale of what is not settled, no buy beyond the
cash) and keeps `refused` so that a test can say that a correct executor is never refused for those reasons. `mood` makes it
refuse places for reasons of its own, of a batch only some. What takes is filled up to `demand_micro`, and the rest is gone.
"""

from __future__ import annotations

from typing import NamedTuple

from trader.model.action import (
    CancelMarket,
    CancelOrders,
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
    Fill,
    FillsRead,
    OpenOrdersRead,
    OrderRead,
    OrderUpdate,
    Outcome,
    PlaceResult,
    Result,
    Timing,
    TradeStatus,
    VenueStatus,
)
from trader.model.order import OrderSpec, Side
from trader.model.units import MoneyMicro, SizeMicro, notional_micro

Truth = OrderUpdate | Fill


class _Resting(NamedTuple):
    spec: OrderSpec
    matched_micro: int
    status: VenueStatus


class ModelVenue:
    """`serve` does what a request asks and returns its answer; `truth` collects the user stream's events, in order."""

    def __init__(self, cash_micro: int) -> None:
        self.cash_micro = cash_micro
        self.orders: dict[str, _Resting] = {}
        self.trades: dict[str, Fill] = {}
        self.settled: dict[str, int] = {}
        self.truth: list[Truth] = []
        self.refused: list[str] = []
        self.mood: tuple[Outcome, int] | None = None         # how every place is refused now, and its retry_after_ms
        self.mood_every = 1                                  # only each n-th order of a batch is refused
        self.mines_at_once = False                           # a trade settles as it is made
        self.demand_micro = 0                                # what others bid for, at any price, of each order that takes
        self.now_ms = 0

    # --- what the venue does by itself ------------------------------------------------------------------------------

    def live(self) -> list[str]:
        return [order_id for order_id, order in self.orders.items() if order.status is VenueStatus.LIVE]

    def rest(self, order_id: str, spec: OrderSpec) -> None:
        """An order that lies here already, of an earlier run."""
        self.orders[order_id] = _Resting(spec, 0, VenueStatus.LIVE)

    def fill(self, order_id: str, size_micro: int) -> None:
        """Somebody trades with this resting order."""
        order = self.orders[order_id]
        size = min(size_micro, order.spec.size_micro - order.matched_micro)
        matched = order.matched_micro + size
        status = VenueStatus.FILLED if matched == order.spec.size_micro else VenueStatus.LIVE
        self.orders[order_id] = order._replace(matched_micro=matched, status=status)
        trade = Fill(f"t{len(self.trades)}", order_id, order.spec.condition_id, order.spec.token_id, None, order.spec.price_bp,
                     SizeMicro(size), MoneyMicro(0), TradeStatus.MATCHED, self.now_ms)
        if order.spec.side is Side.BUY:
            self.cash_micro -= notional_micro(order.spec.price_bp, size)
        else:
            self._add(order.spec.token_id, -size)
        self.trades[trade.trade_id] = trade
        self.truth += [self._update(order_id), trade]
        if self.mines_at_once:
            self.mine(trade.trade_id)

    def mine(self, trade_id: str) -> None:
        trade = self.trades[trade_id]
        if trade.status is not TradeStatus.MATCHED:
            return
        if self._side(trade) is Side.BUY:
            self._add(trade.token_id, trade.size_micro)
        else:
            self.cash_micro += trade.price_bp * trade.size_micro // 10_000
        self._report(trade._replace(status=TradeStatus.MINED))

    def fail(self, trade_id: str) -> None:
        """Settlement failed for good: both sides get back what they gave."""
        trade = self.trades[trade_id]
        if trade.status is not TradeStatus.MATCHED:
            return
        if self._side(trade) is Side.BUY:
            self.cash_micro += notional_micro(trade.price_bp, trade.size_micro)
        else:
            self._add(trade.token_id, trade.size_micro)
        self._report(trade._replace(status=TradeStatus.FAILED))

    def effective(self, token_id: str) -> int:
        """What is held if every matched trade settles."""
        bought = sum(t.size_micro for t in self.trades.values()
                     if t.status is TradeStatus.MATCHED and t.token_id == token_id and self._side(t) is Side.BUY)
        return self.settled.get(token_id, 0) + bought

    def open_micro(self, token_id: str, side: Side) -> int:
        """What could still fill of our resting orders."""
        return sum(o.spec.size_micro - o.matched_micro for o in self.orders.values()
                   if o.status is VenueStatus.LIVE and o.spec.token_id == token_id and o.spec.side is side)

    # --- what it is asked ---------------------------------------------------------------------------------------------

    def serve(self, request: Request) -> Result:
        match request:
            case PlaceOrders():
                return PlaceResult(request, tuple(self._place(order_id, spec, index)
                                                  for index, (order_id, spec) in enumerate(request.orders, 1)), Timing())
            case CancelOrders():
                return CancelResult(request, tuple(self._cancel(order_id) for order_id in request.order_ids), Timing())
            case CancelMarket():
                mine = [i for i in self.live() if self.orders[i].spec.condition_id == request.condition_id]
                return CancelMarketResult(request, Outcome.OK, tuple(i for i in mine if self._cancel(i)), Timing())
            case ReadOrder():
                known = request.order_id in self.orders
                row = self._update(request.order_id) if known else None
                return OrderRead(request, Outcome.OK if known else Outcome.NOT_FOUND, row, Timing())
            case ReadOpenOrders():
                rows = [self._update(i) for i in self.live() if self.orders[i].spec.condition_id == request.condition_id]
                return OpenOrdersRead(request, Outcome.OK, tuple(rows), Timing())
            case ReadFills():
                return FillsRead(request, Outcome.OK, tuple(t for t in self.trades.values() if _asked_for(t, request)), Timing())
            case ReadBalances():
                tokens = tuple((token, self.settled.get(token, 0)) for token in request.token_ids)
                return BalancesRead(request, Outcome.OK, MoneyMicro(self.cash_micro), tokens, Timing())

    def expire_heartbeat(self) -> None:
        """The dead-man's switch: everything goes."""
        for order_id in self.live():
            self._cancel(order_id)

    def _place(self, order_id: str, spec: OrderSpec, index: int) -> Answer:
        if order_id in self.orders:
            return Answer(order_id, Outcome.DUPLICATE)
        if self.mood is not None and index % self.mood_every == 0:
            return Answer(order_id, self.mood[0], "not now", self.mood[1])
        held = self.settled.get(spec.token_id, 0) - self.open_micro(spec.token_id, Side.SELL)
        if spec.side is Side.SELL and spec.size_micro > held:
            self.refused.append(order_id)
            return Answer(order_id, Outcome.INSUFFICIENT_BALANCE, "not enough balance / allowance")
        if spec.side is Side.BUY and notional_micro(spec.price_bp, spec.size_micro) > self.cash_micro:
            self.refused.append(order_id)
            return Answer(order_id, Outcome.INSUFFICIENT_BALANCE, "not enough balance / allowance")
        if spec.takes and not self.demand_micro:
            return Answer(order_id, Outcome.NO_MATCH, "no orders found to match")
        self.orders[order_id] = _Resting(spec, 0, VenueStatus.LIVE)
        self.truth.append(self._update(order_id))
        if spec.takes:
            self.fill(order_id, self.demand_micro)
            self._cancel(order_id)
        return Answer(order_id, Outcome.OK)

    def _cancel(self, order_id: str) -> Answer:
        order = self.orders.get(order_id)
        if order is None or order.status is not VenueStatus.LIVE:
            return Answer(order_id, Outcome.NOT_FOUND)
        self.orders[order_id] = order._replace(status=VenueStatus.CANCELLED)
        self.truth.append(self._update(order_id))
        return Answer(order_id, Outcome.OK)

    def _update(self, order_id: str) -> OrderUpdate:
        spec, matched_micro, status = self.orders[order_id]
        return OrderUpdate(order_id, spec.condition_id, spec.token_id, spec.side, spec.price_bp, spec.size_micro,
                           SizeMicro(matched_micro), status, 0)

    def _side(self, trade: Fill) -> Side:
        return self.orders[trade.order_id].spec.side

    def _add(self, token_id: str, size_micro: int) -> None:
        self.settled[token_id] = self.settled.get(token_id, 0) + size_micro

    def _report(self, trade: Fill) -> None:
        self.trades[trade.trade_id] = trade
        self.truth.append(trade)


def _asked_for(trade: Fill, request: ReadFills) -> bool:
    return trade.condition_id == request.condition_id and trade.venue_ms >= request.after_s * 1000
