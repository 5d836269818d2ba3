"""The public market channel: who listens to which asset, and the frames that tell them of each change.

Owned by the `publisher` thread, which feeds it engine events and subscriptions in one order, so that a snapshot and the
changes after it always fit together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from trader.exchange.events import BookChanged, BookRestored, LevelChange, MarketListed, MarketResolved, TickChanged
from trader.exchange.hashes import PRICE_TEXT, BookMirror, last_trade_price, mirror_of, size_text
from trader.exchange.orders import MarketSpec, Outcome, Side, Trade
from trader.exchange.subscriber import Subscriber
from trader.model.units import complement_bp, price_to_wire, size_to_wire

MOST_ASSETS = 500       # on one connection
_BOTH = tuple(Outcome)


class MarketSubscribe(NamedTuple):
    subscriber: Subscriber
    token_ids: tuple[str, ...]
    custom_features: bool | None = None     # None leaves the setting as it is
    initial_dump: bool = True


class MarketUnsubscribe(NamedTuple):
    subscriber: Subscriber
    token_ids: tuple[str, ...] | None       # None: the connection is gone


class MarketStream:
    """Mirrors of all live books as text, and the subscriptions."""

    def __init__(self) -> None:
        self._mirrors: dict[str, BookMirror] = {}           # by condition id
        self._markets: dict[str, MarketSpec] = {}           # by token id
        self._listeners: dict[str, dict[Subscriber, None]] = {}     # by token id; a dict keeps the order of arrival
        self._assets: dict[Subscriber, dict[str, None]] = {}        # the same the other way round
        self._custom: dict[Subscriber, None] = {}

    # subscriptions ---------------------------------------------------------------------------------------------------

    def subscribe(self, request: MarketSubscribe) -> None:
        if request.custom_features is not None:
            self._custom.pop(request.subscriber, None)
            if request.custom_features:
                self._custom[request.subscriber] = None
        assets = self._assets.setdefault(request.subscriber, {})
        asked = dict.fromkeys(request.token_ids)
        known, fresh = [token for token in asked if token in assets], [token for token in asked if token not in assets]
        if known:
            _refuse(request.subscriber, "duplicate assets", known)
        if len(assets) + len(fresh) > MOST_ASSETS:
            _refuse(request.subscriber, f"too many assets, at most {MOST_ASSETS} on one connection", fresh)
            return
        assets.update(dict.fromkeys(fresh))
        for token in fresh:
            self._listeners.setdefault(token, {})[request.subscriber] = None
        books = [self._snapshot(token) for token in fresh if token in self._markets]
        if request.initial_dump and books:
            request.subscriber.offer(f"[{','.join(books)}]")

    def unsubscribe(self, request: MarketUnsubscribe) -> None:
        assets = self._assets.get(request.subscriber, {})
        for token in list(assets) if request.token_ids is None else request.token_ids:
            assets.pop(token, None)
            listeners = self._listeners.get(token, {})
            listeners.pop(request.subscriber, None)
            if not listeners:
                self._listeners.pop(token, None)
        if request.token_ids is None:
            self._custom.pop(request.subscriber, None)
            self._assets.pop(request.subscriber, None)

    def _snapshot(self, token_id: str) -> str:
        spec = self._markets[token_id]
        text = self._mirrors[spec.condition_id].text(spec.outcome_of(token_id))
        return text.frame_json(text.sha1(), after_trade=False)

    # events ----------------------------------------------------------------------------------------------------------

    def market_listed(self, event: MarketListed) -> None:
        self._mirrors[event.spec.condition_id] = BookMirror(event.spec, event.at_ms)
        self._markets.update(dict.fromkeys(event.spec.token_ids, event.spec))
        _offer(self._custom, _text(_new_market(event)))

    def book_restored(self, event: BookRestored) -> None:
        """Before anybody can have subscribed."""
        self._mirrors[event.view.spec.condition_id] = mirror_of(event.view)

    def tick_changed(self, event: TickChanged) -> None:
        """Whoever drops the book on this news gets the new one without asking."""
        self._markets.update(dict.fromkeys(event.spec.token_ids, event.spec))
        mirror = self._mirrors[event.spec.condition_id]
        mirror.spec, mirror.changed_ms = event.spec, event.at_ms
        for token in event.spec.token_ids:
            listeners = self._listeners.get(token)
            if listeners:
                _offer(listeners, _tick_size_change(event, token))
                _offer(listeners, self._snapshot(token))

    def market_resolved(self, event: MarketResolved) -> None:
        self._mirrors.pop(event.spec.condition_id, None)
        for token in event.spec.token_ids:
            self._markets.pop(token, None)
        _offer(self._custom, _text({
            "event_type": "market_resolved", "id": event.spec.gamma_id, "market": event.spec.condition_id,
            "assets_ids": list(event.spec.token_ids), "winning_asset_id": event.spec.token_ids[event.winner],
            "winning_outcome": event.spec.outcome_names[event.winner], "timestamp": str(event.at_ms), "tags": ["crypto"],
        }))

    def book_changed(self, event: BookChanged) -> None:
        mirror = self._mirrors[event.spec.condition_id]
        listeners = self._listeners_of(event.spec)
        if not listeners:
            _apply(mirror, event)
            return
        best_before = [mirror.best_bp(outcome) for outcome in _BOTH]
        _apply(mirror, event)
        texts = [mirror.text(outcome) for outcome in _BOTH]
        hashes = [text.sha1() for text in texts]
        best_after = [mirror.best_bp(outcome) for outcome in _BOTH]
        for level in event.levels:
            _offer(listeners, _price_change(event, level, hashes, best_after))
        if event.trades:
            for outcome in _BOTH:
                frame = texts[outcome].frame_json(hashes[outcome], after_trade=True)
                _offer(self._listeners.get(event.spec.token_ids[outcome], {}), frame)
        for trade in event.trades:
            _offer(self._listeners.get(trade.token_id, {}), _text(_last_trade(trade)))
        for outcome in _BOTH:
            if best_after[outcome] != best_before[outcome]:
                self._tell_best(event, outcome, best_after[outcome])

    def _tell_best(self, event: BookChanged, outcome: Outcome, best: tuple[int | None, int | None]) -> None:
        token_id = event.spec.token_ids[outcome]
        custom = [each for each in self._listeners.get(token_id, ()) if each in self._custom]
        if custom:
            bid_bp, ask_bp = best
            spread = "" if bid_bp is None or ask_bp is None else price_to_wire(ask_bp - bid_bp)
            _offer(custom, _text({
                "event_type": "best_bid_ask", "market": event.spec.condition_id, "asset_id": token_id, "best_bid": _price(bid_bp),
                "best_ask": _price(ask_bp), "spread": spread, "timestamp": str(event.at_ms),
            }))

    def _listeners_of(self, spec: MarketSpec) -> dict[Subscriber, None]:
        """Who hears of either outcome; a listener to both is named once."""
        up, down = (self._listeners.get(token, {}) for token in spec.token_ids)
        return up if up.keys() == down.keys() else up | down


def _apply(mirror: BookMirror, event: BookChanged) -> None:
    for level in event.levels:
        mirror.set(level.side, level.yes_bp, level.size_micro)
    mirror.changed_ms = event.at_ms
    if event.trades:
        last = event.trades[-1]
        mirror.last_trade_bp = last.price_bp if last.outcome is Outcome.YES else complement_bp(last.price_bp)


def _price_change(event: BookChanged, level: LevelChange, hashes: list[str], best: list[tuple[int | None, int | None]]) -> str:
    """One level, named for both outcomes: a bid for one is an ask for the other at the complement."""
    other_side = Side.SELL if level.side is Side.BUY else Side.BUY
    size = size_text(level.size_micro)
    sides = ((Outcome.YES, level.side, level.yes_bp), (Outcome.NO, other_side, complement_bp(level.yes_bp)))
    changes = ",".join(
        f'{{"asset_id":"{event.spec.token_ids[outcome]}","price":"{PRICE_TEXT[price_bp]}","size":"{size}","side":"{side.value}",'
        f'"hash":"{hashes[outcome]}","best_bid":"{_price(best[outcome][0])}","best_ask":"{_price(best[outcome][1])}"}}'
        for outcome, side, price_bp in sides
    )
    return (f'{{"market":"{event.spec.condition_id}","price_changes":[{changes}],"timestamp":"{event.at_ms}",'
            f'"event_type":"price_change"}}')


def _last_trade(trade: Trade) -> dict[str, Any]:
    return {
        "event_type": "last_trade_price", "asset_id": trade.token_id, "market": trade.spec.condition_id,
        "price": last_trade_price(trade.price_bp), "size": size_to_wire(trade.size_micro), "fee_rate_bps": "0",
        "side": trade.side.value, "timestamp": str(trade.matched_ms), "transaction_hash": "",
    }


def _tick_size_change(event: TickChanged, token_id: str) -> str:
    return _text({
        "event_type": "tick_size_change", "market": event.spec.condition_id, "asset_id": token_id,
        "old_tick_size": price_to_wire(event.old_tick_bp), "new_tick_size": price_to_wire(event.spec.tick_bp),
        "timestamp": str(event.at_ms),
    })


def _new_market(event: MarketListed) -> dict[str, Any]:
    spec, tokens = event.spec, list(event.spec.token_ids)
    return {
        "event_type": "new_market", "id": spec.gamma_id, "question": event.question, "market": spec.condition_id,
        "slug": event.slug, "description": event.question, "assets_ids": tokens, "outcomes": list(spec.outcome_names),
        "event_message": {"id": spec.gamma_id, "ticker": event.slug, "slug": event.slug, "title": event.question, "description": ""},
        "timestamp": str(event.at_ms), "tags": ["crypto"], "condition_id": spec.condition_id, "active": True, "clob_token_ids": tokens,
        "sports_market_type": "", "line": "", "game_start_time": "", "order_price_min_tick_size": price_to_wire(spec.tick_bp),
        "group_item_title": "",
    }


def _refuse(subscriber: Subscriber, why: str, token_ids: list[str]) -> None:
    subscriber.offer(_text({"event_type": "error", "message": why, "assets_ids": token_ids[:MOST_ASSETS]}))


def _price(price_bp: int | None) -> str:
    return "" if price_bp is None else PRICE_TEXT[price_bp]


def _text(frame: dict[str, Any]) -> str:
    return orjson.dumps(frame).decode()


def _offer(listeners: Iterable[Subscriber], frame: str) -> None:
    for listener in listeners:
        listener.offer(frame)
