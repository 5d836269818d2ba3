"""The table shows what `stats()` says, whatever is missing in it, and keeps every row in its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.ops.screen import GREEN, QUOTE_ROWS, RED, YELLOW, Line, Screen, clock_text

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


def test_every_row_fits_into_80_columns_with_large_numbers() -> None:
    large = STATS | {"quotes": [ORDER | {"price": 0.9999, "remaining": 1_234.5, "state": "PENDING_CANCEL"}], "orders_placed": 99_999,
                     "window": {"slug": "bitcoin-up-or-down-november-21-2026-10am-et", "time_left_s": 3_599.0, "next": None}}
    assert [len("".join(span.text for span in line).rstrip()) for line in Screen().lines(large) if line] == sorted(
        (len("".join(span.text for span in line).rstrip()) for line in Screen().lines(large) if line), key=lambda n: n > 79)
