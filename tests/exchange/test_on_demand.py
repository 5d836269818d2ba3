"""What the command line adds to the living market."""

from __future__ import annotations

import pytest

from trader.errors import ConfigError
from trader.exchange.command_line import Options
from trader.exchange.on_demand import on_demand
from trader.exchange.windows import Series


def made(venue, clock, published, **options):
    series = Series(seed=1, origin_ms=clock.wall_ms(), speed=72, protocol="v1")
    return on_demand(Options(**options), clock, venue, published.append, series)


def test_nothing_is_added_unless_it_is_asked_for(venue, clock, published):
    assert made(venue, clock, published) == (None, None)


def test_markets_and_a_state_file_are_refused_together(venue, clock, published):
    with pytest.raises(ConfigError, match="more markets are not kept"):
        made(venue, clock, published, markets=5, state="/tmp/x")


def test_markets_are_there_before_the_first_step(venue, clock, published):
    catalogue, busy = made(venue, clock, published, markets=5)
    assert len(catalogue.now().open) == 5 and busy is not None
