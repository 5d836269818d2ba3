"""The table that a terminal shows of a running desk: plain values of `stats()` in, lines with colours out. Pure.

Used on the main thread by `trader run` and `trader status`. `Screen` remembers the last looks, for the frames a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Stats = Mapping[str, Any]

GREEN, YELLOW, RED, DIM = "green", "yellow", "red", "dim"
GUARDS_SHOWN = 6             # in two rows
QUOTE_ROWS = (4, 8)          # few or many: a table whose height follows every single order is not calm
_STATES = {"PENDING_NEW": ("placing", DIM), "PENDING_CANCEL": ("cancelling", DIM), "UNKNOWN": ("unknown", YELLOW)}
_FIELD = 15                  # label and four fields fit into 80 columns
_RATE_S = 2.0                # frames a second are those of about the last two
_NOTHING = "-"


class Span(NamedTuple):
    text: str
    colour: str = ""


Line = tuple[Span, ...]


class Screen:
    """Owner: the thread that draws."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, dict[str, int]]] = deque()

    def lines(self, now: Stats) -> list[Line]:
        """The same rows in the same places every time; what is not known is a dash."""
        if now.get("session") == "watching":     # a fleet without a desk
            return [*_run_of(now), *fleet_lines(now)]
        self._remember(now)
        return [*_market(now), *_state(now), *_books_and_quotes(now), (), *_account(now), _row("frames/s", *self._rates(now))]

    def _remember(self, now: Stats) -> None:
        self._looks.append((now["seconds"], {name: _frames(feed) for name, feed in now.get("feeds", {}).items()}))
        while len(self._looks) > 2 and now["seconds"] - self._looks[1][0] >= _RATE_S:
            self._looks.popleft()

    def _rates(self, now: Stats) -> Iterator[Span]:
        (then_s, before), (now_s, _) = self._looks[0], self._looks[-1]
        for name, feed in now.get("feeds", {}).items():
            if not feed["connected"]:
                yield Span(f"{name} down", RED)
            elif now_s <= then_s:
                yield Span(f"{name} {_NOTHING}")
            else:
                yield Span(f"{name} {(_frames(feed) - before.get(name, 0)) / (now_s - then_s):.0f}")


def _frames(feed: Stats) -> int:
    return int(feed.get("frames", feed.get("polls", 0)))         # a polled reference has polls instead


# --- rows -------------------------------------------------------------------------------------------------------------


def _market(now: Stats) -> Iterator[Line]:
    window = now.get("window") or {}
    left = window.get("time_left_s")
    slug = window.get("slug")
    yield _row("window", Span("" if left is None else f"{clock_text(left)} left"), Span(slug) if slug else Span("none is open", YELLOW))
    yield _row("next", Span(""), Span(window.get("next") or "not listed yet"))
    yield _row("fair", Span(_cents(now.get("fair"))), *_reference(now.get("reference") or {}))


def _reference(reference: Stats) -> Iterator[Span]:
    price, strike = reference.get("price"), reference.get("strike")
    yield Span(f"{reference.get('symbol') or 'reference'} {_dollars(price)}")
    if price is not None and strike is not None:
        yield Span(f"strike {_dollars(strike)}")
        yield Span(f"{price - strike:+,.2f} $")


def _state(now: Stats) -> Iterator[Line]:
    mode, account = now.get("trading_mode", "starting"), now.get("mode") or "starting"
    yield _row("mode", Span(mode, {"NORMAL": GREEN, "STOP": RED}.get(mode, YELLOW)), Span(account, RED if account == "live" else ""),
               Span(now.get("session", "starting")), Span(f"up {clock_text(now['seconds'])}"))
    names = [f"{name} {_held(ms)}" for name, ms in now.get("guards_for_ms", {}).items()]
    more = f", and {len(names) - GUARDS_SHOWN} more" if len(names) > GUARDS_SHOWN else ""
    half = GUARDS_SHOWN // 2
    yield _row("guards", Span(", ".join(names[:half]), YELLOW) if names else Span("none"))
    yield _row("", Span(", ".join(names[half:GUARDS_SHOWN]) + more, YELLOW))     # empty in good times: it sets off what follows


def _books_and_quotes(now: Stats) -> Iterator[Line]:
    """Side by side, so that 24 rows are enough for the table and some lines of the log."""
    heads = f"{'bid size':>14}{'bid':>9}{'ask':>9}{'ask size':>9}   our orders"
    yield (Span(heads, DIM),)
    quotes = _quotes(now.get("quotes", []))
    tops = [(side.upper(), top) for side, top in (now.get("books") or {"yes": {}, "no": {}}).items()]
    for index, quote in enumerate(quotes):
        yield (*(_top(*tops[index]) if index < len(tops) else (Span(" " * 41),)), *quote)


def _top(side: str, top: Stats) -> Line:
    return (Span(f"{side:<5}", DIM), Span(f"{_shares(top.get('bid_size')):>9}"), Span(f"{_cents(top.get('bid')):>9}"),
            Span(f"{_cents(top.get('ask')):>9}"), Span(f"{_shares(top.get('ask_size')):>9}"))


