"""The rules an order must meet before it may match. Pure; each broken rule is a `Refusal` with the venue's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trader.exchange import refusal
from trader.exchange.accounts import Account
from trader.exchange.fills import Fill, fills_of, needed_cash_micro, sized
from trader.exchange.market import Market
from trader.exchange.orders import NewOrder, Order, OrderType, Side, book_side, yes_bp
from trader.exchange.refusal import Refusal
from trader.model.units import BP_PER_DOLLAR, MICRO, notional_micro, price_to_wire, size_to_wire

GTD_EARLY_MS = 60_000           # a GTD order dies this long before its stated expiration …
GTD_LEAST_MS = 180_000          # … which must be at least this far ahead
SIZE_STEP_MICRO = MICRO // 100  # sizes of resting orders have two decimals
LEAST_TAKE_MICRO = MICRO        # a marketable BUY spends at least one dollar


def check_terms(new: NewOrder, market: Market, now_ms: int) -> None:
    """Everything that can be judged without looking at the book or at balances."""
    if not market.accepting:
        raise Refusal(refusal.NOT_READY)
    _check_price(new.price_bp, market.spec.tick_bp)
    if new.order_type.may_rest:
        if new.size_micro < market.spec.min_size_micro:
            raise Refusal(f"Size ({size_to_wire(new.size_micro)}) lower than the minimum: {size_to_wire(market.spec.min_size_micro)}")
        if new.size_micro % SIZE_STEP_MICRO:
            raise Refusal(refusal.wrong_precision(new.side, *_decimals(new, market.spec.tick_bp)))
    elif new.post_only:
        raise Refusal("invalid post-only order: only GTC and GTD orders can be post-only")
    if new.order_type is OrderType.GTD and (new.expires_ms or 0) < now_ms + GTD_LEAST_MS:
        raise Refusal(refusal.INVALID_EXPIRATION)


def _decimals(new: NewOrder, tick_bp: int) -> tuple[int, int]:
    """Most decimals of what the maker gives and of what it takes: shares have two, dollars two more than the price."""
    dollars = len(price_to_wire(tick_bp)) - len("0.") + 2
    return (dollars, 2) if new.side is Side.BUY else (2, dollars)


def _check_price(price_bp: int, tick_bp: int) -> None:
    if price_bp % tick_bp or not tick_bp <= price_bp <= BP_PER_DOLLAR - tick_bp:
        raise Refusal(f"Price ({price_to_wire(price_bp)}) breaks minimum tick size rule: {price_to_wire(tick_bp)}")


def check_book(new: NewOrder, market: Market, fills: Sequence[Fill]) -> None:
    """Post-only, all-or-nothing and take-something orders against what they would meet."""
    if new.post_only and market.book.crosses(book_side(new.outcome, new.side), yes_bp(new.outcome, new.price_bp)):
        raise Refusal(refusal.CROSSES)
    if new.order_type is OrderType.FOK and sum(fill.size_micro for fill in fills) < new.size_micro:
        raise Refusal(refusal.FOK_KILLED, orderID=new.order_id)
    if new.order_type is OrderType.FAK and not fills:
        raise Refusal(refusal.FAK_KILLED, orderID=new.order_id)
    spent_micro = new.spend_micro or notional_micro(new.price_bp, new.size_micro)
    if fills and new.side is Side.BUY and spent_micro < LEAST_TAKE_MICRO:
        raise Refusal(f"invalid amount for a marketable BUY order (${size_to_wire(spent_micro)}), min size: $1")


def check_funds(new: NewOrder, account: Account, fills: Sequence[Fill]) -> None:
    """What open orders reserve counts against the balance and against the allowance."""
    if new.side is Side.BUY:
        allowed_micro = account.permits.cash_micro(new.spec.contract) if account.permits.allowance_micro else account.cash_micro
        enough = needed_cash_micro(new, fills) <= min(account.cash_micro, allowed_micro) - account.reserved_cash_micro
    else:
        enough = (new.size_micro <= account.free_tokens_micro((new.condition_id, new.outcome))
                  and new.size_micro <= account.permits.tokens_micro(new.spec.contract))
    if not enough:
        raise Refusal(refusal.NOT_ENOUGH)


def met(new: NewOrder, market: Market, account: Account) -> tuple[NewOrder, list[Fill]]:
    """The order with its size, and what it would trade now; Refusal where that breaks a rule."""
    if account.permits.closed_only and new.side is Side.BUY:
        raise Refusal(refusal.closed_only(account.account_id))
    fills = fills_of(new, market.book.met_by(book_side(new.outcome, new.side), yes_bp(new.outcome, new.price_bp)))
    new = sized(new, fills)
    check_book(new, market, fills)
    check_funds(new, account, fills)
    return new, fills


def uncovered(account: Account, orders: Sequence[Order]) -> Iterator[Order]:
    """Open orders, newest first, that the account's permits no longer allow, as far as something is reserved for them."""
    reserved_micro = account.reserved_cash_micro
    for order in reversed(orders):
        contract = order.new.spec.contract
        if order.new.side is Side.SELL:
            if contract in account.permits.without_tokens:
                yield order
        elif account.permits.closed_only or reserved_micro > account.permits.cash_micro(contract):
            reserved_micro -= notional_micro(order.new.price_bp, order.open_micro)
            yield order


def dies_ms(order: Order) -> int | None:
    """When a GTD order leaves the book; None for all others."""
    if order.new.order_type is not OrderType.GTD or order.new.expires_ms is None:
        return None
    return order.new.expires_ms - GTD_EARLY_MS
