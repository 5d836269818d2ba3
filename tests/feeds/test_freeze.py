from __future__ import annotations

from trader.feeds.freeze import FreezeWatch
from trader.model.intent import StrategyPulse
from trader.model.units import PriceBp

MS = 1_000_000
TICK = 100


def pulse(fair_bp: int | None, run_ms: int = 1) -> StrategyPulse:
    return StrategyPulse(run_ms * MS, 1, 0, None if fair_bp is None else PriceBp(fair_bp))


class Watch:
    """Data came at 0, when the fair price was 50 ¢."""

    def __init__(self) -> None:
        self.watch = FreezeWatch()
        self.heard_ns, self.changes = 0, 0
        self.look(5000, 1)

    def look(self, fair_bp: int | None, at_ms: int) -> bool:
        return self.watch.look(self.heard_ns, self.changes, pulse(fair_bp, at_ms), TICK, at_ms * MS)

    def hears(self, at_ms: int, *, change: bool = True) -> None:
        self.heard_ns, self.changes = at_ms * MS, self.changes + change


def test_five_seconds_of_silence_and_two_ticks_are_a_freeze_and_not_a_millisecond_earlier() -> None:
    seen = Watch()
    assert not seen.look(5200, 4999) and seen.watch.reason is None
    assert seen.look(5200, 5000)
    assert seen.watch.reason == "no data for 5000 ms while the fair price moved by 200 bp"


def test_two_ticks_are_a_freeze_and_a_basis_point_less_is_not() -> None:
    for fair_bp, frozen in ((5199, False), (4801, False), (5200, True), (4800, True)):
        assert Watch().look(fair_bp, 5000) is frozen


def test_a_quiet_market_is_not_frozen_however_long_it_is_quiet() -> None:
    seen = Watch()
    assert not any(seen.look(5100, at_ms) for at_ms in range(5000, 600_000, 250))


def test_a_freeze_is_found_once_and_stands_until_data_comes() -> None:
    seen = Watch()
    assert [seen.look(5300, at_ms) for at_ms in (5000, 5250, 9000)] == [True, False, False]
    seen.hears(9100)
    seen.look(5300, 9100)
    assert seen.watch.reason is None and seen.watch.found == 1


def test_the_move_is_counted_from_the_last_data() -> None:
    seen = Watch()
    seen.look(5150, 3000)
    seen.hears(3000)
    seen.look(5150, 3050)
    assert not seen.look(5300, 8049 - 50)
    assert not seen.look(5349, 9000)
    assert seen.look(5350, 9000)


def test_without_a_fair_price_there_is_nothing_to_tell_it_by() -> None:
    seen = Watch()
    assert not seen.look(None, 9000)
    assert not seen.watch.look(0, 0, None, TICK, 9000 * MS)


def test_a_pulse_from_before_the_data_does_not_count_as_the_price_at_the_data() -> None:
    watch = FreezeWatch()
    watch.restart(100 * MS)
    watch.look(0, 0, pulse(9900, 99), TICK, 101 * MS)        # the market before
    watch.look(0, 0, pulse(5000, 101), TICK, 102 * MS)
    assert not watch.look(0, 0, pulse(5199, 9000), TICK, 9000 * MS)
    assert watch.look(0, 0, pulse(5200, 9000), TICK, 9000 * MS)


def test_a_stream_that_freezes_again_after_a_mere_dump_has_two_strikes() -> None:
    seen = Watch()
    seen.look(5200, 5000)
    seen.hears(5100, change=False)
    seen.look(5200, 5150)
    assert seen.look(5400, 10_100) and seen.watch.strikes == 2


def test_a_change_that_came_by_itself_clears_the_strikes() -> None:
    seen = Watch()
    seen.look(5200, 5000)
    seen.hears(5100)
    seen.look(5200, 5150)
    assert seen.look(5400, 10_100) and seen.watch.strikes == 1
