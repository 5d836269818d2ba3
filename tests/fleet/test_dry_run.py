from __future__ import annotations

import pytest

from trader.errors import ConfigError
from trader.fleet.dry_run import forecast, forecast_text
from trader.fleet.settings import FleetSettings
from trader.model.units import MoneyMicro, PriceBp
from trader.venues.contract import ListedMarket


class Listing:
    def __init__(self, count: int) -> None:
        self.count = count

    def pages(self, query):
        for start in range(0, self.count, 100):
            yield [ListedMarket(f"0x{n}", (f"{n}1", f"{n}2"), PriceBp(100), 10**15, f"slug-{n}", f"series-{n % 12}", (), MoneyMicro(0))
                   for n in range(start, min(start + 100, self.count))]

    def event(self, slug):
        return []

    def close(self):
        pass


def test_the_forecast_is_what_the_pool_would_do():
    found = forecast(FleetSettings(num_workers=2), Listing(2500), 0)
    assert (len(found.markets), found.assets, found.connections, found.workers, found.over) == (2500, 5000, 13, 2, 0)


def test_what_is_beyond_the_limit_is_said():
    text = forecast_text(forecast(FleetSettings(max_markets=120), Listing(150), 0))
    assert text.startswith("120 markets, 30 more are beyond fleet.max_markets: 240 tokens on 1 connections")
    assert "in 2 other series" in text and "  slug-0\n" in text


def test_filters_that_nothing_fits_are_named():
    assert "nothing fits: check fleet.tags" in forecast_text(forecast(FleetSettings(), Listing(0), 0))


def test_names_of_link_groups_that_nothing_has_are_shown():
    text = forecast_text(forecast(FleetSettings(link_groups="series-1+serie-2"), Listing(150), 0))
    assert "nothing of this has the slug, event or series serie-2 of fleet.link_groups" in text


def test_link_groups_that_contradict_each_other_are_refused_before_a_run():
    with pytest.raises(ConfigError, match="link_groups has 'b'"):
        forecast(FleetSettings(link_groups="a+b, b+c"), Listing(1), 0)