def _quotes(orders: list[Stats]) -> list[Line]:
    rows = QUOTE_ROWS[len(orders) > QUOTE_ROWS[0]]
    lines = [_order(order) for order in sorted(orders, key=_place)]
    if not lines:
        lines = [(Span("   none", DIM),)]
    elif len(lines) > rows:
        lines = [*lines[: rows - 1], (Span(f"   and {len(orders) - rows + 1} more", DIM),)]
    return [*lines, *[()] * (rows - len(lines))]


def _place(order: Stats) -> tuple[bool, bool, float]:
    """YES before NO, bids before asks, best price first: an order that is replaced keeps its row."""
    buys = order["token_side"] == "BUY"
    return _token(order) != "YES", not buys, -order["price"] if buys else order["price"]


def _order(order: Stats) -> Line:
    state, colour = _STATES.get(order["state"], (order["state"].lower(), ""))
    return (Span(f"   {order['token_side'].lower():<4} {_token(order):<3}{_cents(order['price']):>8}{_shares(order['remaining']):>7}  "),
            Span(state, colour))


def _token(order: Stats) -> str:
    """`side` is our quote in YES terms: a bid is a purchase of YES or a sale of NO."""
    return "YES" if order["side"] == order["token_side"] else "NO"


def _account(now: Stats) -> Iterator[Line]:
    held = now.get("inventory", {})
    yes, no = held.get("yes", 0), held.get("no", 0)
    yield _row("inventory", Span(f"{_shares(yes)} YES"), Span(f"{_shares(no)} NO"), Span(f"net {yes - no:+,.10g}"),
               Span(f"cash {_dollars(now.get('cash_usd'))}"))
    yield _row("P&L", *(_gain(now.get(f"pnl_{kind}_usd"), kind) for kind in ("marked", "settled")))
    yield _row("orders", *_counted(now, "placed", "acked", "rejected", "cancelled", form="orders_{}"))
    yield _row("fills", Span(f"{now.get('fills', 0):,}"), Span(f"volume {_dollars(now.get('volume_usd'))}"),
               Span(f"fees {_dollars(now.get('fees_usd'))}"), Span(f"cancel-alls {sum(now.get('cancel_alls', {}).values())}"))


def _counted(now: Stats, *names: str, form: str) -> Iterator[Span]:
    return (Span(f"{now.get(form.format(name), 0):,} {name}") for name in names)


def _gain(amount: float | None, kind: str) -> Span:
    return Span(f"{_NOTHING} {kind}") if amount is None else Span(f"{amount:+,.2f} $ {kind}", GREEN if amount >= 0 else RED)


def _row(label: str, *values: Span) -> Line:
    """Fields of one width, so that a number with one digit more does not move what stands beside it."""
    return Span(f"{label:<11}", DIM), *(one._replace(text=f"{one.text:<{_FIELD - 2}}  ") for one in values)


# --- the fleet --------------------------------------------------------------------------------------------------------


def _run_of(now: Stats) -> Iterator[Line]:
    yield _row("mode", Span(now["mode"]), Span(now["session"]), Span(f"up {clock_text(now['seconds'])}"))


def fleet_lines(now: Stats) -> list[Line]:
    """What `fleet` of stats says, in a row a component. Only the first row of one that does not run."""
    fleet = now["fleet"]
    state = _row("fleet", Span("runs", GREEN) if fleet["running"] else Span("does not run", RED), _times(fleet["restarts"]))
    return [state, *_fleet_rows(fleet)] if "registry" in fleet else [state]


def _fleet_rows(fleet: Stats) -> Iterator[Line]:
    registry, pool, router = fleet["registry"], fleet["pool"], fleet["router"]
    workers, recycler = fleet["workers"], fleet["recycler"]
    whole, assets = (sum(row.get(key, 0) for row in workers["worker_stats"].values()) for key in ("whole", "assets"))
    yield _row("markets", *_counted(registry, "subscribed", "pending", "expired", form="{}"))
    yield _row("lines", Span(f"{pool['active_connections']} of {pool['connection_count']} up"),
               *_counted(recycler, "completed", "failed", form="recycles_{}"))
    yield _row("frames", *_counted(router, "routed", "dropped", "foreign", form="messages_{}"))
    yield _row("routing", Span(f"p99 {router['p99_latency_us'] / 1000:.2f} ms"))
    yield _row("workers", Span(f"{workers['alive_count']} run"), _times(workers["restarts"]),
               Span(f"{whole:,} of {assets:,} books whole"))
    for name, verdict in fleet["health"].items():
        if not verdict["ok"]:
            yield _row(f"! {name}", Span(verdict["reason"], YELLOW))


def _times(restarts: int) -> Span:
    return Span(f"{restarts} restarts", YELLOW if restarts else "")


# --- numbers ----------------------------------------------------------------------------------------------------------


def _or_dash(form: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: _NOTHING if value is None else form(value)


_cents = _or_dash(lambda price: f"{100 * price:.4g} ¢")
_shares = _or_dash(lambda size: f"{size:,.2f}".removesuffix(".00") if size < 1000 else f"{size:,.0f}")
_dollars = _or_dash(lambda amount: f"{amount:,.2f} $")


def _held(ms: int) -> str:
    return f"{ms / 1000:.1f} s" if ms < 10_000 else clock_text(ms / 1000)


def clock_text(seconds: float) -> str:
    """0:07, 59:59, 1:00:00."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
