"""The table shows what `stats()` says, whatever is missing in it, and keeps every row in its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.ops.screen import GREEN, QUOTE_ROWS, RED, YELLOW, Line, Screen, clock_text, fleet_lines

ORDER = {"order_id": "0x1", "side": "BUY", "kind": "OPEN_BUY", "token_side": "BUY", "price": 0.51, "remaining": 100.0, "state": "WORKING"}
FEED = {"connected": True, "frames": 1_000}
STATS: dict[str, Any] = {
    "mode": "embedded", "seconds": 60.0, "session": "active", "trading_mode": "NORMAL", "guards_for_ms": {},
    "window": {"slug": "btc-6am", "time_left_s": 65.9, "next": "btc-7am"}, "fair": 0.523,
    "reference": {"symbol": "BTCUSDT", "price": 100_010.5, "strike": 100_000.0},
    "books": {"yes": {"bid": 0.51, "bid_size": 120.5, "ask": 0.53, "ask_size": 2_000.0},
              "no": {"bid": None, "bid_size": None, "ask": 0.49, "ask_size": 120.5}},
    "quotes": [ORDER], "inventory": {"yes": 57.0, "no": 10.0}, "cash_usd": 9_990.12, "pnl_marked_usd": 23.82, "pnl_settled_usd": -1.0,
    "orders_placed": 1_439, "orders_acked": 428, "orders_rejected": 11, "orders_cancelled": 427, "fills": 9, "volume_usd": 239.93,
    "fees_usd": 0.0, "cancel_alls": {"boot": 1, "book_stale": 2}, "feeds": {"pm-book": FEED, "pm-user": FEED, "bn-ticker": FEED},
}


def text(line: Line) -> str:
    return " ".join("".join(span.text for span in line).split())


def rows(now: dict[str, Any], screen: Screen | None = None) -> list[str]:
    return [text(line) for line in (screen or Screen()).lines(now)]


def row(label: str, now: dict[str, Any]) -> str:
    return next(one for one in rows(now) if one.startswith(label))


def colour_of(part: str, now: dict[str, Any]) -> str:
    return next(span.colour for line in Screen().lines(now) for span in line if part in span.text)


def test_everything_that_an_operator_asks_is_in_it() -> None:
    assert rows(STATS) == [
        "window 1:05 left btc-6am",
        "next btc-7am",
        "fair 52.3 ¢ BTCUSDT 100,010.50 $ strike 100,000.00 $ +10.50 $",
        "mode NORMAL embedded active up 1:00",
        "guards none", "",
        "bid size bid ask ask size our orders",
        "YES 120.50 51 ¢ 53 ¢ 2,000 buy YES 51 ¢ 100 working",
        "NO - - 49 ¢ 120.50", "", "", "",
        "inventory 57 YES 10 NO net +47 cash 9,990.12 $",
        "P&L +23.82 $ marked -1.00 $ settled",
        "orders 1,439 placed 428 acked 11 rejected 427 cancelled",
        "fills 9 volume 239.93 $ fees 0.00 $ cancel-alls 3",
        "frames/s pm-book - pm-user - bn-ticker -",
    ]


def test_before_the_executor_reports_all_that_is_not_known_is_a_dash() -> None:
    early = rows({"mode": "", "seconds": 0.1, "exit_reason": "", "quotes": [], "depths": {}, "roles": []})
    assert early[0] == "window none is open" and early[2] == "fair - reference -" and "P&L - marked - settled" in early


def width(line: Line) -> int:
    return len("".join(span.text for span in line).rstrip())


def test_every_row_fits_into_80_columns_with_large_numbers() -> None:
    large = STATS | {
        "quotes": [ORDER | {"price": 0.9999, "remaining": 1_234.5, "state": "PENDING_CANCEL"}] * 3, "orders_placed": 99_999,
        "trading_mode": "ONE_SIDED_SELL", "guards_for_ms": dict.fromkeys(("strategy_stale", "user_feed", "cancel_unconfirmed"), 3_599_000),
        "window": {"slug": "bitcoin-up-or-down-november-21-2026-10am-et", "time_left_s": 3_599.0, "next": None}}
    assert max(width(line) for line in Screen().lines(large)) <= 79


def test_the_table_keeps_its_height_while_orders_come_and_go() -> None:
    heights = {len(Screen().lines(STATS | {"quotes": [ORDER] * count})) for count in range(QUOTE_ROWS[0] + 1)}
    assert len(heights) == 1


def test_orders_that_do_not_fit_are_counted() -> None:
    assert any(one.endswith("and 13 more") for one in rows(STATS | {"quotes": [ORDER] * 20}))


@pytest.mark.parametrize(("side", "token_side", "shown"), [
    ("BUY", "BUY", "buy YES"), ("BUY", "SELL", "sell NO"), ("SELL", "SELL", "sell YES"), ("SELL", "BUY", "buy NO")])
def test_an_order_is_shown_as_what_happens_to_its_token(side: str, token_side: str, shown: str) -> None:
    assert f"{shown} 51 ¢" in row("YES", STATS | {"quotes": [ORDER | {"side": side, "token_side": token_side}]})


def test_orders_stand_in_the_same_order_however_they_come() -> None:
    other = ORDER | {"price": 0.5}
    sell = ORDER | {"side": "SELL", "token_side": "SELL", "price": 0.55}
    assert rows(STATS | {"quotes": [sell, other, ORDER]}) == rows(STATS | {"quotes": [ORDER, other, sell]})


def test_guards_are_named_with_how_long_they_have_been_in_force() -> None:
    assert row("guards", STATS | {"guards_for_ms": {"book_stale": 3_140, "paused": 125_000}}) == "guards book_stale 3.1 s, paused 2:05"


def test_more_guards_than_fit_are_counted() -> None:
    many = rows(STATS | {"guards_for_ms": {f"g{number}": 0 for number in range(9)}})
    assert many[4:6] == ["guards g0 0.0 s, g1 0.0 s, g2 0.0 s", "g3 0.0 s, g4 0.0 s, g5 0.0 s, and 3 more"]


def test_frames_a_second_are_those_of_the_last_two_seconds() -> None:
    screen = Screen()
    for second, frames in ((0, 0), (1, 1_000), (2, 1_100), (3, 1_200)):
        last = rows(STATS | {"seconds": float(second), "feeds": {"pm-book": {"connected": True, "frames": frames}}}, screen)[-1]
    assert last == "frames/s pm-book 100"


def test_a_polled_reference_shows_its_polls_and_a_lost_feed_that_it_is_down() -> None:
    screen = Screen()
    rows(STATS | {"seconds": 0.0, "feeds": {"bn-ticker": {"connected": True, "polls": 0}}}, screen)
    feeds = {"bn-ticker": {"connected": True, "polls": 50}, "pm-user": {"connected": False, "frames": 9}}
    assert rows(STATS | {"seconds": 1.0, "feeds": feeds}, screen)[-1] == "frames/s bn-ticker 50 pm-user down"


@pytest.mark.parametrize(("part", "now", "colour"), [
    ("NORMAL", STATS, GREEN), ("STOP", STATS | {"trading_mode": "STOP"}, RED), ("CAUTION", STATS | {"trading_mode": "CAUTION"}, YELLOW),
    ("live", STATS | {"mode": "live", "window": None}, RED), ("marked", STATS, GREEN), ("settled", STATS, RED)])
def test_colours_are_for_what_deserves_a_look(part: str, now: dict[str, Any], colour: str) -> None:
    assert colour_of(part, now) == colour


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0:00"), (7.9, "0:07"), (3_599, "59:59"), (3_600, "1:00:00")])
def test_time_is_told_as_on_a_clock(seconds: float, said: str) -> None:
    assert clock_text(seconds) == said


NUMBER = st.none() | st.floats(min_value=-1e7, max_value=1e7)
SEEN = st.fixed_dictionaries({"seconds": st.floats(0, 1e7)}, optional={
    "fair": NUMBER, "cash_usd": NUMBER, "pnl_marked_usd": NUMBER, "trading_mode": st.text(), "session": st.text(),
    "window": st.none() | st.fixed_dictionaries({"slug": st.none() | st.text(), "time_left_s": NUMBER, "next": st.none() | st.text()}),
    "reference": st.fixed_dictionaries({"symbol": st.none() | st.text(), "price": NUMBER, "strike": NUMBER}),
    "guards_for_ms": st.dictionaries(st.text(), st.integers(0, 10**9), max_size=9),
})


@settings(max_examples=60, deadline=None)
@given(st.lists(SEEN, min_size=1, max_size=3))
def test_whatever_is_known_or_not_there_is_a_table_of_the_same_rows(looks: list[dict[str, Any]]) -> None:
    screen = Screen()
    assert {len(screen.lines(now)) for now in looks} == {len(screen.lines(STATS))}


# --- the fleet --------------------------------------------------------------------------------------------------------

FLEET: dict[str, Any] = {
    "running": True, "restarts": 0, "registry": {"total_markets": 3, "pending": 1, "subscribed": 2, "expired": 0},
    "pool": {"connection_count": 2, "active_connections": 1}, "recycler": {"recycles_completed": 4, "recycles_failed": 0},
    "router": {"messages_routed": 1_234, "messages_dropped": 0, "messages_foreign": 0, "p99_latency_us": 420.0},
    "workers": {"alive_count": 1, "restarts": 1, "worker_stats": {"0": {"pid": 7, "assets": 6, "whole": 5}, "1": {"pid": None}}},
    "health": {"pool": {"ok": False, "reason": "pm-fleet-2 without a line"}, "workers": {"ok": True, "reason": ""}},
}


def test_a_fleet_is_shown_a_row_a_component_and_what_it_lacks_last():
    shown = [text(line) for line in fleet_lines({"fleet": FLEET})]
    assert shown[:2] == ["fleet runs 0 restarts", "markets 2 subscribed 1 pending 0 expired"]
    assert "workers 1 run 1 restarts 5 of 6 books whole" in shown and shown[-1] == "! pool pm-fleet-2 without a line"


def test_of_a_fleet_that_has_ended_only_that_is_shown():
    assert [text(line) for line in fleet_lines({"fleet": {"running": False, "restarts": 2}})] == ["fleet does not run 2 restarts"]


def test_a_fleet_without_a_desk_has_a_table_of_its_own():
    shown = [text(line) for line in Screen().lines({"mode": "live", "session": "watching", "seconds": 61.0, "fleet": FLEET})]
    assert shown[0] == "mode live watching up 1:01" and shown[1] == "fleet runs 0 restarts"
