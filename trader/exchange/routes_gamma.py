"""Gamma under /gamma: which markets there are, and how they ended. Runs on REST workers; reads snapshots of calendar and catalogue."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime

from trader.exchange.catalogue import Catalogue, Catalogued
from trader.exchange.fault_kinds import Kind
from trader.exchange.faults import FaultBoard
from trader.exchange.http import Routes
from trader.exchange.market import MarketState
from trader.exchange.market_life import Calendars
from trader.exchange.orders import Outcome
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.venue import Venue
from trader.exchange.windows import SERIES_ID, SERIES_SLUG, Window, iso_utc
from trader.exchange.wire import Json
from trader.model.units import BP_PER_DOLLAR, MICRO, price_to_wire, size_to_wire

MOST_EVENTS, MOST_MARKETS = 100, 500        # on one page
_ORDERS: dict[str, Callable[[Window], tuple[int, int]]] = {
    "endDate": lambda window: (window.closes_ms, window.number),
    "startDate": lambda window: (window.listed_ms, window.number),
    "id": lambda window: (0, window.number),
}


class GammaRoutes:
    def __init__(self, calendars: Calendars, venue: Venue, faults: FaultBoard | None = None, catalogue: Catalogue | None = None,
                 stale: tuple[Window, ...] = ()) -> None:
        """`stale`: windows of long ago that are still said to be open, as the live venue says of many."""
        self._calendar, self._venue, self._faults, self._catalogue, self._stale = calendars, venue, faults, catalogue, stale

    def table(self) -> Routes:
        return {
            ("GET", "/gamma/events/keyset"): self.events,
            ("GET", "/gamma/events/slug/"): self.event_by_slug,
            ("GET", "/gamma/markets/slug/"): self.market_by_slug,
            ("GET", "/gamma/markets"): self.markets,
            ("GET", "/gamma/series"): self.series,
        }

    def events(self, request: Request) -> Json:
        """Keyset listing. `after_cursor` names the last event already seen, so that births and deaths meanwhile shift nothing."""
        query = request.query
        if "offset" in query:
            raise Refusal("offset is not supported by keyset pagination", status=422)
        limit = min(request.number("limit", 20, status=422), MOST_EVENTS)
        key, ascending = _order(query), query.get("ascending", "true") == "true"
        ordered = self._ordered(request)
        if "after_cursor" in query:
            seen = _seen(query["after_cursor"])
            ordered = [each for each in ordered if (key(each) > seen if ascending else key(each) < seen)]
        page = ordered[:limit]
        answer: Json = {"events": [self._event(each) for each in page]}
        if len(ordered) > len(page) > 0:
            answer["next_cursor"] = base64.b64encode("{}:{}".format(*key(page[-1])).encode()).decode()
        return answer

    def markets(self, request: Request) -> list[Json]:
        """The older listing, by offset."""
        limit, offset = request.number("limit", 20, status=422), request.number("offset", 0, status=422)
        found = [each for each in self._ordered(request) if _names(request, each)]
        return [self._market(each) for each in found[offset:offset + min(limit, MOST_MARKETS)]]

    def series(self, request: Request) -> list[Json]:
        """Of the hourly windows: where a client finds the id that goes with a slug."""
        asked = request.values("slug")
        return [{**_HOURLY, "recurrence": "hourly"}] if not asked or SERIES_SLUG in asked else []

    def event_by_slug(self, request: Request) -> Json:
        return self._event(self._by_slug(request.argument))

    def market_by_slug(self, request: Request) -> Json:
        return self._market(self._by_slug(request.argument))

    def _listed(self) -> list[Window]:
        """All there is; without the windows to come while a fault hides them."""
        calendar = self._calendar()
        hidden = self._faults is not None and self._faults.strike("gamma", Kind.NO_NEXT_WINDOW) is not None
        windows = calendar.windows[:len(calendar.winners) + 1] if hidden else calendar.windows
        more = self._catalogue.now() if self._catalogue else Catalogued()
        return [*self._stale, *windows, *more.open, *(window for window, _ in more.over)]

    def _ordered(self, request: Request) -> list[Window]:
        query, winners = request.query, self._winners()
        fits = [each for each in self._listed() if _fits(each, request, closed=each.number in winners)]
        if "volume_min" in query:
            least_micro = _volume_micro(query["volume_min"])
            fits = [each for each in fits if self._volume_micro(each) >= least_micro]
        return sorted(fits, key=_order(query), reverse=query.get("ascending", "true") != "true")

    def _volume_micro(self, window: Window) -> int:
        state = self._venue.market_state(window.spec.condition_id)
        return state.volume_micro if state else 0

    def _winners(self) -> Mapping[int, Outcome]:
        ended = {window.number: winner for window, winner in self._catalogue.now().over} if self._catalogue else {}
        return {**self._calendar().winners, **ended}

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
            "archived": False, "tags": [_tag(window)], "volume": float(market["volume"]),
            "markets": [market], **(_SERIES if window.is_hourly else {}),
        }

    def _market(self, window: Window) -> Json:
        spec, winner = window.spec, self._winners().get(window.number)
        tokens = [spec.token_ids[outcome] for outcome in window.label_order]
        v2 = spec.version == "v2"
        state = self._venue.market_state(spec.condition_id)        # None: of long ago
        return {
            "id": spec.gamma_id, "question": window.question, "conditionId": spec.condition_id, "slug": window.slug,
            "resolutionSource": "https://www.binance.com/en/trade/BTC_USDT" if window.is_hourly else "",
            "startDate": iso_utc(window.listed_ms), "endDate": iso_utc(window.closes_ms),
            **({"eventStartTime": iso_utc(window.opens_ms)} if window.is_hourly else {}),
            "outcomes": json.dumps([spec.outcome_names[outcome] for outcome in window.label_order]),     # lists as text, as there
            "outcomePrices": json.dumps(_prices(window, winner, state)), "volume": size_to_wire(state.volume_micro if state else 0),
            "clobTokenIds": None if v2 else json.dumps(tokens), **({"positionIds": tokens} if v2 else {}),
            "active": True, "closed": winner is not None, "archived": False, "acceptingOrders": state is not None and state.accepting,
            "enableOrderBook": True, "orderPriceMinTickSize": (state.spec if state else spec).tick_bp / BP_PER_DOLLAR,
            "orderMinSize": spec.min_size_micro // MICRO,
            "negRisk": spec.neg_risk, "feesEnabled": True, "feeType": "crypto_fees_v2",
            "feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2},
            "rewardsMinSize": 50, "rewardsMaxSpread": 4.5, "version": spec.version,
            "resolutionStatus" if v2 else "umaResolutionStatus": "active" if winner is None else "resolved",
        }


def _prices(window: Window, winner: Outcome | None, state: MarketState | None) -> list[str]:
    if winner is not None:
        return ["1" if outcome is winner else "0" for outcome in window.label_order]
    mid_bp = state.mid_bp if state else BP_PER_DOLLAR // 2
    return [price_to_wire(mid_bp if outcome is Outcome.YES else BP_PER_DOLLAR - mid_bp) for outcome in window.label_order]


_HOURLY: Json = {"id": SERIES_ID, "slug": SERIES_SLUG, "ticker": SERIES_SLUG}
_SERIES: Json = {"seriesSlug": SERIES_SLUG, "series": [_HOURLY]}
_CRYPTO: Json = {"id": "21", "slug": "crypto", "label": "Crypto"}
_POLITICS: Json = {"id": "2", "slug": "politics", "label": "Politics"}


def _tag(window: Window) -> Json:
    return _CRYPTO if window.is_hourly else _POLITICS


def _fits(window: Window, request: Request, *, closed: bool) -> bool:
    """All filters but the volume's. An id may be given several times, a slug of a tag once, as there."""
    query, tag = request.query, _tag(window)
    return ((not (series := request.values("series_id")) or (window.is_hourly and SERIES_ID in series))
            and (not (tags := request.values("tag_id")) or tag["id"] in tags)
            and query.get("tag_slug", tag["slug"]) == tag["slug"]
            and ("closed" not in query or (query["closed"] == "true") == closed)
            and ("end_date_min" not in query or window.closes_ms >= _wall_ms(query, "end_date_min"))
            and ("end_date_max" not in query or window.closes_ms <= _wall_ms(query, "end_date_max")))


