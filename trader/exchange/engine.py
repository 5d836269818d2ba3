"""The matching engine: orders in, events out. Pure: no I/O, no threads, no clock; the caller passes `now_ms` (wall time).

Runs under the venue's lock, on whichever thread asks: a REST worker, the market's life, a test. Every change that
somebody outside could see is appended to `events`, in the order in which it happened; the venue drains them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby

from trader.exchange import admission, refusal
from trader.exchange.accounts import Ledger
from trader.exchange.events import BookChanged, Event, LevelChange, MarketClosed, OrderChange, OrderChanged, TickChanged, TradeChanged
from trader.exchange.fills import Fill, collateral_change_micro, fills_of, sized
from trader.exchange.market import FINE_TICK_BP, Market
from trader.exchange.orders import (
    MarketSpec,
    NewOrder,
    Order,
    OrderStatus,
    Outcome,
    Placed,
    Side,
    Trade,
    book_side,
    yes_bp,
)
from trader.exchange.records import Records
from trader.exchange.refusal import Refusal
from trader.exchange.settlement import Movement, Settlement, Swap
from trader.exchange.taker_delay import TakerDelay
from trader.exchange.trades import Stamp, Stamper, new_trade, swaps_of
from trader.model.units import notional_micro

_KILLED = {refusal.FOK_KILLED: OrderStatus.FOK_KILLED, refusal.NOT_ENOUGH: OrderStatus.NOT_ENOUGH}


class Engine:
    """Price-time priority; a fill happens at the maker's limit; both outcomes share one book."""

    def __init__(self, *, settle_ms: int, new_trade_id: Callable[[], str], taker_delay_ms: int = 0) -> None:
        self.ledger = Ledger()
        self.markets: dict[str, Market] = {}
        self.open_orders: defaultdict[str, dict[str, Order]] = defaultdict(dict)    # by account, then by order id
        self.records = Records()
        self.events: list[Event] = []
        self.settlement = Settlement(self.ledger, settle_ms)
        self.delay = TakerDelay(taker_delay_ms)
        self._new_trade_id = new_trade_id

    def list_market(self, spec: MarketSpec, now_ms: int) -> Market:
        market = self.markets[spec.condition_id] = Market(spec, now_ms)
        return market

    # orders ----------------------------------------------------------------------------------------------------------

    def place(self, new: NewOrder, now_ms: int, stamp: Stamper | None = None) -> Placed:
        """Matches and rests `new`, or raises Refusal and changes nothing. `stamp` is asked once a trade."""
        market = self._admit(new, now_ms)
        new, fills = self._met(new, market)
        order, account = Order(new, now_ms), self.ledger.accounts[new.account_id]
        account.placed += 1
        self.records.orders[new.order_id] = order
        held = bool(fills and self.delay.delay_ms and not account.internal)     # the population's orders are late by nature
        if held:
            self._hold(order)
        self._tell(order, OrderChange.PLACEMENT, now_ms)
        trades = () if held else self._enter(order, market, fills, now_ms, stamp)
        return Placed(order.state(), trades)

    def cancel(self, account_id: str, order_ids: Iterable[str], now_ms: int) -> tuple[list[str], dict[str, str]]:
        """(cancelled, {not cancelled: why})."""
        cancelled, kept = [], {}
        for order_id in order_ids:
            order = self.open_orders[account_id].get(order_id)
            if order is None:
                kept[order_id] = self._why_not_cancelled(account_id, order_id)
                continue
            self.finish(order, OrderStatus.CANCELED, now_ms)
            self.ledger.accounts[account_id].cancelled += 1
            cancelled.append(order_id)
        return cancelled, kept

    def finish(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        """Takes an open order off the book for any reason but a fill."""
        market = self.markets[order.new.condition_id]
        market.book.shrink(order, order.open_micro)
        self._reserve(order, -1)
        self._kill(order, status, now_ms)
        self._tell_level(order, market, now_ms)

    def advance(self, now_ms: int, stamp: Stamper | None = None) -> bool:
        """Lets go held orders, settles what is due and expires GTD orders. False when nothing was."""
        released = self.delay.due(now_ms)
        for order in released:
            self._release(order, now_ms, stamp)
        moved = self.settlement.advance(now_ms)
        for trade in moved:
            self._record(trade)
            winner = self.markets[trade.spec.condition_id].winner
            if winner is not None:
                self.ledger.redeem(trade.spec.condition_id, winner)      # these tokens arrived after the resolution
        dead = self._mortal(now_ms)
        for order in dead:
            self.finish(order, OrderStatus.EXPIRED, now_ms)
        return bool(released or moved or dead)

    # markets ---------------------------------------------------------------------------------------------------------

    def close_market(self, condition_id: str, now_ms: int) -> None:
        """Trading stops; whatever is still open is cancelled."""
        market = self.markets[condition_id]
        market.accepting = False
        for order in self._open(lambda order: order.new.condition_id == condition_id):
            self.finish(order, OrderStatus.RESOLVED, now_ms)
        for order in self.delay.drop(condition_id):
            self._reserve(order, -1)
            self._kill(order, OrderStatus.RESOLVED, now_ms)
        self.events.append(MarketClosed(market.spec, now_ms))

    def change_tick(self, market: Market, tick_bp: int, now_ms: int) -> None:
        old_bp, market.spec, market.changed_ms = market.spec.tick_bp, market.spec._replace(tick_bp=tick_bp), now_ms
        self.events.append(TickChanged(market.spec, old_bp, now_ms))

    def resolve_market(self, condition_id: str, winner: Outcome) -> None:
        self.markets[condition_id].winner = winner
        self.ledger.redeem(condition_id, winner)

    def forget_market(self, condition_id: str) -> MarketSpec:
        """Resolved, redeemed and settled; its collateral is all paid out, or conservation would show that it is not."""
        if not self.ledger.locked_micro.get(condition_id):
            self.ledger.locked_micro.pop(condition_id, None)
        return self.markets.pop(condition_id).spec

    def conserved(self) -> bool:
        """No dollar and no token appeared or vanished."""
        unresolved = [market for market in self.markets.values() if market.winner is None]
        return self.ledger.cash_conserved() and all(self.ledger.backed(market.spec.condition_id) for market in unresolved)

    def _mortal(self, now_ms: int) -> list[Order]:
        """GTD orders whose time is up. The population makes none, and its orders are by far the most."""
        accounts = self.ledger.accounts
        return [order for account_id, orders in self.open_orders.items() if not accounts[account_id].internal
                for order in orders.values() if (dies_ms := admission.dies_ms(order)) is not None and dies_ms <= now_ms]

    def _open(self, fits: Callable[[Order], bool]) -> list[Order]:
        return [order for orders in self.open_orders.values() for order in orders.values() if fits(order)]

    def restore(self, order: Order) -> None:
        """Puts back an order of a former life, finished or open; in the order of placement, which is time priority."""
        self.records.orders[order.new.order_id] = order
        if order.status is OrderStatus.DELAYED:
            self._hold(order)
            return
        if order.status is not OrderStatus.LIVE:
            self.records.finished(order, keep=True)
            return
        self.markets[order.new.condition_id].book.add(order)
        self.open_orders[order.new.account_id][order.new.order_id] = order
        self._reserve(order, +1)

    # inside ----------------------------------------------------------------------------------------------------------

    def _admit(self, new: NewOrder, now_ms: int) -> Market:
        market = self.markets.get(new.condition_id)
        if market is None:
            raise Refusal(refusal.NO_BOOK)
        if new.order_id in self.records.orders:
            raise Refusal(f"order {new.order_id} is invalid. Duplicated.")
        admission.check_terms(new, market, now_ms)
        return market

    def _met(self, new: NewOrder, market: Market) -> tuple[NewOrder, list[Fill]]:
        """The order with its size, and what it would trade now; Refusal where that breaks a rule."""
        fills = fills_of(new, market.book.met_by(book_side(new.outcome, new.side), yes_bp(new.outcome, new.price_bp)))
        new = sized(new, fills)
        admission.check_book(new, market, fills)
        admission.check_funds(new, self.ledger.accounts[new.account_id], fills)
        return new, fills

    def _hold(self, order: Order) -> None:
        order.status = OrderStatus.DELAYED
        self._reserve(order, +1)
        self.delay.hold(order)

    def _release(self, order: Order, now_ms: int, stamp: Stamper | None) -> None:
        """The delay is over: the order meets the book as it is now, rests, or is killed for what would have refused it."""
        market = self.markets[order.new.condition_id]
        self._reserve(order, -1)
        try:
            order.new, fills = self._met(order.new, market)
        except Refusal as refused:
            self._kill(order, _KILLED.get(str(refused), OrderStatus.CANCELED), now_ms)
            return
        order.status = OrderStatus.LIVE
        if not self._enter(order, market, fills, now_ms, stamp):
            self._tell(order, OrderChange.UPDATE, now_ms)

    def _enter(self, order: Order, market: Market, fills: list[Fill], now_ms: int, stamp: Stamper | None) -> tuple[Trade, ...]:
        trades = self._execute(order, market, fills, now_ms, stamp or self._stamp)
        self._rest_or_finish(order, market, now_ms)
        self._tell_book(order, market, trades, fills, now_ms)
        return tuple(trades)

    def _stamp(self, taker: NewOrder, fills: list[Fill]) -> Stamp:
        return Stamp(self._new_trade_id())

    def _execute(self, taker: Order, market: Market, fills: list[Fill], now_ms: int, stamp: Stamper) -> list[Trade]:
        """One trade for each price level that the taker reaches."""
        trades = []
        for price_bp, group in groupby(fills, key=lambda fill: fill.price_bp):
            taken = list(group)
            trade = new_trade(stamp(taker.new, taken), taker.new, price_bp, taken, now_ms)
            self._settle(trade, taker, market, taken)
            self._record(trade)
            trades.append(trade)
        for order in [*(fill.maker for fill in fills), taker] if fills else []:
            self._tell(order, OrderChange.UPDATE, now_ms)
        return trades

    def _settle(self, trade: Trade, taker: Order, market: Market, fills: list[Fill]) -> None:
        """Takes what is paid, sends what is received on its way, and marks both sides' orders."""
        locked_micro = 0
        swaps: list[Swap] = []
        for fill in fills:
            self._reserve(fill.maker, -1)
            swaps += swaps_of(taker.new, fill)
            locked_micro += collateral_change_micro(taker.new.side, fill.maker.new.side, fill.size_micro)
            self._matched(fill.maker, market, fill.size_micro, trade.trade_id)
        self.settlement.accept(Movement(trade, tuple(swaps), locked_micro))
        taker.matched_micro += trade.size_micro
        taker.trade_ids.append(trade.trade_id)
        if not taker.open_micro:
            taker.status = OrderStatus.MATCHED
        self.ledger.accounts[taker.new.account_id].fills += 1
        market.last_trade_bp, market.last_trade_side = yes_bp(taker.new.outcome, trade.price_bp), taker.book_side

    def _matched(self, maker: Order, market: Market, size_micro: int, trade_id: str) -> None:
        market.book.shrink(maker, size_micro)
        maker.matched_micro += size_micro
        maker.trade_ids.append(trade_id)
        self._reserve(maker, +1)
        self.ledger.accounts[maker.new.account_id].fills += 1
        if not maker.open_micro:
            maker.status = OrderStatus.MATCHED
            self._close(maker)

    def _rest_or_finish(self, order: Order, market: Market, now_ms: int) -> None:
        new = order.new
        if not order.open_micro:
            self._close(order)
        elif new.order_type.may_rest:
            market.book.add(order)
            self.open_orders[new.account_id][new.order_id] = order
            self._reserve(order, +1)
        else:
            self._kill(order, OrderStatus.CANCELED, now_ms)

    def _kill(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        order.status = status
        self._close(order)
        self._tell(order, OrderChange.CANCELLATION, now_ms)

    def _reserve(self, order: Order, sign: int) -> None:
        """Reserves (+1) or frees (-1) what the open part of `order` may cost. Always called in pairs around a change of size."""
        account, new = self.ledger.accounts[order.new.account_id], order.new
        if new.side is Side.BUY:
            account.reserved_cash_micro += sign * (new.spend_micro or notional_micro(new.price_bp, order.open_micro))
        else:
            account.reserved_tokens_micro[new.condition_id, new.outcome] += sign * order.open_micro

    def _close(self, order: Order) -> None:
        account_id = order.new.account_id
        self.open_orders[account_id].pop(order.new.order_id, None)
        self.records.finished(order, keep=not self.ledger.accounts[account_id].internal)

    def _why_not_cancelled(self, account_id: str, order_id: str) -> str:
        order = self.records.orders.get(order_id)
        if order is None or order.new.account_id != account_id:
            return refusal.NOT_CANCELLABLE
        return {OrderStatus.MATCHED: "the order is already matched", OrderStatus.DELAYED: refusal.HELD_BACK}.get(
            order.status, refusal.NOT_CANCELLABLE)

    # telling ---------------------------------------------------------------------------------------------------------

    def _record(self, trade: Trade) -> None:
        if trade.owners():
            self.records.record(trade)
            self.events.append(TradeChanged(trade))

    def _tell(self, order: Order, change: OrderChange, now_ms: int) -> None:
        if order.new.owner:
            self.events.append(OrderChanged(change, order.state(), now_ms))

    def _tell_level(self, order: Order, market: Market, now_ms: int) -> None:
        level = LevelChange(order.book_side, order.yes_bp, market.book.half(order.book_side).size_micro(order.yes_bp))
        self._append_book(market, (level,), (), now_ms)

    def _tell_book(self, order: Order, market: Market, trades: list[Trade], fills: list[Fill], now_ms: int) -> None:
        touched = [order] if order.open_micro and order.new.order_type.may_rest else []
        touched += [fill.maker for fill in fills]
        keys = dict.fromkeys((each.book_side, each.yes_bp) for each in touched)
        levels = tuple(LevelChange(side, price_bp, market.book.half(side).size_micro(price_bp)) for side, price_bp in keys)
        self._append_book(market, levels, tuple(trades), now_ms)

    def _append_book(self, market: Market, levels: tuple[LevelChange, ...], trades: tuple[Trade, ...], now_ms: int) -> None:
        if levels:
            market.changed_ms = now_ms
            self.events.append(BookChanged(market.spec, levels, trades, now_ms))
            if market.outgrows_its_tick():
                self.change_tick(market, FINE_TICK_BP, now_ms)
