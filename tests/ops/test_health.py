"""Which component is not well, and why: step by step, without a thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trader.desk import Desk, build
from trader.journal.folder import JournalFolder
from trader.journal.past import Past
from trader.model.action import Flight
from trader.model.book import FeedHealth
from trader.model.event import Command, Control
from trader.model.heartbeat import NO_BEAT, BeatHealth
from trader.model.intent import Inventory, Mode, StrategyPulse
from trader.model.market import LiveMarket, Market
from trader.model.recall import NOTHING_RECALLED
from trader.model.setting import Secret
from trader.ops.health import examine
from trader.runtime.supervisor import RoleReport
from trader.settings import Settings
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.account import Account, ApiCredentials

ACCOUNT = Account("0x" + "1" * 40, "0x" + "1" * 40, 0, 137, Secret("0x" + "11" * 32), ApiCredentials("k", Secret("s"), Secret("p"), b"s"))
SETTINGS = Settings()
NOW_NS = 100_000_000_000
FRESH = FeedHealth(True, NOW_NS, NOW_NS, NOW_NS, None, 1, False)
WINDOW = Market("btc", "0xaa", "1", "2", 100, 5_000_000, 0, 3_600_000, "v1", False)
NAMES = ("pm-book", "pm-user", "bn-ticker", "verify", "gateway-0", "gateway-1", "heartbeat", "executor", "strategy", "markets", "journal")
MS = 1_000_000


def role(name: str, **changes: Any) -> RoleReport:
    return RoleReport(name, 7, True, "cycle", 3, 250, 9)._replace(**changes)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = build(SETTINGS, ACCOUNT, Past(JournalFolder(tmp_path), NOTHING_RECALLED), ManualClock(), strategy=None,
                 on_stopped=lambda: None, on_finished=lambda: None)
    for cache in (desk.hands.book_health, desk.hands.user_health, desk.hands.reference_health):
        cache.publish(FRESH)
    desk.hands.beats.publish(BeatHealth(NOW_NS, 0, ""))
    desk.hands.pulse.publish(StrategyPulse(NOW_NS, 1, 0, None))
    desk.hands.live.publish(LiveMarket(WINDOW, None))
    yield desk
    desk.close([])


def sick(desk: Desk | None, roles: list[RoleReport] | None = None, run_trouble: str = "") -> dict[str, str]:
    report = examine(SETTINGS, desk, [role(name) for name in NAMES] if roles is None else roles, NOW_NS, {"run": run_trouble})
    found = {name: verdict["reason"] for name, verdict in report["components"].items() if not verdict["ok"]}
    assert report["ok"] == (not found) and all(found.values())
    return found


def test_a_desk_that_works_is_well_in_every_component_and_the_gateways_threads_are_one(desk: Desk) -> None:
    report = examine(SETTINGS, desk, [role(name) for name in NAMES], NOW_NS, {"run": ""})
    assert report["ok"] and set(report["components"]) == {*NAMES, "gateway", "run"} - {"gateway-0", "gateway-1"}


def test_a_thread_that_ended_or_overstays_makes_its_component_unwell(desk: Desk) -> None:
    roles = [role("gateway-0"), role("gateway-1", alive=False, doing="stopped"), role("executor", doing_ms=250 + 5_001)]
    assert sick(desk, roles) == {"gateway": "thread gateway-1 does not run (stopped)",
                                 "executor": "thread executor has been in 'cycle' for 5251 ms (limit 250 ms)"}


def test_within_the_watchdogs_patience_a_late_thread_is_well(desk: Desk) -> None:
    assert sick(desk, [role("executor", doing_ms=250 + 5_000)]) == {}


@pytest.mark.parametrize(("health", "reason"), [
    (FRESH._replace(connected=False), "disconnected"), (FRESH._replace(suspect=True), "differs from the venue's own"),
    (FRESH._replace(frozen="no data for 5 s"), "no data for 5 s"), (FRESH._replace(probe_sent_ns=NOW_NS - 600 * MS), "probe unanswered"),
    (FRESH._replace(as_of_ns=NOW_NS - 2_000 * MS), "feed thread silent"),
])
def test_a_feed_is_unwell_when_its_guard_would_stop_quoting(desk: Desk, health: FeedHealth, reason: str) -> None:
    desk.hands.book_health.publish(health)
    assert list(sick(desk)) == ["pm-book"] and reason in sick(desk)["pm-book"]


@pytest.mark.parametrize(("beat", "reason"), [
    (BeatHealth(NOW_NS - 7_001 * MS, 0, "HTTP 500"), "7001 ms ago (HTTP 500)"), (NO_BEAT, "no beat was accepted yet (not sent yet)"),
])
def test_a_heartbeat_that_the_venue_does_not_hear_is_unwell(desk: Desk, beat: BeatHealth, reason: str) -> None:
    desk.hands.beats.publish(beat)
    assert list(sick(desk)) == ["heartbeat"] and reason in sick(desk)["heartbeat"]


def test_a_strategy_that_has_not_run_for_five_periods_is_unwell(desk: Desk) -> None:
    desk.hands.pulse.publish(StrategyPulse(NOW_NS - 250 * MS, 1, 0, None))
    assert sick(desk) == {}
    desk.hands.pulse.publish(StrategyPulse(NOW_NS - 251 * MS, 1, 0, None))
    assert sick(desk) == {"strategy": "last ran 251 ms ago"}


def test_a_place_that_is_not_answered_makes_the_gateway_unwell_and_a_slow_read_does_not(desk: Desk) -> None:
    desk.hands.flights[0].publish(Flight(False, NOW_NS - 9_000 * MS))
    assert sick(desk) == {}
    desk.hands.flights[1].publish(Flight(True, NOW_NS - 9_000 * MS))
    assert sick(desk) == {"gateway": "a place was sent 9000 ms ago and is not answered"}


def test_a_crowded_inbox_a_failed_journal_and_an_empty_listing_are_named(desk: Desk) -> None:
    for _ in range(SETTINGS.executor.inbox_limit + 1):
        desk.hands.inbox.put(Control(Command.RESUME, "test"))
    desk.hands.journal.fail("no space left")
    desk.hands.live.publish(LiveMarket(None, None))
    assert sick(desk) == {"executor": f"{SETTINGS.executor.inbox_limit + 1} unread letters", "journal": "no space left",
                          "markets": "the venue lists no window"}


def test_not_quoting_is_not_unhealthy_and_mode_and_guards_are_told(desk: Desk) -> None:
    desk.hands.inventory.publish(Inventory("0xaa", 0, 0, 0, 0, 0, Mode.STOP, ("paused",), ()))
    report = examine(SETTINGS, desk, [], NOW_NS, {"exchange": ""})
    assert report["ok"] and (report["trading_mode"], report["guards"]) == ("STOP", ["paused"])


def test_a_run_that_is_over_or_never_began_is_unhealthy() -> None:
    assert sick(None, [], "it does not run") == {"run": "it does not run"}
