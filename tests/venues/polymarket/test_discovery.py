from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from trader.errors import ConnectionLost, WireError
from trader.venues.contract import Listing
from trader.venues.polymarket.discovery import GammaDiscovery, market_from_gamma

FRAME = Path(__file__).parent / "frames" / "gamma_market.json"
UP = "25070934348813416902477876984955073880416401960631253331845590271167412497744"
OPEN_MS = 1_791_241_200_000


def row(**changes: Any) -> dict[str, Any]:
    return dict(orjson.loads(FRAME.read_bytes()) | changes)


class Gamma:
    """A scripted listing; keeps what it was asked."""

    def __init__(self, *rows: dict[str, Any], status: int = 200) -> None:
        self.rows, self.status = rows, status
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        event = {"slug": "event", "markets": list(self.rows)}
        return httpx.Response(self.status, json={"events": [event]} if "keyset" in request.url.path else event)

    def discovery(self) -> GammaDiscovery:
        return GammaDiscovery("https://gamma.test/", httpx.Client(transport=httpx.MockTransport(self)))


def test_a_recorded_market_is_read_exactly() -> None:
    market = market_from_gamma(row())
    assert market.yes_token == UP and market.slug == "btc-updown-15m-1791241200"
    assert (market.tick_bp, market.min_size_micro, market.protocol) == (100, 5_000_000, "v1")
    assert (market.open_ms, market.close_ms) == (OPEN_MS, OPEN_MS + 900_000)


def test_labels_decide_the_tokens_not_their_order() -> None:
    assert market_from_gamma(row(outcomes='["Down", "Up"]')).no_token == UP


def test_yes_and_no_are_labels_too() -> None:
    assert market_from_gamma(row(outcomes='["Yes", "No"]')).yes_token == UP


def test_a_v2_market_trades_its_position_ids() -> None:
    market = market_from_gamma(row(version="v2", clobTokenIds=None, positionIds=["7", "8"]))
    assert (market.tokens, market.protocol) == (("7", "8"), "v2")


def test_the_version_decides_and_not_the_field_that_is_filled() -> None:
    assert market_from_gamma(row(positionIds=["7", "8"])).yes_token == UP


@pytest.mark.parametrize("changes", [
    {"version": "v3"}, {"version": None}, {"outcomes": '["Red", "Blue"]'}, {"clobTokenIds": '["1"]'}, {"clobTokenIds": '["1", "1"]'},
    {"clobTokenIds": "[]"}, {"conditionId": "0x"}, {"endDate": "2026-10-05T23:15:00"}, {"endDate": "2026-10-05T23:00:00Z"},
    {"eventStartTime": None}, {"orderPriceMinTickSize": 0}, {"orderPriceMinTickSize": 0.03}, {"orderPriceMinTickSize": 1},
    {"orderMinSize": 0},
])
def test_a_market_that_cannot_be_traded_safely_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((WireError, ValueError)):
        market_from_gamma(row(**changes))


@pytest.mark.parametrize("tick", ["0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"])
def test_every_tick_of_the_venue_is_taken(tick: str) -> None:
    assert market_from_gamma(row(orderPriceMinTickSize=float(tick))).tick_bp == round(float(tick) * 10_000)


def test_a_condition_id_of_31_bytes_is_padded_on_the_right() -> None:
    assert market_from_gamma(row(conditionId="0x" + "ab" * 31)).condition_id == "0x" + "ab" * 31 + "00"


def test_the_listing_is_bounded_by_now() -> None:
    gamma = Gamma(row())
    gamma.discovery().windows(10114, OPEN_MS)
    query = gamma.asked[0].url.params
    assert query["end_date_min"] == "2026-10-05T23:00:00Z" and query["series_id"] == "10114" and query["closed"] == "false"


def test_windows_come_by_close_time_and_without_those_that_have_closed() -> None:
    late, past = row(slug="late", endDate="2026-10-05T23:30:00Z"), row(slug="past", endDate="2026-10-05T23:00:00Z")
    assert [m.slug for m in Gamma(late, past, row()).discovery().windows(1, OPEN_MS).open] == ["btc-updown-15m-1791241200", "late"]


@pytest.mark.parametrize("changes", [{"closed": True}, {"acceptingOrders": False}, {"enableOrderBook": False}])
def test_a_window_that_takes_no_orders_is_named_as_such(changes: dict[str, Any]) -> None:
    listing = Gamma(row(**changes)).discovery().windows(1, OPEN_MS)
    assert (listing.open, listing.shut) == ((), frozenset({row()["conditionId"]}))


@pytest.mark.parametrize(("closed", "ended"), [(True, True), (False, False)])
def test_one_event_has_ended_when_it_is_closed_and_not_when_it_only_takes_no_orders(closed: bool, ended: bool) -> None:
    listing = Gamma(row(closed=closed, acceptingOrders=False)).discovery().by_slug("event", OPEN_MS)
    assert (listing.open, listing.ended) == ((), ended)


def test_one_unreadable_market_does_not_hide_the_others_and_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    discovery = Gamma(row(slug="odd", version="v9"), row()).discovery()
    assert [len(discovery.windows(1, OPEN_MS).open) for _ in range(2)] == [1, 1]
    assert caplog.text.count("odd is left out") == 1 and "v9" in caplog.text


def test_a_slug_finds_its_market_and_an_unknown_one_finds_none() -> None:
    assert len(Gamma(row()).discovery().by_slug("event", OPEN_MS).open) == 1
    assert Gamma(row(), status=404).discovery().by_slug("nothing", OPEN_MS) == Listing()


def test_a_slug_of_a_market_within_an_event_finds_that_market() -> None:
    """No event has that name."""
    answers = {"/markets/slug/btc-3pm": row()}
    assert answering(answers).by_slug("btc-3pm", OPEN_MS).open[0].condition_id == row()["conditionId"]


