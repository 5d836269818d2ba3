"""Questions to the exchange's audit: was this client's behaviour right, seen from the other side of the wire?

    audit = read_audit(urls, address=wallet)
    assert not audit.live_while_blind(grace_ms=600) and not audit.live_in_closed_market()

Intervals are half open, [from_ms, to_ms), in the exchange's wall clock. Market subscriptions name no account: with several clients
at one exchange, say which `connection` is whose.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx

from trader.exchange.child import ExchangeUrls

Row = dict[str, Any]


class Interval(NamedTuple):
    from_ms: int
    to_ms: int

    def overlap_ms(self, other: Interval) -> int:
        return max(0, min(self.to_ms, other.to_ms) - max(self.from_ms, other.from_ms))


class Exposure(NamedTuple):
    """An order that was live when it should not have been, and for how long."""

    order: Row
    during: Interval
    overlap_ms: int


class ExchangeAudit:
    """What `GET /control/audit` said at one moment."""

    def __init__(self, said: Row) -> None:
        self.now_ms: int = said["now_ms"]
        self.began_ms: int = said["began_ms"]
        self.forgotten: dict[str, int] = said["forgotten"]
        self.orders: list[Row] = said["orders"]
        self.requests: list[Row] = said["requests"]
        self.subscriptions: list[Row] = said["subscriptions"]
        self.markets: list[Row] = said["markets"]
        self.faults: list[Row] = said["faults"]

    def life(self, row: Row) -> Interval:
        """From when to when a row was so; an open one until the moment of the audit."""
        return Interval(row["from_ms"], self.now_ms + 1 if row["to_ms"] is None else row["to_ms"])

    def live_orders(self, from_ms: int, to_ms: int | None = None) -> list[Row]:
        """Orders that were live at one moment, or at any in an interval."""
        asked = Interval(from_ms, from_ms + 1 if to_ms is None else to_ms)
        return [order for order in self.orders if self.life(order).overlap_ms(asked)]

    def exposures(self, intervals: Iterable[Interval], *, asset_id: str = "", grace_ms: int = 0) -> list[Exposure]:
        """Orders live within the intervals for longer than a grace that begins with each of them."""
        found = []
        for during in intervals:
            judged = Interval(during.from_ms + grace_ms, during.to_ms)
            for order in self.orders:
                overlap_ms = self.life(order).overlap_ms(judged)
                if overlap_ms and asset_id in ("", order["asset_id"]):
                    found.append(Exposure(order, during, overlap_ms))
        return found

    def blind(self, asset_id: str, connection: str = "") -> list[Interval]:
        """When nobody (or not that connection) could hear of this asset: not subscribed, or frozen by a fault."""
        heard = [self.life(row) for row in self.subscriptions
                 if row["channel"] == "market" and row["topic"] == asset_id and connection in ("", row["connection"])]
        frozen = [self.life(row) for row in self.faults if row["channel"] == "market" and row["kind"] == "freeze" and row["strikes"]]
        return sorted([*_gaps(heard, self.began_ms, self.now_ms), *frozen])

    def live_while_blind(self, *, grace_ms: int, connection: str = "") -> list[Exposure]:
        assets = {order["asset_id"] for order in self.orders}
        return [exposure for asset_id in sorted(assets)
                for exposure in self.exposures(self.blind(asset_id, connection), asset_id=asset_id, grace_ms=grace_ms)]

    def live_in_closed_market(self, grace_ms: int = 0) -> list[Exposure]:
        found = []
        for market in self.markets:
            if market["closed_ms"] is not None:
                during = Interval(market["closed_ms"], self.now_ms + 1)
                for asset_id in market["asset_ids"]:
                    found += self.exposures([during], asset_id=asset_id, grace_ms=grace_ms)
        return found

    def cancels(self, after_ms: int, before_ms: int | None = None) -> list[Row]:
        """Requests to cancel anything, in order of arrival."""
        return [row for row in self.requests if row["method"] == "DELETE" and after_ms <= row["at_ms"]
                and (before_ms is None or row["at_ms"] < before_ms)]

    def places(self, after_ms: int, before_ms: int | None = None) -> list[Row]:
        """Requests to place orders, in order of arrival."""
        return [row for row in self.requests if row["method"] == "POST" and row["path"] in ("/order", "/orders")
                and after_ms <= row["at_ms"] and (before_ms is None or row["at_ms"] < before_ms)]

    def last_end_ms(self, after_ms: int) -> int | None:
        """When the last of those orders ended that were live at `after_ms`; None while one still is."""
        ends = [order["to_ms"] for order in self.live_orders(after_ms)]
        return None if None in ends else max(ends, default=after_ms)


def read_audit(urls: ExchangeUrls, *, address: str = "", since_ms: int = 0) -> ExchangeAudit:
    answer = httpx.get(f"{urls.rest_url}/control/audit", params={"address": address, "since_ms": since_ms})
    answer.raise_for_status()
    return ExchangeAudit(answer.json())


def _gaps(covered: Iterable[Interval], from_ms: int, to_ms: int) -> list[Interval]:
    """What the intervals leave open between two moments."""
    gaps, at_ms = [], from_ms
    for each in sorted(covered):
        if each.from_ms > at_ms:
            gaps.append(Interval(at_ms, each.from_ms))
        at_ms = max(at_ms, each.to_ms)
    return [*gaps, Interval(at_ms, to_ms)] if at_ms < to_ms else gaps
