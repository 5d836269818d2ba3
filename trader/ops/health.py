"""What is wrong with a desk now, component by component: `Trader.health()` and `/health`. Pure; any thread; reads caches only.

A component is a role, the gateway's threads together, or the embedded exchange. Not quoting is not unhealthy: a desk that stops
because its market is about to close does its work. Guards and mode are told beside the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from trader.model.book import FeedHealth
from trader.runtime.supervisor import RoleReport
from trader.settings import Settings

if TYPE_CHECKING:
    from trader.desk import Desk

PULSE_PERIODS = 5                # as the guard `strategy_stale`
_MS = 1_000_000


class Verdict(NamedTuple):
    ok: bool
    reason: str                  # empty when ok


def examine(settings: Settings, desk: Desk | None, roles: Sequence[RoleReport], now_ns: int, others: Mapping[str, str]) -> dict[str, Any]:
    """`ok` is the whole. `others`: what is wrong with components that are no roles, or empty: the run, the embedded exchange."""
    ailments = _role_ailments(roles, settings.runtime.watchdog_ms)
    if desk is not None:
        for name, reason in _own_ailments(settings, desk, now_ns).items():
            ailments[name] = ailments.get(name) or reason
    ailments |= others
    held = desk.hands.inventory.read() if desk else None
    return {
        "ok": not any(ailments.values()),
        "components": {name: Verdict(not reason, reason)._asdict() for name, reason in ailments.items()},
        "trading_mode": held.mode.name if held else None,
        "guards": list(held.reasons) if held else [],
    }


def keep_their_word(roles: Iterable[RoleReport], watchdog_ms: int) -> bool:
    """Every thread runs and is within its declared limit, or at most the watchdog's patience beyond."""
    return not any(_role_ailment(role, watchdog_ms) for role in roles)


def _role_ailments(roles: Iterable[RoleReport], watchdog_ms: int) -> dict[str, str]:
    """Every role as a component of its name; the gateway's threads are one."""
    found: dict[str, str] = {}
    for role in roles:
        name = "gateway" if role.name.startswith("gateway-") else role.name
        found[name] = found.get(name) or _role_ailment(role, watchdog_ms)
    return found


def _role_ailment(role: RoleReport, watchdog_ms: int) -> str:
    if not role.alive:
        return f"thread {role.name} does not run ({role.doing})"
    if role.doing_ms > role.limit_ms + watchdog_ms:
        return f"thread {role.name} has been in {role.doing!r} for {role.doing_ms} ms (limit {role.limit_ms} ms)"
    return ""


def _own_ailments(settings: Settings, desk: Desk, now_ns: int) -> dict[str, str]:
    hands, feeds = desk.hands, settings.feeds
    return {
        "pm-book": _feed(hands.book_health.read(), now_ns, feeds.book_stale_ms),
        "pm-user": _feed(hands.user_health.read(), now_ns, feeds.user_stale_ms),
        "bn-ticker": _feed(hands.reference_health.read(), now_ns, feeds.reference_stale_ms),
        "gateway": _gateway(settings, desk, now_ns),
        "heartbeat": _heartbeat(settings, desk, now_ns),
        "executor": f"{hands.inbox.depth} unread letters" if hands.inbox.crowded else "",
        "strategy": _strategy(settings, desk, now_ns),
        "markets": _markets(desk),
        "journal": hands.journal.trouble,
    }


def _feed(health: FeedHealth | None, now_ns: int, stale_after_ms: int) -> str:
    if health is None:
        return "not connected yet"
    suspect = "the book differs from the venue's own best prices and is being repaired" if health.suspect else ""
    return health.stale_reason(now_ns, stale_after_ms) or health.frozen or suspect


def _gateway(settings: Settings, desk: Desk, now_ns: int) -> str:
    flights = [flight for cache in desk.hands.flights if (flight := cache.read()) is not None and flight.places]
    oldest_ms = max(((now_ns - flight.sent_ns) // _MS for flight in flights), default=0)
    return f"a place was sent {oldest_ms} ms ago and is not answered" if oldest_ms > settings.executor.place_unanswered_ms else ""


def _heartbeat(settings: Settings, desk: Desk, now_ns: int) -> str:
    beat = desk.hands.beats.read()
    silent_ms = beat.silent_ms(now_ns) if beat else None
    if silent_ms is not None and silent_ms < settings.executor.heartbeat_ms:
        return ""
    since = "no beat was accepted yet" if silent_ms is None else f"the last accepted beat was sent {silent_ms} ms ago"
    return f"{since} ({beat.reason})" if beat and beat.reason else since


def _strategy(settings: Settings, desk: Desk, now_ns: int) -> str:
    pulse = desk.hands.pulse.read()
    if pulse is None:
        return "has not run yet"
    age_ms = (now_ns - pulse.run_ns) // _MS
    return f"last ran {age_ms} ms ago" if age_ms > PULSE_PERIODS * 1000 // settings.strategy.strategy_hz else ""


def _markets(desk: Desk) -> str:
    live = desk.hands.live.read()
    return "" if live and (live.now or live.next) else "the venue lists no window"