def _names(request: Request, window: Window) -> bool:
    """Whether the market is among those that the query names, of each kind of name that it uses."""
    spec = window.spec
    named = (("slug", {window.slug}), ("id", {spec.gamma_id}), ("condition_ids", {spec.condition_id}),
             ("clob_token_ids", set(spec.token_ids)))
    return all(not (asked := request.values(kind)) or not names.isdisjoint(asked) for kind, names in named)


def _order(query: Mapping[str, str]) -> Callable[[Window], tuple[int, int]]:
    name = query.get("order", "endDate")
    if name not in _ORDERS:
        raise Refusal(f"invalid order: {name}", status=422)
    return _ORDERS[name]


def _seen(cursor: str) -> tuple[int, int]:
    """The place of the last event that was seen."""
    try:
        place, number = map(int, base64.b64decode(cursor, validate=True).split(b":"))
    except ValueError:
        raise Refusal(f"invalid after_cursor: {cursor}", status=422) from None
    return place, number


def _volume_micro(text: str) -> int:
    try:
        return round(float(text) * MICRO)
    except (ValueError, OverflowError):
        raise Refusal(f"invalid volume_min: {text}", status=422) from None


def _wall_ms(query: Mapping[str, str], name: str) -> int:
    try:
        return round(datetime.fromisoformat(query[name]).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Refusal(f"invalid {name}: {query[name]}", status=422) from None
