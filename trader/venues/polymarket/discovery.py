"""Finds windows in Gamma, the venue's market listing. Used by the thread `markets`; each request has a deadline.

Windows are keyed by `eventStartTime` and `endDate` in UTC; slugs and titles are for people (a slug of last year resolves too).
"""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Any

import httpx
import orjson

from trader.errors import WireError
from trader.model.market import Market
from trader.model.units import BP_PER_DOLLAR, PriceBp, SizeMicro, price_bp_from_wire, scaled_int, size_micro_from_wire
from trader.venues.contract import Listing
from trader.venues.polymarket.gamma import GammaClient, gamma_time, json_list, padded_condition_id
from trader.venues.polymarket.terms import fees_from_gamma, rewards_from_gamma, settles_on
from trader.venues.polymarket.wire import CHANGELOG, UNREADABLE, unreadable

log = logging.getLogger(__name__)

PAGE_LIMIT = 10                  # windows of one page: ten hours ahead are enough, and later ones are asked for later
DEADLINE_S = 5.0
_YES_LABELS, _NO_LABELS = ("up", "yes"), ("down", "no")
_WITHOUT_YEAR = re.compile(r"[a-z]+-up-or-down-[a-z]+-\d{1,2}-\d{1,2}[ap]m-et")        # until April 2026; still resolve


class GammaDiscovery:
    """Implements `contract.Discovery`."""

    def __init__(self, gamma_url: str, client: httpx.Client | None = None) -> None:
        self._gamma = GammaClient(gamma_url, DEADLINE_S, "series_id", client)
        self._warned: set[str] = set()

    def windows(self, series_id: int, now_ms: int) -> Listing:
        """`closed=false` alone returns years of stale events, so the listing is bounded by `end_date_min`."""
        answer = self._gamma.get("/events/keyset", {
            "series_id": series_id, "closed": "false", "order": "endDate", "ascending": "true", "end_date_min": gamma_time(now_ms),
            "limit": PAGE_LIMIT,
        })
        if not isinstance(answer, dict) or "events" not in answer:
            raise WireError("Gamma answered /events/keyset without `events`.", remedy=CHANGELOG)
        listing = self._listing(_markets_of(answer["events"]))
        return listing._replace(open=tuple(sorted((m for m in listing.open if m.close_ms > now_ms), key=lambda m: m.close_ms)))

    def by_slug(self, slug: str, now_ms: int) -> Listing:
        """A slug without a year leads to the window of an earlier year for ever: refused when that is over."""
        event = self._gamma.named("events", slug)
        rows = [row for row in [self._gamma.named("markets", slug)] if row is not None] if event is None else _markets_of([event])
        if len(rows) > 1:
            raise WireError(f"event {slug} has {len(rows)} markets.", remedy="Set market.condition_id to that of one, or market.slug to "
                            f"its own, as in {rows[0].get('slug')}.")
        if rows and _WITHOUT_YEAR.fullmatch(slug) and _ends_ms(rows[0]) <= now_ms:
            raise WireError(f"slug {slug} names no year, and leads to a window that ended {gamma_time(_ends_ms(rows[0]))}.",
                            remedy="Write the year into market.slug, as in bitcoin-up-or-down-november-21-2026-3pm-et.")
        return self._listing(rows)

    def by_condition_id(self, condition_id: str) -> Listing:
        """Gamma shows a closed market to whoever asks for closed ones only."""
        return self._listing(self._named(condition_id, closed="false") or self._named(condition_id, closed="true"))

    def winner(self, market: Market) -> str | None:
        """A slug may name another market too (the repeated hour in autumn): the condition id decides."""
        row = self._gamma.named("markets", market.slug)
        try:
            if row is not None and padded_condition_id(row["conditionId"]) != market.condition_id:
                row = next(iter(self._named(market.condition_id, closed="true")), None)
            return _winning_token(row) if row is not None and row.get("closed") else None
        except UNREADABLE as why:
            raise unreadable("Gamma's market", orjson.dumps(row), why) from None

    def close(self) -> None:
        self._gamma.close()

    def _named(self, condition_id: str, *, closed: str) -> list[dict[str, Any]]:
        """The market with this id, which Gamma may know without the padding; other rows of the answer are nobody's business."""
        padded = padded_condition_id(condition_id.lower())
        spellings = [padded.removesuffix("00"), padded] if padded.endswith("00") else [padded]
        answer = self._gamma.get("/markets", {"condition_ids": spellings, "closed": closed})
        try:
            return [row for row in answer or () if padded_condition_id(row["conditionId"]) == padded]
        except UNREADABLE as why:
            raise unreadable("Gamma's listing", orjson.dumps(answer), why) from None

    def _listing(self, rows: list[dict[str, Any]]) -> Listing:
        """One unreadable market must not hide the others: it is left out, and the reason is logged once."""
        found: list[Market] = []
        shut: set[str] = set()
        for row in rows:
            try:
                if row.get("acceptingOrders") and not row.get("closed") and row.get("enableOrderBook", True):
                    found.append(market_from_gamma(row))
                else:
                    shut.add(padded_condition_id(row["conditionId"]))
            except (WireError, *UNREADABLE) as why:
                self._warn(str(row.get("slug") if isinstance(row, dict) else row), why)
        return Listing(tuple(found), frozenset(shut), bool(rows) and all(isinstance(row, dict) and row.get("closed") for row in rows))

    def _warn(self, slug: str, why: Exception) -> None:
        if slug not in self._warned:
            self._warned.add(slug)
            log.warning("markets: %s is left out: %s", slug, why)


