"""What a Gamma market says beside its tokens: fees, rewards, and what it settles on. Pure.

None of it is needed to make a market, so what cannot be read is unknown and not an error; the reader then closes what depends on
it (`Market.may_take`). Facts: docs/venues/polymarket.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from trader.errors import WireError
from trader.model.costs import PPM, FeeSchedule, RewardBand
from trader.model.units import scaled_int, size_micro_from_wire

T = TypeVar("T")
_BINANCE_PAGE = re.compile(r"https://(?:www\.)?binance\.com/(?:\w+/)?trade/([A-Z0-9]+)_([A-Z0-9]+)(?:\?.*)?")
_MAX_EXPONENT = 4
_UNREADABLE = (WireError, KeyError, TypeError, ValueError, AttributeError)


def fees_from_gamma(row: dict[str, Any]) -> FeeSchedule | None:
    return _or_unknown(_fees, row)


def rewards_from_gamma(row: dict[str, Any]) -> RewardBand | None:
    return _or_unknown(_rewards, row)


def settles_on(row: dict[str, Any]) -> str:
    """The symbol, when it is Binance's price; otherwise the source in the venue's own words."""
    source = row.get("resolutionSource")
    page = _BINANCE_PAGE.fullmatch(source) if isinstance(source, str) else None
    if page is not None:
        return page[1] + page[2]
    return source if isinstance(source, str) and source else "a source that the venue does not name"


def _fees(row: dict[str, Any]) -> FeeSchedule | None:
    """`feeSchedule`, which the CLOB calls `fd`. `feesEnabled: false` is free of fees."""
    if row.get("feesEnabled") is False:
        return FeeSchedule(0, 1, True, 0)
    schedule = row["feeSchedule"]
    rate_ppm, rebate_ppm = (scaled_int(str(schedule.get(name, default)), 6, name) for name, default in (("rate", ""), ("rebateRate", 0)))
    exponent, taker_only = schedule["exponent"], schedule["takerOnly"]
    if not (0 <= rate_ppm <= PPM and 0 <= rebate_ppm <= PPM and exponent in range(_MAX_EXPONENT + 1) and isinstance(taker_only, bool)):
        return None
    return FeeSchedule(rate_ppm, int(exponent), taker_only, rebate_ppm)


def _rewards(row: dict[str, Any]) -> RewardBand | None:
    """`rewardsMinSize` in shares, `rewardsMaxSpread` in cents. Without both, none are paid."""
    smallest, widest_bp = size_micro_from_wire(str(row["rewardsMinSize"])), scaled_int(str(row["rewardsMaxSpread"]), 2, "rewardsMaxSpread")
    return RewardBand(smallest, widest_bp) if smallest > 0 and widest_bp > 0 else None


def _or_unknown(read: Callable[[dict[str, Any]], T | None], row: dict[str, Any]) -> T | None:
    try:
        return read(row)
    except _UNREADABLE:
        return None
