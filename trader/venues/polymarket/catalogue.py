"""All open markets of Gamma that fit, page by page, for the fleet. Used by the thread `fl-lifecycle`; each request has a deadline.

Gamma filters events: by one tag, by ids of series, by the volume and the end of the whole event. So there is a listing for each tag, and
`CatalogueQuery.fits` judges each market of what comes.

The end of the listing is where the venue names no next cursor, whatever a page holds: a page on which nothing fits is not the last one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import orjson

from trader.errors import WireError
from trader.model.units import MoneyMicro, decimal_text, price_bp_from_wire, scaled_int
from trader.venues.contract import CatalogueQuery, ListedMarket
from trader.venues.polymarket.gamma import GammaClient, gamma_time, json_list, padded_condition_id
from trader.venues.polymarket.wire import CHANGELOG, UNREADABLE, unreadable

log = logging.getLogger(__name__)

PAGE_LIMIT = 100             # the most that the venue allows
MOST_PAGES = 10_000          # a cursor that never ends is a fault of the venue, not a listing
DEADLINE_S = 10.0


class GammaCatalogue:
    """Implements `contract.Catalogue`. `unreadable` counts markets that were left out because they could not be read."""

    def __init__(self, gamma_url: str, client: httpx.Client | None = None) -> None:
        self._gamma = GammaClient(gamma_url, DEADLINE_S, "the filters of fleet", client)
        self._series_ids: dict[str, str] = {}        # by slug; neither ever changes
        self.unreadable = 0

    def pages(self, query: CatalogueQuery) -> Iterator[list[ListedMarket]]:
        """Markets of an event with two of the wanted tags come twice. Each request ends a page: an empty one, for the id of a series."""
        for slug in query.series:
            if slug not in self._series_ids:
                self._look_up(slug)
                yield []
        wanted = self._wanted(query)
        for tag in query.tags or (None,):
            yield from self._listing(wanted if tag is None else {**wanted, "tag_slug": tag}, query)

    def _wanted(self, query: CatalogueQuery) -> dict[str, Any]:
        """`closed=false` alone returns years of stale events, so a listing is bounded by `end_date_min`."""
        wanted: dict[str, Any] = {"closed": "false", "order": "endDate", "ascending": "true", "limit": PAGE_LIMIT,
                                  "end_date_min": gamma_time(query.end_min_ms)}
        if query.end_max_ms is not None:
            wanted["end_date_max"] = gamma_time(query.end_max_ms)
        if query.min_volume_micro:
            wanted["volume_min"] = decimal_text(query.min_volume_micro, 6)
        if query.series:
            wanted["series_id"] = [self._series_ids[slug] for slug in query.series]
        return wanted

    def _look_up(self, slug: str) -> None:
        answer = self._gamma.get("/series", {"slug": slug})
        try:
            found = [str(row["id"]) for row in answer or () if row["slug"] == slug]
        except UNREADABLE as why:
            raise unreadable("Gamma's series", orjson.dumps(answer), why) from None
        if not found:
            raise WireError(f"Gamma knows no series {slug!r}.", remedy="Correct fleet.series: it wants slugs, as in "
                            "btc-up-or-down-hourly.")
        self._series_ids[slug] = found[0]

    def _listing(self, wanted: dict[str, Any], query: CatalogueQuery) -> Iterator[list[ListedMarket]]:
        wanted = dict(wanted)
        cursors: set[str] = set()
        for _ in range(MOST_PAGES):
            answer = self._gamma.get("/events/keyset", wanted)
            if not isinstance(answer, dict) or not isinstance(answer.get("events"), list):
                raise WireError("Gamma answered /events/keyset without `events`.", remedy=CHANGELOG)
            yield [market for market in self._markets(answer["events"]) if query.fits(market)]
            cursor = answer.get("next_cursor")
            if not cursor:
                return
            if str(cursor) in cursors:
                raise WireError("Gamma's listing names the same next page twice.", remedy=CHANGELOG)
            cursors.add(str(cursor))
            wanted["after_cursor"] = cursor
        raise WireError(f"Gamma's listing has more than {MOST_PAGES} pages.", remedy="Narrow it with fleet.tags, series or ends_within_h.")

    def event(self, slug: str) -> list[ListedMarket]:
        """The slug may be the stream's word for it: whatever it is, it stays one part of the path."""
        answer = self._gamma.named("events", slug)
        return [] if answer is None else self._markets([answer])

    def close(self) -> None:
        self._gamma.close()

    def _markets(self, events: list[Any]) -> list[ListedMarket]:
        """One unreadable market must not hide the others."""
        found = []
        for event in events:
            try:
                rows = [row for row in event["markets"] if _is_open(row)]
            except UNREADABLE as why:
                self._leave_out(event, why)
                continue
            for row in rows:
                try:
                    found.append(listed_market(row, event))
                except (WireError, *UNREADABLE) as why:
                    self._leave_out(row, why)
        return found

    def _leave_out(self, row: Any, why: Exception) -> None:
        self.unreadable += 1
        log.debug("catalogue: left out: %s", unreadable("a market", orjson.dumps(row), why))


def listed_market(row: dict[str, Any], event: dict[str, Any]) -> ListedMarket:
    """Raises when something that a book depends on is missing. Labels do not matter here: any two outcomes have books."""
    tokens = tuple(str(token) for token in json_list(row["positionIds"] if row.get("version") == "v2" else row["clobTokenIds"]))
    if len(tokens) != 2 or len(set(tokens)) != 2 or not all(token.isdigit() for token in tokens):
        raise WireError(f"tokens {tokens} are not two.", remedy=CHANGELOG)
    return ListedMarket(
        condition_id=padded_condition_id(row["conditionId"]),
        tokens=(tokens[0], tokens[1]),
        tick_bp=price_bp_from_wire(str(row["orderPriceMinTickSize"])),
        end_ms=round(datetime.fromisoformat(row["endDate"]).timestamp() * 1000),
        slug=str(row["slug"]),
        series=str(event.get("seriesSlug") or ""),
        tags=tuple(str(tag["slug"]) for tag in event.get("tags") or ()),
        volume_micro=MoneyMicro(scaled_int(_decimal(row.get("volume") or 0), 6, "volume")),
        event=str(event.get("slug") or ""),
    )


def _is_open(row: dict[str, Any]) -> bool:
    return bool(row.get("acceptingOrders")) and not row.get("closed") and bool(row.get("enableOrderBook", True))


def _decimal(value: str | float) -> str:
    """Gamma writes a volume as a text or as a number, with more digits than a dollar has. Only a filter looks at it."""
    return f"{float(value):.6f}"
