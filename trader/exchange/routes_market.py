"""Public market reads: /book, /clob-markets, /tick-size, /neg-risk, /fee-rate, /markets-by-token. Runs on REST workers."""

from __future__ import annotations

from trader.exchange.hashes import mirror_of
from trader.exchange.http import Request, Routes
from trader.exchange.orders import MarketSpec, Outcome
from trader.exchange.refusal import Refusal
from trader.exchange.venue import Venue
from trader.exchange.windows import iso_utc
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, MICRO

LEGACY_BASE_FEE = 1000


class MarketRoutes:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def table(self) -> Routes:
        return {
            ("GET", "/book"): self.book,
            ("GET", "/clob-markets/"): self.clob_market,
            ("GET", "/markets-by-token/"): self.market_by_token,
            ("GET", "/tick-size"): self.tick_size,
            ("GET", "/neg-risk"): self.neg_risk,
            ("GET", "/fee-rate"): self.fee_rate,
        }

    def book(self, request: Request) -> bytes:
        """Rendered outside the lock from a copy; its hash equals the stream's at the same change."""
        token_id = request.query.get("token_id", "")
        if not token_id.isdigit():
            raise Refusal("Invalid token id")
        spec = self._venue.spec_of_token(token_id)
        return mirror_of(self._venue.book(spec.condition_id)).text(spec.outcome_of(token_id)).rest_json().encode()

    def clob_market(self, request: Request) -> Json:
        market = self._venue.market_terms(request.argument)
        if market is None:
            raise Refusal("market not found", status=404)
        spec, accepting, listed_ms = market
        neg_risk = {"nr": True} if spec.neg_risk else {}
        return {
            "r": {"mi": 50, "ma": 4.5, "moas": 30},
            "t": [{"t": spec.token_ids[each], "o": spec.outcome_names[each]} for each in Outcome],
            "c": spec.condition_id, "mos": spec.min_size_micro // MICRO, "mts": spec.tick_bp / BP_PER_DOLLAR, "mbf": LEGACY_BASE_FEE,
            "tbf": LEGACY_BASE_FEE, "ao": accepting, "cbos": True, "aot": iso_utc(listed_ms // 1000 * 1000),
            "fd": {"r": 0.07, "e": 1, "to": True}, "v": spec.version, **neg_risk,
        }

    def market_by_token(self, request: Request) -> Json:
        spec = self._venue.spec_of_token(request.argument)
        return {"condition_id": spec.condition_id, "primary_token_id": spec.token_ids[0], "secondary_token_id": spec.token_ids[1]}

    def tick_size(self, request: Request) -> Json:
        return {"minimum_tick_size": self._spec(request).tick_bp / BP_PER_DOLLAR}

    def neg_risk(self, request: Request) -> Json:
        return {"neg_risk": self._spec(request).neg_risk}

    def fee_rate(self, request: Request) -> Json:
        self._spec(request)
        return {"base_fee": LEGACY_BASE_FEE}

    def _spec(self, request: Request) -> MarketSpec:
        return self._venue.spec_of_token(request.query.get("token_id", ""))
