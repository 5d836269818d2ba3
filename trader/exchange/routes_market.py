"""Public terms of markets: /clob-markets, /markets and its lists, /tick-size, /neg-risk, /fee-rate. Runs on REST workers."""

from __future__ import annotations

from collections.abc import Callable

from trader.exchange.http import Routes
from trader.exchange.market import MarketState
from trader.exchange.orders import MarketSpec, Outcome, yes_bp
from trader.exchange.paging import page
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.windows import iso_utc
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, MICRO

LEGACY_BASE_FEE = 1000
PAGE_ROWS = 1_000
NOT_FOUND = "market not found"


class MarketRoutes:
    def __init__(self, venue: Venue, *, taker_delay_ms: int = 0) -> None:
        self._venue, self._delay_ms = venue, taker_delay_ms

    def table(self) -> Routes:
        return {
            ("GET", "/clob-markets/"): self.clob_market,
            ("GET", "/markets"): lambda request: self._list(request, self._full),
            ("GET", "/sampling-markets"): lambda request: self._list(request, self._full),
            ("GET", "/simplified-markets"): lambda request: self._list(request, _simplified),
            ("GET", "/sampling-simplified-markets"): lambda request: self._list(request, _simplified),
            ("GET", "/markets/"): self.market,
            ("GET", "/markets-by-token/"): self.market_by_token,
            ("GET", "/tick-size"): self.tick_size,
            ("GET", "/neg-risk"): self.neg_risk,
            ("GET", "/fee-rate"): self.fee_rate,
            ("GET", "/fees/builder-fees/"): lambda _: {"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0},
        }

    def clob_market(self, request: Request) -> Json:
        market = self._named(request)
        spec = market.spec
        neg_risk = {"nr": True} if spec.neg_risk else {}
        return {
            "r": {"mi": 50, "ma": 4.5, "moas": 30},
            "t": [{"t": spec.token_ids[each], "o": spec.outcome_names[each]} for each in Outcome],
            "c": spec.condition_id, "mos": spec.min_size_micro // MICRO, "mts": spec.tick_bp / BP_PER_DOLLAR, "mbf": LEGACY_BASE_FEE,
            "tbf": LEGACY_BASE_FEE, "ao": market.accepting, "cbos": True, "aot": iso_utc(market.listed_ms // 1000 * 1000),
            **({"itode": True} if self._delay_ms else {}), "fd": {"r": 0.07, "e": 1, "to": True}, "v": spec.version, **neg_risk,
        }

    def market(self, request: Request) -> Json:
        return self._full(self._named(request))

    def _named(self, request: Request) -> MarketState:
        found = self._venue.market_state(request.argument)
        if found is None:
            raise Refusal(NOT_FOUND, status=404)
        return found

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

    def _list(self, request: Request, render: Callable[[MarketState], Json]) -> Json:
        return page(self._venue.market_states(), request.query, render, rows_a_page=PAGE_ROWS)

    def _full(self, market: MarketState) -> Json:
        """What the CLOB itself knows of a market; its slug, question and dates are Gamma's."""
        spec = market.spec
        return _simplified(market) | {
            "enable_order_book": True,
            "minimum_order_size": spec.min_size_micro // MICRO, "minimum_tick_size": spec.tick_bp / BP_PER_DOLLAR,
            "accepting_order_timestamp": iso_utc(market.listed_ms // 1000 * 1000), "seconds_delay": self._delay_ms // 1000,
            "maker_base_fee": LEGACY_BASE_FEE, "taker_base_fee": LEGACY_BASE_FEE, "neg_risk": spec.neg_risk, "is_50_50_outcome": False,
        }


def _simplified(market: MarketState) -> Json:
    decided = market.winner is not None
    return {
        "condition_id": market.spec.condition_id,
        "rewards": {"rates": None, "min_size": 50, "max_spread": 4.5},
        "tokens": [{"token_id": market.spec.token_ids[each], "outcome": market.spec.outcome_names[each],
                    "price": yes_bp(each, market.mid_bp) / BP_PER_DOLLAR, "winner": market.winner is each} for each in Outcome],
        "active": True, "closed": decided, "archived": False, "accepting_orders": market.accepting,
    }
