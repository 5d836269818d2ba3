"""Names, times and ids of the windows."""

from __future__ import annotations

from trader.exchange.orders import Outcome
from trader.exchange.windows import HOUR_MS, Series, iso_utc

ORIGIN_MS = 1_795_273_200_000      # 2026-11-21T15:00:00Z, 10 am in New York


def series(speed=1.0, protocol="v1", seed=1):
    return Series(seed=seed, origin_ms=ORIGIN_MS, speed=speed, protocol=protocol)


def test_windows_follow_back_to_back():
    first, second = (series(72).window(number, 0) for number in (0, 1))
    assert (first.opens_ms, first.closes_ms, second.opens_ms) == (ORIGIN_MS, ORIGIN_MS + 50_000, ORIGIN_MS + 50_000)


def test_an_hourly_slug_is_the_live_venues():
    assert series().window(0, 0).slug == "bitcoin-up-or-down-november-21-2026-10am-et"
    assert series().window(2, 0).slug == "bitcoin-up-or-down-november-21-2026-12pm-et"


def test_short_windows_have_slugs_of_their_own():
    slugs = {series(72).window(number, 0).slug for number in range(100)}
    assert len(slugs) == 100


def test_labels_swap_their_order_from_window_to_window():
    orders = [series().window(number, 0).label_order for number in range(3)]
    assert orders == [(Outcome.YES, Outcome.NO), (Outcome.NO, Outcome.YES), (Outcome.YES, Outcome.NO)]


def test_position_ids_are_made_as_protocol_v2_prescribes():
    spec = series(protocol="v2").window(0, 0).spec
    up, down = map(int, spec.token_ids)
    assert (up >> 40) & (2**64 - 1) == 0
    assert (up & 255, down & 255) == (0, 1)
    assert spec.condition_id == f"0x{up:064x}"


def test_the_same_seed_gives_the_same_ids_and_another_does_not():
    assert series().window(5, 0) == series().window(5, 0)
    assert series().window(5, 0).spec != series(seed=2).window(5, 0).spec


def test_one_hour_is_one_hour():
    assert series().window_ms == HOUR_MS
    assert iso_utc(ORIGIN_MS) == "2026-11-21T15:00:00Z"
    assert iso_utc(ORIGIN_MS + 7) == "2026-11-21T15:00:00.007Z"
