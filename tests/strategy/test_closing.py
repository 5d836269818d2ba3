import pytest

from trader.strategy.closing import CloseClock, Phase
from trader.strategy.settings import StrategySettings

CLOCK = CloseClock(StrategySettings())


@pytest.mark.parametrize(("left_ms", "phase"), [
    (3_600_000, Phase.OPEN), (301_000, Phase.OPEN), (299_000, Phase.SMALL), (59_000, Phase.REDUCE), (29_000, Phase.STOP), (-1, Phase.STOP),
])
def test_an_hour_ends_in_phases_of_5_min_1_min_and_30_s(make, left_ms, phase):
    assert CLOCK.phase(make.view(time_left_ms=left_ms)) is phase


@pytest.mark.parametrize("left_ms", [3_600_000, 300_001, 299_990, 60_001, 59_999, 30_001])
def test_waiting_as_long_as_it_says_reaches_the_next_phase_and_no_sooner(make, left_ms):
    view = make.view(time_left_ms=left_ms)
    then_ms = left_ms - CLOCK.until_next_ms(view)
    assert CLOCK.phase(view._replace(time_left_ms=then_ms)) > CLOCK.phase(view)
    assert CLOCK.phase(view._replace(time_left_ms=then_ms + 2)) == CLOCK.phase(view)


def test_nothing_comes_after_the_last_phase(make):
    assert CLOCK.until_next_ms(make.view(time_left_ms=29_000)) is None
