"""The matching engine: orders in, events out. Pure: no I/O, no threads, no clock; the caller passes `now_ms` (wall time).

Runs under the venue's lock, on whichever thread asks: a REST worker, the market's life, a test. Every change that
somebody outside could see is appended to `events`, in the order in which it happened; the venue drains them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from trader.exchange import admission, refusal
from trader.exchange.accounts import Ledger
from trader.exchange.announcements import Announcements
from trader.exchange.events import OrderChange
from trader.exchange.fills import Fill, collateral_change_micro
from trader.exchange.market import Market
from trader.exchange.orders import MarketSpec, NewOrder, Order, OrderStatus, Outcome, Placed, Trade, yes_bp
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
        self.records, self._say = Records(), Announcements()
        self.events = self._say.events
        self.settlement = Settlement(self.ledger, settle_ms)
        self.delay = TakerDelay(taker_delay_ms)
        self._stamp: Stamper = lambda *_: Stamp(new_trade_id())

    def list_market(self, spec: MarketSpec, now_ms: int) -> Market:
        market = self.markets[spec.condition_id] = Market(spec, now_ms)
        return market

    # orders ----------------------------------------------------------------------------------------------------------

    def place(self, new: NewOrder, now_ms: int, stamp: Stamper | None = None) -> Placed:
        """Matches and rests `new`, or raises Refusal and changes nothing. `stamp` is asked once a trade."""
        market, account = self._admit(new, now_ms), self.ledger.accounts[new.account_id]
        new, fills = admission.met(new, market, account)
        order = Order(new, now_ms)
        account.placed += 1
        self.records.orders[new.order_id] = order
        held = bool(fills and self.delay.delay_ms and not account.internal)     # the population's orders are late by nature
        if held:
            self._hold(order)
        self._say.order(order, OrderChange.PLACEMENT, now_ms)
        trades = () if held else self._enter(order, market, fills, now_ms, stamp)
        return Placed(order.state(), trades)

    def cancel(self, account_id: str, order_ids: Iterable[str], now_ms: int) -> tuple[list[str], dict[str, str]]:
        """(cancelled, {not cancelled: why})."""
        cancelled, kept = [], {}
        for order_id in order_ids:
            order = self.records.open[account_id].get(order_id)
            if order is None:
                kept[order_id] = self.records.why_not_cancelled(account_id, order_id)
                continue
            self.finish(order, OrderStatus.CANCELED, now_ms)
            self.ledger.accounts[account_id].cancelled += 1
            cancelled.append(order_id)
        return cancelled, kept

    def finish(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        """Takes an open order off the book for any reason but a fill."""
        market = self.markets[order.new.condition_id]
        market.book.shrink(order, order.open_micro)
        self.ledger.reserve(order, -1)
        self._kill(order, status, now_ms)
        self._say.level(order, market, now_ms)

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
        for order in self.records.open_in(condition_id):
            self.finish(order, OrderStatus.RESOLVED, now_ms)
        for order in self.delay.drop(condition_id):
            self.ledger.reserve(order, -1)
            self._kill(order, OrderStatus.RESOLVED, now_ms)
        self._say.closed(market, now_ms)

    def change_tick(self, market: Market, tick_bp: int, now_ms: int) -> None:
        self._say.tick(market, tick_bp, now_ms)

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
        return [order for account_id, orders in self.records.open.items() if not accounts[account_id].internal
                for order in orders.values() if (dies_ms := admission.dies_ms(order)) is not None and dies_ms <= now_ms]

    def cancel_uncovered(self, account_id: str, now_ms: int) -> list[str]:
        """After its permits were narrowed: orders that could no longer be paid for leave the book, the newest first."""
        account, mine = self.ledger.accounts[account_id], list(self.records.open[account_id].values())
        dead = list(admission.uncovered(account, mine))
        for order in dead:
            self.finish(order, OrderStatus.NOT_ENOUGH, now_ms)
        return [order.new.order_id for order in dead]

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
        self.records.rests(order)
        self.ledger.reserve(order, +1)

    # inside ----------------------------------------------------------------------------------------------------------

    def _admit(self, new: NewOrder, now_ms: int) -> Market:
        market = self.markets.get(new.condition_id)
        if market is None:
            raise Refusal(refusal.NO_BOOK)
        if new.order_id in self.records.orders:
            raise Refusal(f"order {new.order_id} is invalid. Duplicated.")
        admission.check_terms(new, market, now_ms)
        return market

    def _hold(self, order: Order) -> None:
        order.status = OrderStatus.DELAYED
        self.ledger.reserve(order, +1)
        self.delay.hold(order)

    def _release(self, order: Order, now_ms: int, stamp: Stamper | None) -> None:
        """The delay is over: the order meets the book as it is now, rests, or is killed for what would have refused it."""
        market = self.markets[order.new.condition_id]
        self.ledger.reserve(order, -1)
        try:
            order.new, fills = admission.met(order.new, market, self.ledger.accounts[order.new.account_id])
        except Refusal as refused:
            self._kill(order, _KILLED.get(str(refused), OrderStatus.CANCELED), now_ms)
            return
        order.status = OrderStatus.LIVE
        if not self._enter(order, market, fills, now_ms, stamp):
            self._say.order(order, OrderChange.UPDATE, now_ms)

    def _enter(self, order: Order, market: Market, fills: list[Fill], now_ms: int, stamp: Stamper | None) -> tuple[Trade, ...]:
        trades = self._execute(order, market, fills, now_ms, stamp or self._stamp)
        self._rest_or_finish(order, market, now_ms)
        self._say.match(order, market, trades, fills, now_ms)
        return tuple(trades)

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
            self._say.order(order, OrderChange.UPDATE, now_ms)
        return trades

    def _settle(self, trade: Trade, taker: Order, market: Market, fills: list[Fill]) -> None:
        """Takes what is paid, sends what is received on its way, and marks both sides' orders."""
        locked_micro = 0
        swaps: list[Swap] = []
        for fill in fills:
            self.ledger.reserve(fill.maker, -1)
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
        market.volume_micro += notional_micro(trade.price_bp, trade.size_micro)

    def _matched(self, maker: Order, market: Market, size_micro: int, trade_id: str) -> None:
        market.book.shrink(maker, size_micro)
        maker.matched_micro += size_micro
        maker.trade_ids.append(trade_id)
        self.ledger.reserve(maker, +1)
        self.ledger.accounts[maker.new.account_id].fills += 1
        if not maker.open_micro:
            maker.status = OrderStatus.MATCHED
            self._close(maker)

    def _rest_or_finish(self, order: Order, market: Market, now_ms: int) -> None:
        if not order.open_micro:
            self._close(order)
        elif order.new.order_type.may_rest:
            market.book.add(order)
            self.records.rests(order)
            self.ledger.reserve(order, +1)
        else:
            self._kill(order, OrderStatus.CANCELED, now_ms)

    def _kill(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        order.status = status
        self._close(order)
        self._say.order(order, OrderChange.CANCELLATION, now_ms)

    def _close(self, order: Order) -> None:
        self.records.finished(order, keep=not self.ledger.accounts[order.new.account_id].internal)

    def _record(self, trade: Trade) -> None:
        if trade.owners():
            self.records.record(trade)
            self._say.trade(trade)
