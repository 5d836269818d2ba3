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
        self.dumps, self.changes = 2, 5
        self.look(5000, 0)
        self.look(5000, 0)

    def look(self, fair_bp: int | None, at_ms: int, tick_bp: int = TICK) -> bool:
        return self.watch.look(self.dumps, self.changes, pulse(fair_bp, at_ms), tick_bp, at_ms * MS)

    def hears(self, at_ms: int, fair_bp: int, *, change: bool = True) -> None:
        self.dumps, self.changes = self.dumps + 1, self.changes + change
        for _ in range(2):               # the data itself, then the first pulse after it
            self.look(fair_bp, at_ms)


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
    seen.hears(9100, 5300)
    assert seen.watch.reason is None and seen.watch.found == 1


def test_silence_and_move_are_counted_from_the_last_data() -> None:
    seen = Watch()
    seen.hears(3000, 5150)
    assert not seen.look(5400, 7999)
    assert not seen.look(5349, 8000)
    assert seen.look(5350, 8000)


def test_without_a_fair_price_or_a_market_there_is_nothing_to_tell_it_by() -> None:
    seen = Watch()
    assert not seen.look(None, 9000)
    assert not seen.look(5500, 9000, tick_bp=0)
    assert not seen.watch.look(seen.dumps, seen.changes, None, TICK, 9000 * MS)
    assert seen.look(5500, 9000)


def test_a_new_connection_has_five_seconds_of_its_own() -> None:
    seen = Watch()
    seen.watch.restart(3000 * MS)
    seen.look(9900, 2999)                # a pulse from before it is no price to compare with
    seen.look(5000, 3000)
    assert not seen.look(5200, 7999) and seen.look(5200, 8000)


def test_another_market_is_compared_with_itself_and_the_silence_goes_on() -> None:
    seen = Watch()
    seen.watch.forget_price()
    seen.look(9000, 4000)
    assert not seen.look(9199, 5000)
    assert seen.look(9200, 5000)


def test_a_stream_that_freezes_again_after_a_mere_dump_has_two_strikes() -> None:
    seen = Watch()
    seen.look(5200, 5000)
    seen.hears(5100, 5200, change=False)
    assert seen.look(5400, 10_100) and seen.watch.strikes == 2


def test_a_change_that_came_by_itself_clears_the_strikes() -> None:
    seen = Watch()
    seen.look(5200, 5000)
    seen.hears(5100, 5200)
    assert seen.look(5400, 10_100) and seen.watch.strikes == 1
