"""What the fleet would watch, without watching it: `trader fleet --dry-run`. Reads the listing and opens no stream.

Runs on the thread that asks.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from trader.fleet.lifecycle import query_of
from trader.fleet.link_groups import LinkGroups
from trader.fleet.pool import TOKENS, place
from trader.fleet.settings import FleetSettings
from trader.venues.contract import Catalogue, ListedMarket

SHOWN = 10


class Forecast(NamedTuple):
    """`connections` and `workers`: how many; `series`: (slug, markets), the largest first; `over`: markets beyond `max_markets`; `unmet`:
    names in `link_groups` that none of the markets has."""

    markets: tuple[ListedMarket, ...]
    over: int
    connections: int
    workers: int
    series: tuple[tuple[str, int], ...]
    unmet: tuple[str, ...]

    @property
    def assets(self) -> int:
        return TOKENS * len(self.markets)


def forecast(settings: FleetSettings, catalogue: Catalogue, wall_ms: int) -> Forecast:
    """Raises ConnectionLost or WireError when the listing cannot be read, ConfigError for link groups that contradict each other."""
    groups = LinkGroups(settings.link_groups)
    listed = {market.condition_id: market for page in catalogue.pages(query_of(settings, wall_ms)) for market in page}
    taken = tuple(listed.values())[:settings.max_markets]
    plan = place([market.condition_id for market in taken], [], target=settings.target_assets, most=settings.max_assets, waited=True)
    series = Counter(market.series or "(no series)" for market in taken)
    for market in taken:
        groups.of(market)
    return Forecast(taken, len(listed) - len(taken), len(plan.fresh), settings.num_workers, tuple(series.most_common()),
                    tuple(groups.take_unmet()))


def forecast_text(found: Forecast) -> str:
    """For people: the sums, the largest series, the first markets to end."""
    beyond = f", {found.over} more are beyond fleet.max_markets" if found.over else ""
    lines = [f"{len(found.markets)} markets{beyond}: {found.assets} tokens on {found.connections} connections, {found.workers} workers"]
    lines += [f"  {count:6} {slug}" for slug, count in found.series[:SHOWN]]
    if len(found.series) > SHOWN:
        lines.append(f"  {sum(count for _, count in found.series[SHOWN:]):6} in {len(found.series) - SHOWN} other series")
    if found.unmet:
        lines.append(f"nothing of this has the slug, event or series {', '.join(found.unmet)} of fleet.link_groups")
    lines += ["first to end:", *(f"  {market.slug}" for market in found.markets[:SHOWN])] if found.markets else [
        "nothing fits: check fleet.tags, series, min_volume and ends_within_h."]
    return "\n".join(lines)