def test_an_event_of_several_markets_says_how_to_name_one() -> None:
    with pytest.raises(WireError, match=r"event event has 2 markets. Set market.condition_id .* as in first"):
        Gamma(row(slug="first"), row(slug="second")).discovery().by_slug("event", OPEN_MS)


def answering(answers: dict[str, Any]) -> GammaDiscovery:
    """Answers by path, and `/markets` by the word that follows: open or closed."""
    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params
        path = request.url.path + {"true": " closed", "false": " open"}.get(query.get("closed", ""), "")
        wanted = query.get_list("condition_ids")
        said = answers.get(path, [] if wanted else None)
        return httpx.Response(404 if said is None else 200, json=said)
    return GammaDiscovery("https://gamma.test", httpx.Client(transport=httpx.MockTransport(answer)))


def test_a_condition_id_finds_its_market_whether_it_is_open_or_closed() -> None:
    wanted = row()["conditionId"]
    assert answering({"/markets open": [row()]}).by_condition_id(wanted.upper().replace("X", "x")).open[0].slug == row()["slug"]
    over = row(closed=True, acceptingOrders=False)
    assert answering({"/markets closed": [over]}).by_condition_id(wanted) == Listing((), frozenset({wanted}), ended=True)
    assert answering({}).by_condition_id(wanted) == Listing()


def test_a_condition_id_is_asked_for_in_both_spellings_and_found_in_either() -> None:
    asked: list[list[str]] = []
    short = "0x" + "ab" * 31

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get_list("condition_ids"))
        return httpx.Response(200, json=[row(conditionId=short), row(conditionId="0x" + "cd" * 32)])
    found = GammaDiscovery("https://gamma.test", httpx.Client(transport=httpx.MockTransport(answer))).by_condition_id(short)
    assert asked == [[short, short + "00"]] and [m.condition_id for m in found.open] == [short + "00"]


@pytest.mark.parametrize("answer", [7, {"markets": []}, [7], [{}], ["x"], [{"conditionId": None}], [{"conditionId": "0xzz"}]])
def test_an_answer_to_a_condition_id_that_is_no_list_of_markets_is_a_wire_error(answer: Any) -> None:
    with pytest.raises(WireError):
        answering({"/markets open": answer}).by_condition_id("0x" + "ab" * 32)


@pytest.mark.parametrize("status", [500, 422, 301])
def test_an_answer_that_is_no_listing_is_asked_for_again(status: int) -> None:
    with pytest.raises(ConnectionLost, match=str(status)):
        Gamma(status=status).discovery().windows(1, OPEN_MS)


def test_a_network_failure_is_a_lost_connection() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("slow", request=request)
    with pytest.raises(ConnectionLost, match="ConnectTimeout"):
        GammaDiscovery("https://gamma.test", httpx.Client(transport=httpx.MockTransport(refuse))).windows(1, OPEN_MS)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'{"events":[{}]}', b'{"events":7}'])
def test_an_answer_that_is_not_a_listing_is_a_wire_error(body: bytes) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with pytest.raises(WireError):
        GammaDiscovery("https://gamma.test", client).windows(1, OPEN_MS)


def resolved(**changes: Any) -> str | None:
    answer = row(closed=True, acceptingOrders=False, outcomePrices='["0", "1"]') | changes
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=answer)))
    return GammaDiscovery("https://gamma.test/", client).winner(market_from_gamma(row()))


def test_a_resolved_market_names_the_token_whose_price_is_one() -> None:
    market = market_from_gamma(row())
    assert resolved() == market.no_token and resolved(outcomePrices='["1.0", "0.0"]') == market.yes_token


def test_there_is_no_winner_before_the_close_nor_when_the_price_is_not_one() -> None:
    assert resolved(closed=False) is None
    assert resolved(outcomePrices='["0.5", "0.5"]') is None


def test_where_another_market_has_the_same_slug_the_winner_is_asked_for_by_condition_id() -> None:
    ours, over = market_from_gamma(row()), {"closed": True, "outcomePrices": '["0", "1"]'}
    other = row(conditionId="0x" + "ab" * 32, outcomePrices='["1", "0"]', closed=True)
    path = f"/markets/slug/{ours.slug}"
    assert answering({path: other, "/markets closed": [row(**over)]}).winner(ours) == ours.no_token
    assert answering({path: other}).winner(ours) is None


YEARLESS = "bitcoin-up-or-down-october-5-7pm-et"


def test_a_slug_without_a_year_that_leads_to_the_past_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(WireError, match=r"names no year, and leads to a window that ended 2026-10-05T23:15:00Z. Write the year"):
        Gamma(row()).discovery().by_slug(YEARLESS, OPEN_MS + 900_000)


def test_a_slug_without_a_year_is_taken_while_its_end_fits() -> None:
    assert Gamma(row()).discovery().by_slug(YEARLESS, OPEN_MS).open


def test_a_slug_with_its_year_is_never_refused_for_being_over() -> None:
    assert Gamma(row(closed=True)).discovery().by_slug("bitcoin-up-or-down-october-5-2026-7pm-et", OPEN_MS * 2).ended


def test_a_recorded_market_carries_its_costs_and_what_it_settles_on() -> None:
    schedule = {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2}
    costs = {"feeSchedule": schedule, "rewardsMinSize": 50, "rewardsMaxSpread": 4.5}
    market = market_from_gamma(row(**costs))
    assert market.fees == (70_000, 1, True, 200_000) and market.may_take
    assert market.rewards == (50_000_000, 450)
    assert not market_from_gamma(row(feeSchedule=None)).may_take
    assert market.settles_on == "https://data.chain.link/streams/btc-usd-twap-60s-streams"