def market_from_gamma(row: dict[str, Any]) -> Market:
    """One market of a listing. Raises when something that an order depends on is missing or unknown."""
    yes_token, no_token = _tokens_by_label(row)
    open_ms, close_ms = _span_ms(row)
    return Market(
        slug=str(row["slug"]),
        condition_id=padded_condition_id(row["conditionId"]),
        yes_token=yes_token,
        no_token=no_token,
        tick_bp=_tick_bp(str(row["orderPriceMinTickSize"])),
        min_size_micro=_min_size_micro(str(row["orderMinSize"])),
        open_ms=open_ms,
        close_ms=close_ms,
        protocol=row["version"],
        neg_risk=bool(row.get("negRisk", False)),
        fees=fees_from_gamma(row),
        rewards=rewards_from_gamma(row),
        settles_on=settles_on(row),
    )


def _span_ms(row: dict[str, Any]) -> tuple[int, int]:
    """`startDate` is only the time of listing, so a market without `eventStartTime` has no open to be measured against."""
    if row.get("eventStartTime") is None:
        raise WireError("it names no eventStartTime: it is no window that opens and closes.", remedy="Choose another series or slug.")
    open_ms, close_ms = _ms(row["eventStartTime"]), _ms(row["endDate"])
    if open_ms >= close_ms:
        raise WireError(f"it closes at {row['endDate']}, which is not after its open at {row['eventStartTime']}.", remedy=CHANGELOG)
    return open_ms, close_ms


def _tick_bp(text: str) -> PriceBp:
    """Every price and its complement are whole ticks."""
    tick_bp = price_bp_from_wire(text)
    if not 0 < tick_bp < BP_PER_DOLLAR or BP_PER_DOLLAR % tick_bp:
        raise WireError(f"a tick of {text} does not divide a dollar.", remedy=CHANGELOG)
    return tick_bp


def _min_size_micro(text: str) -> SizeMicro:
    size_micro = size_micro_from_wire(text)
    if size_micro == 0:
        raise WireError(f"a least size of {text} is none.", remedy=CHANGELOG)
    return size_micro


def _tokens_by_label(row: dict[str, Any]) -> tuple[str, str]:
    """(YES, NO). Labels decide: the order ["Down", "Up"] happens."""
    labels = [str(label).lower() for label in json_list(row["outcomes"])]
    tokens = [str(token) for token in _token_ids(row)]
    if len(labels) != 2 or len(tokens) != 2 or len(set(tokens)) != 2 or not all(t.isdigit() for t in tokens):
        raise WireError(f"outcomes {labels} with tokens {tokens} are not two of each.", remedy=CHANGELOG)
    by_label = dict(zip(labels, tokens, strict=True))
    yes = [by_label[label] for label in _YES_LABELS if label in by_label]
    no = [by_label[label] for label in _NO_LABELS if label in by_label]
    if not yes or not no:
        raise WireError(f"outcomes {labels} are neither up/down nor yes/no.", remedy="Choose another series or slug.")
    return yes[0], no[0]


def _winning_token(row: dict[str, Any]) -> str | None:
    """Once it is resolved, the price of one outcome is exactly 1. None before, and when both sides got a part."""
    prices = [str(price) for price in json_list(row["outcomePrices"])]
    tokens = [str(token) for token in _token_ids(row)]
    won = [token for token, price in zip(tokens, prices, strict=True) if scaled_int(price, 18, "outcome price") == 10**18]
    return won[0] if len(won) == 1 else None


def _token_ids(row: dict[str, Any]) -> list[Any]:
    """`version` decides, never which field happens to be filled: it also decides the exchange that an order is signed for."""
    match row.get("version"):
        case "v1":
            return json_list(row["clobTokenIds"])
        case "v2":
            return json_list(row["positionIds"])
        case version:
            raise WireError(f"protocol version {version!r} is not v1 or v2.", remedy="Update trader before trading this market.")


def _markets_of(events: Any) -> list[dict[str, Any]]:
    try:
        return [row for event in events for row in event["markets"]]
    except UNREADABLE as why:
        raise unreadable("Gamma's listing", orjson.dumps(events), why) from None


def _ends_ms(row: dict[str, Any]) -> int:
    try:
        return _ms(row["endDate"])
    except UNREADABLE as why:
        raise unreadable("Gamma's market", orjson.dumps(row), why) from None


def _ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise WireError(f"time {text!r} names no time zone.", remedy=CHANGELOG)
    return round(moment.timestamp() * 1000)
