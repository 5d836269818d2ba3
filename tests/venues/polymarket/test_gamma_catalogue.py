from __future__ import annotations

import json
from urllib.parse import quote

import httpx
import pytest

from trader.errors import ConnectionLost, WireError
from trader.model.units import MoneyMicro, PriceBp
from trader.venues.contract import CatalogueQuery, ListedMarket
from trader.venues.polymarket.catalogue import GammaCatalogue

ANY = CatalogueQuery((), (), MoneyMicro(0), 1_795_000_000_000, None)


def row(number: int, **more):
    return {"conditionId": f"0x{number:02x}", "slug": f"s{number}", "version": "v1",
            "clobTokenIds": json.dumps([f"{number}1", f"{number}2"]),
            "orderPriceMinTickSize": 0.01, "endDate": "2027-01-01T00:00:00Z", "acceptingOrders": True, "closed": False, "volume": "12.5",
            **more}


def event(*rows, tags=("crypto",), series="hourly"):
    return {"slug": "rain", "seriesSlug": series, "tags": [{"slug": tag} for tag in tags], "markets": list(rows)}


class Gamma:
    """Answers in order; remembers what was asked."""

    def __init__(self, *answers) -> None:
        self.answers, self.asked = list(answers), []
        self.catalogue = GammaCatalogue("http://gamma", httpx.Client(transport=httpx.MockTransport(self._answer)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def slugs(self, query=ANY) -> list[list[str]]:
        return [[market.slug for market in page] for page in self.catalogue.pages(query)]


def test_a_market_as_it_is_listed():
    gamma = Gamma({"events": [event(row(1))]})
    assert next(gamma.catalogue.pages(ANY)) == [ListedMarket(
        "0x01".ljust(66, "0"), ("11", "12"), PriceBp(100), 1_798_761_600_000, "s1", "hourly", ("crypto",), MoneyMicro(12_500_000), "rain")]


def test_the_listing_is_bounded_and_read_to_the_page_that_names_no_next():
    gamma = Gamma({"events": [event(row(1))], "next_cursor": "a"}, {"events": [event(row(2))], "next_cursor": "b"}, {"events": []})
    assert gamma.slugs() == [["s1"], ["s2"], []]
    assert gamma.asked[0].params["end_date_min"] == "2026-11-18T11:06:40Z" and gamma.asked[2].params["after_cursor"] == "b"


def test_a_page_on_which_nothing_fits_is_not_the_last():
    gamma = Gamma({"events": [event(row(1), tags=("sports",))], "next_cursor": "a"}, {"events": [event(row(2))]})
    assert gamma.slugs(ANY._replace(tags=("crypto",))) == [[], ["s2"]]


def test_the_venue_is_asked_for_no_more_than_is_wanted():
    gamma = Gamma([{"id": 7, "slug": "daily"}, {"id": 10114, "slug": "hourly"}], {"events": []})
    assert gamma.slugs(ANY._replace(tags=("crypto",), series=("hourly",), min_volume_micro=MoneyMicro(2_500_000),
                                    end_max_ms=1_795_000_060_000))[-1] == []
    asked = gamma.asked[1].params
    assert (gamma.asked[0].path, gamma.asked[0].params["slug"]) == ("/series", "hourly")
    assert (asked["tag_slug"], asked["series_id"], asked["volume_min"], asked["end_date_max"]) == (
        "crypto", "10114", "2.5", "2026-11-18T11:07:40Z")


def test_without_filters_none_is_sent():
    gamma = Gamma({"events": []})
    gamma.slugs()
    assert not {"tag_slug", "series_id", "volume_min", "end_date_max"} & set(gamma.asked[0].params)


def test_each_tag_has_a_listing_of_its_own_and_each_is_read_to_its_end():
    gamma = Gamma({"events": [], "next_cursor": "a"}, {"events": [event(row(1))]}, {"events": [event(row(2), tags=("sports",))]})
    assert gamma.slugs(ANY._replace(tags=("crypto", "sports"))) == [[], ["s1"], ["s2"]]
    assert [(url.params["tag_slug"], url.params.get("after_cursor")) for url in gamma.asked] == [
        ("crypto", None), ("crypto", "a"), ("sports", None)]


def test_the_id_of_a_series_is_looked_up_once_and_several_are_asked_for_together():
    gamma = Gamma([{"id": "1", "slug": "a"}], [{"id": "2", "slug": "b"}], {"events": []}, {"events": []})
    query = ANY._replace(series=("a", "b"))
    assert (gamma.slugs(query), gamma.slugs(query)) == ([[], [], []], [[]])      # a page a request
    assert len(gamma.asked) == 4 and gamma.asked[3].params.get_list("series_id") == ["1", "2"]


@pytest.mark.parametrize("answer", [[], None, [{"id": "1", "slug": "other"}], {"error": "x"}, [{"slug": "a"}], 7])
def test_a_series_that_the_venue_does_not_know_is_an_error_that_names_it(answer):
    with pytest.raises(WireError, match=r"'a'|series"):
        Gamma(answer).slugs(ANY._replace(series=("a",)))


@pytest.mark.parametrize(("wanted", "found"), [
    ({"tags": ("crypto",)}, ["s1"]), ({"series": ("daily",)}, ["s2"]), ({"min_volume_micro": MoneyMicro(13_000_000)}, ["s2"]),
    ({"end_max_ms": 1_798_761_600_000}, ["s1"]),
])
def test_what_the_venue_lists_in_spite_of_a_filter_is_left_out(wanted, found):
    late = row(2, volume="50", endDate="2027-01-01T00:00:01Z")
    listing = {"events": [event(row(1)), event(late, tags=("sports",), series="daily")]}
    series = [[{"id": 5, "slug": "daily"}]] if "series" in wanted else []
    assert Gamma(*series, listing).slugs(ANY._replace(**wanted))[-1] == found


def test_protocol_v2_lists_position_ids():
    gamma = Gamma({"events": [event(row(1, version="v2", clobTokenIds=None, positionIds=["7", "8"]))]})
    assert next(gamma.catalogue.pages(ANY))[0].tokens == ("7", "8")


@pytest.mark.parametrize("bad", [
    row(2, clobTokenIds="[]"), row(2, clobTokenIds=None), row(2, clobTokenIds='["1","1"]'), row(2, conditionId="0xzz"),
    row(2, endDate="soon"), row(2, orderPriceMinTickSize="fine"), {**row(2), "volume": "much"},
])
def test_a_market_that_cannot_be_read_does_not_hide_the_others(bad):
    gamma = Gamma({"events": [event(bad, row(1)), {"no": "markets"}]})
    assert gamma.slugs() == [["s1"]] and gamma.catalogue.unreadable == 2


def test_closed_markets_and_those_that_take_no_orders_are_not_open():
    assert Gamma({"events": [event(row(1, closed=True), row(2, acceptingOrders=False), row(3, enableOrderBook=False))]}).slugs() == [[]]


def test_a_cursor_that_repeats_ends_with_an_error_instead_of_never():
    page = {"events": [], "next_cursor": "a"}
    with pytest.raises(WireError, match="twice"):
        Gamma(page, page).slugs()


@pytest.mark.parametrize(("answer", "error"), [
    (httpx.Response(500), ConnectionLost), (httpx.Response(200, text="<html>"), WireError), ({"markets": []}, WireError), ([], WireError),
])
def test_an_answer_that_is_none_is_an_error(answer, error):
    with pytest.raises(error):
        Gamma(answer).slugs()


def test_an_event_by_its_slug():
    gamma = Gamma(event(row(1), row(2)), httpx.Response(404))
    assert [market.slug for market in gamma.catalogue.event("e")] == ["s1", "s2"] and gamma.catalogue.event("unknown") == []


@pytest.mark.parametrize("slug", ["a/b", "../x", "a?b#c", "a\nb", "a\x00b", "%2e", "é"])
def test_an_event_whose_slug_is_no_slug_stays_one_part_of_the_path(slug):
    gamma = Gamma(httpx.Response(404))
    assert gamma.catalogue.event(slug) == []
    assert gamma.asked[0].raw_path == b"/events/slug/" + quote(slug, safe="").encode()


def test_an_address_that_is_too_long_is_an_answer_that_did_not_come():
    with pytest.raises(ConnectionLost, match="too long"):
        Gamma().catalogue.event("x" * 100_000)


def test_cursors_that_go_round_in_a_circle_end_with_an_error_too():
    pages = [{"events": [], "next_cursor": cursor} for cursor in ("a", "b", "a")]
    with pytest.raises(WireError, match="twice"):
        Gamma(*pages).slugs()
