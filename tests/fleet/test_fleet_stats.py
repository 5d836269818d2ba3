from __future__ import annotations

import pytest

from trader.feeds.settings import FeedSettings
from trader.fleet.child import _log_keys
from trader.fleet.fleet import Fleet
from trader.fleet.samples import samples
from trader.fleet.settings import FleetSettings
from trader.model.setting import Secret
from trader.model.units import MoneyMicro, PriceBp
from trader.ops.settings import OpsSettings
from trader.testing.manual_clock import ManualClock
from trader.venues.contract import ListedMarket
from trader.venues.polymarket.pool_stream import PolymarketPoolStream


def listed(number: int) -> ListedMarket:
    return ListedMarket(f"0x{number}", (f"{number}1", f"{number}2"), PriceBp(100), 10**15, f"slug-{number}", "", (), MoneyMicro(0))


class NoListing:
    def pages(self, query):
        return iter(())

    def event(self, slug):
        return []

    def close(self):
        pass


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def fleet(clock):
    return Fleet(FleetSettings(num_workers=1), FeedSettings(), PolymarketPoolStream("ws://venue"), NoListing(), clock=clock)


def test_the_shape_of_the_stats_is_what_the_design_promises(fleet):
    stats = fleet.stats()
    assert stats["running"] is False
    assert set(stats["registry"]) == {"total_markets", "pending", "subscribed", "expired"}
    assert {"connection_count", "active_connections", "connections"} <= set(stats["pool"])
    assert {"messages_routed", "messages_dropped", "avg_latency_ms", "queue_depths"} <= set(stats["router"])
    assert {"alive_count", "is_healthy", "worker_stats"} <= set(stats["workers"])
    assert {"recycles_completed", "recycles_failed", "markets_migrated", "active_recycles"} == set(stats["recycler"])


def test_workers_that_do_not_run_are_not_healthy(fleet):
    assert fleet.health()["workers"] == {"ok": False, "reason": "worker 0 is down"}


def test_a_lifecycle_that_never_listed_is_not_healthy_after_three_intervals(fleet, clock):
    clock.advance(ms=180_000)
    assert fleet.health()["lifecycle"]["ok"]
    clock.advance(ms=1)
    assert fleet.health()["lifecycle"]["reason"].startswith("no complete listing for 180 s")


def test_the_process_is_told_how_to_log_and_no_secret():
    told = _log_keys(OpsSettings(log_format="json", status_token=Secret("a-token-of-24-characters")))
    assert told == {"log_level": "INFO", "log_levels": "", "log_format": "json", "log_file": ""}


def test_many_markets_without_books_are_a_reason_and_one_of_many_is_a_count(fleet, clock):
    for number in range(40):
        fleet.registry.add(listed(number), clock.monotonic_ns())
        if number > 1:
            fleet.registry.prove(f"0x{number}", clock.monotonic_ns())
    clock.advance(ms=60_000)
    assert fleet.health()["registry"] == {"ok": True, "reason": ""} and fleet.stats()["lifecycle"]["bookless"] == 2
    fleet.registry.add(listed(99), 0)
    assert fleet.health()["registry"] == {"ok": False, "reason": "3 of 41 markets have had no books for 60 s, slug-0 among them"}


def test_every_sample_has_a_name_of_its_own_and_a_number(fleet):
    found = list(samples(fleet.stats()))
    keys = [(name, tuple(sorted(labels.items()))) for name, labels, _ in found]
    assert len(set(keys)) == len(keys) > 10 and all(isinstance(value, int | float) for _, _, value in found)


def test_connections_and_workers_are_labelled():
    stats = {
        "running": True, "registry": {"total_markets": 1, "pending": 0, "subscribed": 1, "expired": 0},
        "pool": {"connection_count": 1, "active_connections": 1,
                 "connections": [{"connection_id": 3, "messages_received": 9, "pollution_ratio": 0.5}]},
        "router": {"messages_routed": 8, "messages_dropped": 0, "p99_latency_us": 250.0, "queue_depths": {"0": 2}},
        "workers": {"alive_count": 1, "restarts": 0, "worker_stats": {"0": {"pid": 1, "whole": 2, "rss_kb": 10}}},
        "recycler": {"recycles_completed": 1, "recycles_failed": 0, "markets_migrated": 4}, "health": {"pool": {"ok": True, "reason": ""}},
    }
    found = {(name, *labels.values()): value for name, labels, value in samples(stats)}
    assert found["trader_fleet_connection_pollution_ratio", "3"] == 0.5 and found["trader_fleet_worker_queue_parcels", "0"] == 2
    assert found["trader_fleet_worker_resident_bytes", "0"] == 10_240 and found["trader_fleet_markets", "subscribed"] == 1
    assert found["trader_fleet_routing_latency_seconds", "0.99"] == 0.00025


def test_stopping_a_fleet_that_does_not_run_does_nothing(fleet):
    fleet.stop()
    assert fleet.failure is None and fleet.book("unknown") is None
