"""What of an exchange must survive a kill, as rows for the state file, and how rows become an exchange again. Pure.

Two vocabularies in one table: what a snapshot holds (`market`, `holds`, `order`, …) and what happened since (`place`, `cancel`, …).
The engine is deterministic, so a command with its time, the ids of its trades and their fates does again what it did. What was
refused changed nothing and is not kept. Prices are not here: the path follows from the seed (`market_life`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from trader.exchange import rows
from trader.exchange.accounts import Account
from trader.exchange.credentials import KeyRing
from trader.exchange.engine import Engine
from trader.exchange.heartbeats import Heartbeats
from trader.exchange.orders import Fate, OrderState, Outcome, Side, Trade
from trader.exchange.settlement import Movement
from trader.exchange.state_file import Row
from trader.exchange.trades import Stamp, Stamper
from trader.exchange.wallets import Wallets
from trader.exchange.windows import Series


class Memory(NamedTuple):
    """Everything that rows are made of and applied to. The engine and what follows it belong to the venue's lock."""

    engine: Engine
    heartbeats: Heartbeats
    wallets: Wallets
    keys: KeyRing
    series: Series


class Capture(NamedTuple):
    """One moment of a memory in immutable parts: taken under the lock, made into rows outside."""

    small: list[Row]                    # markets, accounts, keys, wallets, beats: few, so they are rows already
    orders: list[OrderState]
    trades: list[Trade]
    moving: list[Movement]
    mined: list[Trade]

    def rows(self) -> Iterator[Row]:
        yield from self.small
        for order in self.orders:
            yield ["order", *rows.order_row(order)]
        for trade in self.trades:
            yield ["trade", *rows.trade_row(trade)]
        for movement in self.moving:
            yield ["moving", *rows.movement_row(movement)]
        for trade in self.mined:
            yield ["mined", *rows.trade_row(trade)]


def capture(memory: Memory) -> Capture:
    """Under the venue's lock."""
    engine = memory.engine
    markets = enumerate(engine.markets.values())        # listed in order of their number, and never forgotten
    small: list[Row] = [["market", number, each.listed_ms, each.accepting, each.winner, each.last_trade_bp, each.changed_ms,
                         engine.ledger.locked_micro.get(each.spec.condition_id, 0), each.spec.tick_bp,
                         each.last_trade_side] for number, each in markets]
    small += [["holds", *_account_row(account)] for account in engine.ledger.accounts.values()]
    small.append(["fees", engine.ledger.fees_micro])
    small += [["key", *made] for made in memory.keys.made()]
    small += [["wallet", wallet, *bound] for wallet, bound in memory.wallets.owners.items()]
    small += [["beat", *beat] for beat in memory.heartbeats.beats()]
    settlement = engine.settlement
    return Capture(small, [order.state() for order in engine.records.orders.values()], list(engine.records.trades.values()),
                   [*settlement.matched, *settlement.retrying], list(settlement.mined))


def apply(memory: Memory, row: Row) -> None:
    """One row of a snapshot or of a log."""
    _APPLY[row[0]](memory, *row[1:])
    memory.engine.events.clear()        # nobody listens yet


# a snapshot's rows -------------------------------------------------------------------------------------------------------


def _account_row(account: Account) -> Row:
    """Reservations and what is on its way follow from orders and trades."""
    tokens = [[*token, size_micro] for token, size_micro in account.tokens_micro.items() if size_micro]
    return [account.account_id, account.internal, account.deposited_micro, account.cash_micro, account.fees_paid_micro, account.placed,
            account.cancelled, account.fills, tokens, account.permits.row()]


def _market(memory: Memory, number: int, listed_ms: int, accepting: bool, winner: int | None, last_trade_bp: int | None, changed_ms: int,
            locked_micro: int, tick_bp: int, last_trade_side: str | None) -> None:
    spec = memory.series.window(number, listed_ms).spec._replace(tick_bp=tick_bp)
    market = memory.engine.list_market(spec, listed_ms)
    market.accepting, market.last_trade_bp, market.changed_ms = accepting, last_trade_bp, changed_ms
    market.winner = None if winner is None else Outcome(winner)
    market.last_trade_side = None if last_trade_side is None else Side(last_trade_side)
    memory.engine.ledger.locked_micro[spec.condition_id] = locked_micro


