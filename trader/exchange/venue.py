"""The engine behind one lock: the only door to it while threads run.

REST workers and the `market-life` thread call in; each call takes the lock, does one bounded step of pure code and hands
the engine's events to the publisher's queue before it lets go, so that the streams see one order of events. Signatures,
JSON and hashes are made outside.

What changes the engine is also told to `record`, as a row of `memory`, before the lock is let go: nobody hears of a change that
a kill could undo.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from trader.exchange import refusal
from trader.exchange.accounts import Token
from trader.exchange.engine import Engine
from trader.exchange.events import BookRestored, Event, TickChanged
from trader.exchange.fates import Stamping
from trader.exchange.faults import FaultBoard
from trader.exchange.heartbeats import Heartbeats
from trader.exchange.market import BookView, MarketState
from trader.exchange.orders import MarketSpec, NewOrder, OrderState, Outcome, Placed, Trade
from trader.exchange.permits import Permits, Permitted
from trader.exchange.refusal import Refusal
from trader.exchange.rows import new_order_row
from trader.exchange.trades import Stamp
from trader.exchange.wallets import Wallets
from trader.runtime.clock import Clock


class Venue:
    """Engine, dead-man's switch and wallet bindings, safe for any thread."""

    def __init__(self, clock: Clock, publish: Callable[[Event], None], *, settle_ms: int, cash_micro: int, taker_delay_ms: int = 0,
                 faults: FaultBoard | None = None, record: Callable[..., None] = lambda *row: None) -> None:
        self._clock, self._publish, self._cash_micro, self._record = clock, publish, cash_micro, record
        self._stamping = Stamping(faults or FaultBoard(clock))
        self._lock = threading.Lock()
        self._engine = Engine(settle_ms=settle_ms, taker_delay_ms=taker_delay_ms, new_trade_id=lambda: str(uuid.uuid4()))
        self.heartbeats = Heartbeats()                  # under the lock, like the wallets
        self.wallets = Wallets()
        self._specs: dict[str, MarketSpec] = {}         # by token id

    @contextmanager
    def engine(self) -> Iterator[tuple[Engine, int]]:
        """The engine and the time, exclusively. Keep what you do with it short and pure."""
        with self._lock:
            try:
                yield self._engine, self._clock.wall_ms()
            finally:
                for event in self._engine.events:
                    if type(event) is TickChanged:
                        self._know(event.spec)
                    self._publish(event)
                self._engine.events.clear()

    def list_market(self, spec: MarketSpec, number: int = 0, listed_ms: int = 0) -> None:
        """Window `number` of the series takes orders from now on. One that is known already shows its book as it is."""
        with self.engine() as (engine, now_ms):
            if spec.condition_id not in engine.markets:
                listed_ms = listed_ms or now_ms
                engine.list_market(spec, listed_ms)
                self._record("list", number, listed_ms)
            elif engine.markets[spec.condition_id].winner is None:
                engine.events.append(BookRestored(engine.markets[spec.condition_id].view()))
            self._know(engine.markets[spec.condition_id].spec)

    def forget_market(self, condition_id: str) -> None:
        """Of a market that is resolved and settled nothing is left but its clients' orders and trades."""
        with self.engine() as (engine, _):
            for token_id in engine.forget_market(condition_id).token_ids:
                del self._specs[token_id]

    def _know(self, spec: MarketSpec) -> None:
        self._specs.update(dict.fromkeys(spec.token_ids, spec))

    def change_tick(self, condition_id: str, tick_bp: int) -> None:
        """By order. The engine does it by itself when a price comes near 0 or 1."""
        with self.engine() as (engine, now_ms):
            engine.change_tick(engine.markets[condition_id], tick_bp, now_ms)
            self._record("tick", now_ms, condition_id, tick_bp)

    def close_market(self, condition_id: str) -> None:
        """Trading stops. Repeatable."""
        with self.engine() as (engine, now_ms):
            if engine.markets[condition_id].accepting:
                engine.close_market(condition_id, now_ms)
                self._record("close", now_ms, condition_id)

    def resolve_market(self, condition_id: str, winner: Outcome) -> None:
        """Pays the winners. Repeatable."""
        with self.engine() as (engine, _):
            if engine.markets[condition_id].winner is None:
                engine.resolve_market(condition_id, winner)
                self._record("resolve", condition_id, winner)

    def resume(self) -> None:
        """After a kill: bots start afresh, and nobody is blamed for not beating while there was nobody to hear it."""
        with self.engine() as (engine, now_ms):
            for account in engine.ledger.accounts.values():
                if account.internal:
                    self._cancel(engine, account.account_id, list(engine.records.open[account.account_id]), now_ms)
            self.heartbeats.forgive(now_ms)

    def open_account(self, account_id: str, *, cash_micro: int | None = None, internal: bool = False) -> None:
        """A new account is funded once; opening it again changes nothing."""
        with self.engine() as (engine, _):
            if account_id not in engine.ledger.accounts:
                granted_micro = self._cash_micro if cash_micro is None else cash_micro
                engine.ledger.open(account_id, internal=internal)
                engine.ledger.deposit(account_id, granted_micro)
                self._record("open", account_id, internal, granted_micro)

    def bind_wallet(self, wallet: str, account_id: str, signature_type: int) -> bool:
        """Whether the account may trade for the wallet in this way: the first signer that shows up owns it."""
        with self._lock:
            if wallet not in self.wallets.owners:
                self.wallets.bind(wallet, account_id, signature_type)
                self._record("wallet", wallet, account_id, signature_type)
            return self.wallets.may_trade(wallet, account_id, signature_type)

    def permits(self, account_id: str) -> Permitted:
        with self.engine() as (engine, _):
            return engine.ledger.accounts[account_id].permits.shown()

    def permit(self, account_id: str, change: Callable[[Permits], None]) -> Permitted:
        """By order. Open orders that it leaves uncovered are cancelled."""
        with self.engine() as (engine, now_ms):
            if account_id not in engine.ledger.accounts:
                raise Refusal(f"no account {account_id!r}", status=404)
            permits = engine.ledger.accounts[account_id].permits
            change(permits)
            engine.cancel_uncovered(account_id, now_ms)
            self._record("permit", now_ms, account_id, *permits.row())
            return permits.shown()

    def spec_of_token(self, token_id: str) -> MarketSpec:
        spec = self._specs.get(token_id)
        if spec is None:
            raise Refusal(refusal.NO_BOOK, status=404)
        return spec

    def place(self, new: NewOrder) -> Placed:
        stamps: list[Stamp] = []
        with self.engine() as (engine, now_ms):
            placed = engine.place(new, now_ms, self._stamping.into(stamps))
            self._record("place", now_ms, new_order_row(new), stamps)
            return placed

    def cancel(self, account_id: str, order_ids: Iterable[str]) -> tuple[list[str], dict[str, str]]:
        with self.engine() as (engine, now_ms):
            return self._cancel(engine, account_id, order_ids, now_ms)

    def _cancel(self, engine: Engine, account_id: str, order_ids: Iterable[str], now_ms: int) -> tuple[list[str], dict[str, str]]:
        cancelled, kept = engine.cancel(account_id, order_ids, now_ms)
        if cancelled:
            self._record("cancel", now_ms, account_id, cancelled)
        return cancelled, kept

    def cancel_where(self, account_id: str, condition_id: str = "", token_id: str = "") -> tuple[list[str], dict[str, str]]:
        """Cancels the account's open orders, those of one market or of one token."""
        with self.engine() as (engine, now_ms):
            fits = [each.new.order_id for each in engine.records.open[account_id].values()
                    if condition_id in ("", each.new.condition_id) and token_id in ("", each.new.token_id)]
            return self._cancel(engine, account_id, fits, now_ms)

    # reads -----------------------------------------------------------------------------------------------------------

    def order(self, account_id: str, order_id: str) -> OrderState | None:
        with self.engine() as (engine, _):
            found = engine.records.orders.get(order_id)
            return found.state() if found and found.new.account_id == account_id else None

    def open_orders(self, account_id: str) -> list[OrderState]:
        with self.engine() as (engine, _):
            return [each.state() for each in engine.records.open[account_id].values()]

    def trades(self) -> list[Trade]:
        """Every trade of a real client, oldest first."""
        with self.engine() as (engine, _):
            return list(engine.records.trades.values())

    def balance_micro(self, account_id: str, token: Token | None) -> int:
        """Cash (`token` None) or settled tokens, whether or not an order reserves them."""
        with self.engine() as (engine, _):
            account = engine.ledger.accounts[account_id]
            return account.cash_micro if token is None else account.tokens_micro.get(token, 0)

    def market_state(self, condition_id: str) -> MarketState | None:
        """None for an unknown market, or one that was forgotten meanwhile."""
        with self.engine() as (engine, _):
            market = engine.markets.get(condition_id)
            return market.state() if market else None

    def market_states(self) -> list[MarketState]:
        """In order of listing."""
        with self.engine() as (engine, _):
            return [each.state() for each in engine.markets.values()]

    def open_order_ids(self, account_id: str, condition_id: str) -> set[str]:
        with self.engine() as (engine, _):
            return {each.new.order_id for each in engine.records.open[account_id].values() if each.new.condition_id == condition_id}

    def free_tokens_micro(self, account_id: str, condition_id: str, outcome: Outcome) -> int:
        with self.engine() as (engine, _):
            return engine.ledger.accounts[account_id].free_tokens_micro((condition_id, outcome))

    def book(self, condition_id: str) -> BookView:
        with self.engine() as (engine, _):
            if condition_id not in engine.markets:      # forgotten since its token was looked up
                raise Refusal(refusal.NO_BOOK, status=404)
            return engine.markets[condition_id].view()

    def beat(self, api_key: str, heartbeat_id: str) -> str:
        with self._lock:
            now_ms = self._clock.wall_ms()
            new_id = self.heartbeats.beat(api_key, heartbeat_id, now_ms)
            self._record("beat", api_key, new_id, now_ms)
            return new_id

    def run_deadlines(self) -> None:
        """Settlement, GTD expiry and silent heartbeats; called many times a second by the market's life."""
        with self.engine() as (engine, now_ms):
            stamps: list[Stamp] = []
            if engine.advance(now_ms, self._stamping.into(stamps)):
                self._record("advance", now_ms, stamps)
            for api_key in self.heartbeats.expired(now_ms):
                self._silence(engine, api_key, now_ms)

    def expire_heartbeats(self) -> None:
        """By order: every key that has ever beaten is treated as silent."""
        with self.engine() as (engine, now_ms):
            for api_key, _, _ in self.heartbeats.beats():
                self.heartbeats.forget(api_key)
                self._silence(engine, api_key, now_ms)

    def _silence(self, engine: Engine, api_key: str, now_ms: int) -> None:
        self._record("silent", api_key)
        for account_id, orders in engine.records.open.items():
            fits = [each.new.order_id for each in orders.values() if each.new.owner == api_key]
            self._cancel(engine, account_id, fits, now_ms)
