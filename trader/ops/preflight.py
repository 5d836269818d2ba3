"""Is the venue there? What `trader check` asks before any money is at stake. Runs on the thread that asks, needs no key."""

from __future__ import annotations

from typing import NamedTuple

import httpx

from trader.runtime.clock import Clock
from trader.settings import Settings

DEADLINE_S = 5.0
_SKEW_LIMIT_S = 5            # signed requests carry our wall time


class Check(NamedTuple):
    """One line of the report. `remedy` is empty when it is ok."""

    what: str
    ok: bool
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what:<14} {'ok  ' if self.ok else 'FAIL'}  {self.found} {self.remedy}".rstrip()


def preflight(settings: Settings, client: httpx.Client, clock: Clock) -> list[Check]:
    """Order book and listing, one request each. Nothing is placed, cancelled or signed."""
    venue, market = settings.polymarket, settings.market
    listing = f"events/slug/{market.slug}" if market.slug else f"events/keyset?series_id={market.series_id}&closed=false&limit=1"
    return [_order_book(f"{venue.clob_url}/time", client, clock), _listing(f"{venue.gamma_url}/{listing}", client)]


def _order_book(url: str, client: httpx.Client, clock: Clock) -> Check:
    answer = _get(url, client)
    if isinstance(answer, str):
        return Check("order book", False, answer, "Check polymarket.clob_url and that this machine reaches it.")
    if not answer.text.strip().isdigit():
        return Check("order book", False, f"{url} did not answer with the time.", "Check polymarket.clob_url.")
    ahead_s = clock.wall_ms() // 1000 - int(answer.text)
    if abs(ahead_s) > _SKEW_LIMIT_S:
        return Check("order book", False, f"this machine's clock is {ahead_s:+d} s off the venue's.", "Set it, by NTP for example.")
    return Check("order book", True, f"{url}, clocks {ahead_s:+d} s apart")


def _listing(url: str, client: httpx.Client) -> Check:
    answer = _get(url, client)
    if isinstance(answer, str):
        return Check("market listing", False, answer, "Check polymarket.gamma_url, market.slug and that this machine reaches it.")
    return Check("market listing", True, url)


def _get(url: str, client: httpx.Client) -> httpx.Response | str:
    """The answer, or the sentence that says why there is none."""
    try:
        answer = client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{url} is not reachable ({error or type(error).__name__})."
    return answer if answer.is_success else f"{url} answered HTTP {answer.status_code}."
