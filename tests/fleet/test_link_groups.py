from __future__ import annotations

import pytest

from trader.errors import ConfigError
from trader.fleet.link_groups import LinkGroups
from trader.model.units import MoneyMicro, PriceBp
from trader.venues.contract import ListedMarket


def market(slug: str, event: str = "", series: str = "") -> ListedMarket:
    return ListedMarket(f"0x{slug}", (slug + "y", slug + "n"), PriceBp(100), 1, slug, series, (), MoneyMicro(0), event)


def test_the_markets_of_one_event_are_a_group():
    groups = LinkGroups()
    assert groups.of(market("a", "election")) == groups.of(market("b", "election")) != groups.of(market("c", "weather"))


def test_a_market_without_an_event_is_a_group_of_its_own():
    assert LinkGroups().of(market("a")) == "0xa"


def test_slugs_of_markets_events_and_series_can_be_joined():
    groups = LinkGroups("hourly + quarter-hourly, election+rain-in-may")
    assert groups.of(market("a", "a", "hourly")) == groups.of(market("b", "b", "quarter-hourly")) == "hourly+quarter-hourly"
    assert groups.of(market("c", "election")) == groups.of(market("rain-in-may", "weather")) == "election+rain-in-may"


def test_the_narrowest_name_decides():
    assert LinkGroups("x+one, y+many").of(market("one", "many")) == "x+one"


def test_a_slug_in_two_groups_is_refused_by_its_name():
    with pytest.raises(ConfigError, match="'b' in 'a\\+b' and in 'b\\+c'"):
        LinkGroups("a+b, b+c")


@pytest.mark.parametrize("text", ["", " ", ",", "+", " + , "])
def test_nothing_named_is_no_group(text):
    assert LinkGroups(text).of(market("a", "e")) == "e"


def test_a_name_that_no_market_has_is_told_once():
    groups = LinkGroups("hourly+houly, election")
    groups.of(market("a", "a", "hourly"))
    groups.of(market("b", "election"))
    assert groups.take_unmet() == ["houly"] and groups.take_unmet() == []