def _holds(memory: Memory, account_id: str, internal: bool, deposited_micro: int, cash_micro: int, fees_paid_micro: int, placed: int,
           cancelled: int, fills: int, tokens: list[Row], permits: Row) -> None:
    account = memory.engine.ledger.open(account_id, internal=internal)
    account.deposited_micro, account.cash_micro, account.fees_paid_micro = deposited_micro, cash_micro, fees_paid_micro
    account.placed, account.cancelled, account.fills = placed, cancelled, fills
    account.tokens_micro.update({(condition_id, outcome): size_micro for condition_id, outcome, size_micro in tokens})
    account.permits.restore(*permits)


def _fees(memory: Memory, fees_micro: int) -> None:
    memory.engine.ledger.fees_micro = fees_micro


def _order(memory: Memory, *row: Any) -> None:
    memory.engine.restore(rows.order(list(row), memory.engine.markets))


def _trade(memory: Memory, *row: Any) -> None:
    memory.engine.records.record(rows.trade(list(row), memory.engine.markets))


def _moving(memory: Memory, *row: Any) -> None:
    memory.engine.settlement.resume(rows.movement(list(row), memory.engine.markets))


def _mined(memory: Memory, *row: Any) -> None:
    memory.engine.settlement.mined.append(rows.trade(list(row), memory.engine.markets))


# commands ----------------------------------------------------------------------------------------------------------------


def _list(memory: Memory, number: int, listed_ms: int) -> None:
    memory.engine.list_market(memory.series.window(number, listed_ms).spec, listed_ms)


def _open(memory: Memory, account_id: str, internal: bool, cash_micro: int) -> None:
    memory.engine.ledger.open(account_id, internal=internal)
    memory.engine.ledger.deposit(account_id, cash_micro)


def _place(memory: Memory, now_ms: int, new: Row, stamps: list[Row]) -> None:
    memory.engine.place(rows.new_order(new, memory.engine.markets), now_ms, _given(stamps))


def _given(stamps: list[Row]) -> Stamper:
    """The same stamps again, in the same order."""
    given = (Stamp(trade_id, Fate(fate)) for trade_id, fate in stamps)
    return lambda *_: next(given)


def _cancel(memory: Memory, now_ms: int, account_id: str, order_ids: list[str]) -> None:
    memory.engine.cancel(account_id, order_ids, now_ms)


def _advance(memory: Memory, now_ms: int, stamps: list[Row]) -> None:
    memory.engine.advance(now_ms, _given(stamps))


def _close(memory: Memory, now_ms: int, condition_id: str) -> None:
    memory.engine.close_market(condition_id, now_ms)


def _tick(memory: Memory, now_ms: int, condition_id: str, tick_bp: int) -> None:
    memory.engine.change_tick(memory.engine.markets[condition_id], tick_bp, now_ms)


def _resolve(memory: Memory, condition_id: str, winner: int) -> None:
    memory.engine.resolve_market(condition_id, Outcome(winner))


def _key(memory: Memory, address: str, nonce: int) -> None:
    memory.keys.restore(address, nonce)


def _no_key(memory: Memory, key: str) -> None:
    memory.keys.forget(key)


def _wallet(memory: Memory, wallet: str, account_id: str, signature_type: int) -> None:
    memory.wallets.bind(wallet, account_id, signature_type)


def _permit(memory: Memory, now_ms: int, account_id: str, *permits: Any) -> None:
    memory.engine.ledger.accounts[account_id].permits.restore(*permits)
    memory.engine.cancel_uncovered(account_id, now_ms)


def _beat(memory: Memory, api_key: str, heartbeat_id: str, now_ms: int) -> None:
    memory.heartbeats.restore(api_key, heartbeat_id, now_ms)


def _silent(memory: Memory, api_key: str) -> None:
    memory.heartbeats.forget(api_key)


_APPLY: dict[str, Callable[..., None]] = {
    "market": _market, "holds": _holds, "fees": _fees, "order": _order, "trade": _trade, "moving": _moving, "mined": _mined,
    "list": _list, "open": _open, "place": _place, "cancel": _cancel, "advance": _advance, "close": _close, "resolve": _resolve,
    "tick": _tick, "key": _key, "no_key": _no_key, "wallet": _wallet, "permit": _permit, "beat": _beat, "silent": _silent,
}
