"""Gamma under /gamma: which window is live, and how it ended. Runs on REST workers; reads the calendar's snapshot only."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from trader.exchange.fault_kinds import Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Request, Routes
from trader.exchange.market_life import Calendars
from trader.exchange.orders import Outcome
from trader.exchange.refusal import Refusal
from trader.exchange.venue import Venue
from trader.exchange.windows import SERIES_ID, SERIES_SLUG, Window, iso_utc
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, MICRO, price_to_wire

MAX_PAGE = 100


class GammaRoutes:
    def __init__(self, calendars: Calendars, venue: Venue, faults: FaultBoard | None = None) -> None:
        self._calendar, self._venue, self._faults = calendars, venue, faults

    def table(self) -> Routes:
        return {
            ("GET", "/gamma/events/keyset"): self.events,
            ("GET", "/gamma/events/slug/"): self.event_by_slug,
            ("GET", "/gamma/markets/slug/"): self.market_by_slug,
        }

    def events(self, request: Request) -> Json:
        """Keyset listing, in the order of closing. `after_cursor` names the last window already seen."""
        query = request.query
        if "offset" in query:
            raise Refusal("offset is not supported by keyset pagination", status=422)
        limit = _integer(query.get("limit", "20"), "limit")
        windows = [each for each in self._listed() if self._fits(each, query)]
        ascending = query.get("ascending", "true") == "true"
        ordered = windows if ascending else windows[::-1]
        if "after_cursor" in query:
            seen = _integer(base64.b64decode(query["after_cursor"]).decode(), "after_cursor")
            ordered = [each for each in ordered if (each.number > seen) == ascending and each.number != seen]
        page = ordered[:min(limit, MAX_PAGE)]
        answer: Json = {"events": [self._event(each) for each in page]}
        if len(ordered) > len(page):
            answer["next_cursor"] = base64.b64encode(str(page[-1].number).encode()).decode()
        return answer

    def event_by_slug(self, request: Request) -> Json:
        return self._event(self._by_slug(request.argument))

    def market_by_slug(self, request: Request) -> Json:
        return self._market(self._by_slug(request.argument))

    def _listed(self) -> tuple[Window, ...]:
        """All windows; without those to come while a fault hides them."""
        calendar = self._calendar()
        hidden = self._faults is not None and self._faults.strike("gamma", Kind.NO_NEXT_WINDOW) is not None
        return calendar.windows[:len(calendar.winners) + 1] if hidden else calendar.windows

    def _fits(self, window: Window, query: Any) -> bool:
        closed = window.number in self._calendar().winners
        return (query.get("series_id", SERIES_ID) == SERIES_ID
                and ("closed" not in query or (query["closed"] == "true") == closed)
                and ("end_date_min" not in query or window.closes_ms >= _wall_ms(query["end_date_min"])))

    def _by_slug(self, slug: str) -> Window:
        for window in self._listed():
            if window.slug == slug:
                return window
        raise Refusal("slug not found", status=404)

    def _event(self, window: Window) -> Json:
        market = self._market(window)
        return {
            "id": window.spec.gamma_id, "ticker": window.slug, "slug": window.slug, "title": window.question,
            "startDate": market["startDate"], "endDate": market["endDate"], "active": True, "closed": market["closed"],
            "archived": False, "seriesSlug": SERIES_SLUG, "series": [{"id": SERIES_ID, "slug": SERIES_SLUG, "ticker": SERIES_SLUG}],
            "markets": [market],
        }

    def _market(self, window: Window) -> Json:
        spec, winner = window.spec, self._calendar().winners.get(window.number)
        tokens = [spec.token_ids[outcome] for outcome in window.label_order]
        v2 = spec.version == "v2"
        terms = self._venue.market_terms(spec.condition_id)
        return {
            "id": spec.gamma_id, "question": window.question, "conditionId": spec.condition_id, "slug": window.slug,
            "resolutionSource": "https://www.binance.com/en/trade/BTC_USDT",
            "startDate": iso_utc(window.listed_ms), "eventStartTime": iso_utc(window.opens_ms), "endDate": iso_utc(window.closes_ms),
            "outcomes": json.dumps([spec.outcome_names[outcome] for outcome in window.label_order]),     # lists as text, as there
            "outcomePrices": json.dumps(self._prices(window, winner)),
            "clobTokenIds": None if v2 else json.dumps(tokens), **({"positionIds": tokens} if v2 else {}),
            "active": True, "closed": winner is not None, "archived": False, "acceptingOrders": terms is not None and terms[1],
            "enableOrderBook": True, "orderPriceMinTickSize": (terms[0] if terms else spec).tick_bp / BP_PER_DOLLAR,
            "orderMinSize": spec.min_size_micro // MICRO,
            "negRisk": spec.neg_risk, "feesEnabled": True, "feeType": "crypto_fees_v2",
            "feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2},
            "rewardsMinSize": 50, "rewardsMaxSpread": 4.5, "version": spec.version,
            "resolutionStatus" if v2 else "umaResolutionStatus": "active" if winner is None else "resolved",
        }

    def _prices(self, window: Window, winner: Outcome | None) -> list[str]:
        if winner is not None:
            return ["1" if outcome is winner else "0" for outcome in window.label_order]
        mid_bp = self._venue.mid_bp(window.spec.condition_id)
        return [price_to_wire(mid_bp if outcome is Outcome.YES else BP_PER_DOLLAR - mid_bp) for outcome in window.label_order]


def _integer(text: str, name: str) -> int:
    if not text.isdigit():
        raise Refusal(f"invalid {name}: {text}", status=422)
    return int(text)


def _wall_ms(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise Refusal(f"invalid end_date_min: {text}", status=422) from None
