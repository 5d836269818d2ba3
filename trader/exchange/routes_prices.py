"""Public prices: books, midpoints, spreads and last trades, of one token or of many at once. Runs on REST workers.

Everything is computed from a copy of the book, outside the lock. A side that nobody quotes counts as 0 or 1, where the venue's
own range ends: its answers are numbers, and clients read them as such.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from trader.exchange.hashes import BookMirror, mirror_of
from trader.exchange.http import Routes
from trader.exchange.orders import Outcome, Side
from trader.exchange.refusal import INVALID_PAYLOAD, INVALID_SIDE, INVALID_TOKEN, Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, decimal_text, price_to_wire

MAX_TOKENS = 500


class Quote(NamedTuple):
    """One token's book, and what its last trade looked like from its own side."""

    mirror: BookMirror
    outcome: Outcome
    last_side: Side | None      # the taker's, in this token

    def best_bp(self, side: Side) -> int:
        bid_bp, ask_bp = self.mirror.best_bp(self.outcome)
        if side is Side.BUY:
            return 0 if bid_bp is None else bid_bp
        return BP_PER_DOLLAR if ask_bp is None else ask_bp

    def price(self, side: Side) -> str:
        """The best bid for BUY, the best ask for SELL."""
        return price_to_wire(self.best_bp(side))

    def mid(self) -> str:
        return decimal_text((self.best_bp(Side.BUY) + self.best_bp(Side.SELL)) * 5, 5)

    def spread(self) -> str:
        return price_to_wire(self.best_bp(Side.SELL) - self.best_bp(Side.BUY))

    def last_trade(self) -> Json:
        """Before the first trade: one half and no side."""
        return {"price": self.mirror.last_trade_text(self.outcome) or "0.5", "side": self.last_side.value if self.last_side else ""}

    def book(self) -> str:
        """Its hash equals the stream's at the same change."""
        return self.mirror.text(self.outcome).rest_json()


class PriceRoutes:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def table(self) -> Routes:
        return {
            ("GET", "/book"): lambda request: self._of(request).book().encode(),
            ("GET", "/midpoint"): lambda request: {"mid": self._of(request).mid()},
            ("GET", "/price"): lambda request: {"price": self._of(request).price(_side(request.query.get("side")))},
            ("GET", "/spread"): lambda request: {"spread": self._of(request).spread()},
            ("GET", "/last-trade-price"): lambda request: self._of(request).last_trade(),
            ("POST", "/books"): self.books,
            ("POST", "/midpoints"): lambda request: self._map(request, Quote.mid),
            ("POST", "/prices"): self.prices,
            ("POST", "/spreads"): lambda request: self._map(request, Quote.spread),
            ("POST", "/last-trades-prices"): self.last_trades,
        }

    def books(self, request: Request) -> bytes:
        return f"[{','.join(quote.book() for _, quote in self._quotes(_asked(request)))}]".encode()

    def prices(self, request: Request) -> Json:
        answer: dict[str, dict[str, str]] = {}
        asked = _asked(request)
        for (token_id, quote), each in zip(self._quotes(asked), asked, strict=True):
            side = _side(each.get("side"))
            answer.setdefault(token_id, {})[side.value] = quote.price(side)
        return answer

    def last_trades(self, request: Request) -> list[Json]:
        """Tokens that never traded are left out."""
        quotes = self._quotes(_asked(request))
        return [{"token_id": token_id, **quote.last_trade()} for token_id, quote in quotes if quote.last_side]

    def _map(self, request: Request, render: Callable[[Quote], str]) -> Json:
        return {token_id: render(quote) for token_id, quote in self._quotes(_asked(request))}

    def _quotes(self, asked: list[Json]) -> list[tuple[str, Quote]]:
        return [(token_id, self._quote(token_id)) for token_id in (str(each.get("token_id", "")) for each in asked)]

    def _of(self, request: Request) -> Quote:
        return self._quote(request.query.get("token_id", ""))

    def _quote(self, token_id: str) -> Quote:
        if not token_id.isdigit():
            raise Refusal(INVALID_TOKEN)
        spec = self._venue.spec_of_token(token_id)
        outcome, view = spec.outcome_of(token_id), self._venue.book(spec.condition_id)
        side = view.last_trade_side
        return Quote(mirror_of(view), outcome, side if side is None or outcome is Outcome.YES else side.other)


def _asked(request: Request) -> list[Json]:
    body: Any = request.json()
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise Refusal(INVALID_PAYLOAD)
    if len(body) > MAX_TOKENS:
        raise Refusal(f"Too many tokens in payload: {len(body)}, max allowed: {MAX_TOKENS}")
    return body


def _side(text: Any) -> Side:
    try:
        return Side(str(text).upper())
    except ValueError:
        raise Refusal(INVALID_SIDE) from None
