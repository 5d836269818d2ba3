"""What the command line decides."""

from __future__ import annotations

import pytest

from trader.exchange.serve import Options, main


@pytest.mark.parametrize(("speed", "expected_ms"), [(72, 1_000), (720, 100), (1, 36_000)])
def test_settlement_scales_with_the_speed_and_is_never_slower_than_the_live_venues(speed, expected_ms):
    assert Options(speed=speed).settle_delay_ms() == expected_ms


def test_a_settlement_delay_that_was_asked_for_is_taken_as_it_is():
    assert Options(speed=72, settle_ms=5).settle_delay_ms() == 5


@pytest.mark.parametrize(("flag", "value", "most"), [
    ("--cash", "-1", "1000000000"), ("--settle-ms", "36001", "36000"), ("--taker-delay-ms", "1e3", "60000"), ("--port", "65536", "65535"),
    ("--markets", "9" * 5_000, "20000")])
def test_a_number_out_of_range_is_refused_with_the_range(flag, value, most, capsys):
    with pytest.raises(SystemExit):
        main([flag, value])
    assert f"must be 0 to {most}" in capsys.readouterr().err


@pytest.mark.parametrize("speed", ["0", "-1", "3601"])
def test_a_speed_out_of_range_is_refused_with_the_range(speed, capsys):
    with pytest.raises(SystemExit):
        main(["--speed", speed])
    assert f"must be more than 0 and at most 3600, was {speed}" in capsys.readouterr().err
