"""Which faults there are and what an order for one may say. Pure; docs/exchange.md lists them for users.

A fault is a row. Each channel asks the board (`faults`) at one place: the stream connections (`stream_faults`), the REST port
(`rest_faults`), the venue for a new trade's fate, Gamma for its listing, the market's life. A new kind is a row in `KINDS` and a
branch at that place.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from trader.exchange.refusal import Refusal

STREAMS = frozenset({"market", "user", "binance"})
MODES = ("disabled", "cancel_only", "post_only")
TICKS_BP = {"0.1": 1_000, "0.01": 100, "0.005": 50, "0.0025": 25, "0.001": 10, "0.0001": 1}
_MOST = 86_400_000          # a day in milliseconds
_MOST_BP = 1_000            # a jump of a tenth of the price


class Kind(StrEnum):
    DISCONNECT = "disconnect"               # the stream's connections are closed in order
    RESET = "reset"                         # … or torn down by a TCP reset
    FREEZE = "freeze"                       # no frames; what was held back comes afterwards
    DROP = "drop"                           # a frame is not sent
    DUPLICATE = "duplicate"                 # … is sent twice
    REORDER = "reorder"                     # … is sent after the one behind it
    DELAY = "delay"                         # … is sent late, and so are all behind it
    CORRUPT = "corrupt"                     # … is no JSON
    WRONG_HASH = "wrong_hash"               # … has hashes that fit no book
    HALF_FRAME = "half_frame"               # … is cut in the middle by the end of the connection
    SLOW = "slow"                           # REST answers come late
    LOST_ANSWER = "lost_answer"             # REST drops the connection without an answer, having done what was asked or not
    TOO_EARLY = "too_early"                 # 425, as while the matching engine restarts
    RATE_LIMITED = "rate_limited"           # 429
    UNAUTHORIZED = "unauthorized"           # 401
    FORBIDDEN = "forbidden"                 # 403 and a page of HTML
    SERVER_ERROR = "server_error"           # 500
    UNAVAILABLE = "unavailable"             # 503, a venue mode
    LAGGING_READS = "lagging_reads"         # account reads show what they showed first
    EMPTY_READS = "empty_reads"             # account listings are empty
    CANCEL_REFUSED = "cancel_refused"       # 200, and nothing was cancelled
    CLOCK_SKEW = "clock_skew"               # the REST port's clock is wrong
    RETRYING = "retrying"                   # the next trades settle only at the second attempt
    FAILED = "failed"                       # the next trades fail and are undone
    NO_NEXT_WINDOW = "no_next_window"       # Gamma lists nothing after the running window
    CLOSE_EARLY = "close_early"             # the running market stops trading now
    TICK_CHANGE = "tick_change"             # the running market's tick changes now
    HEARTBEAT_EXPIRY = "heartbeat_expiry"   # every heartbeat runs out now
    PRICE_JUMP = "price_jump"               # Bitcoin moves at once


class KindRule(NamedTuple):
    """`takes`: which parameters mean something, with their defaults. `once`: strikes one time unless `times` says otherwise."""

    channels: frozenset[str]
    takes: Mapping[str, Any] = {}
    once: bool = False


_REST, _TRADES, _LIFE = frozenset({"rest"}), frozenset({"trades"}), frozenset({"life"})
_PATH = {"method": "", "path": ""}
_RETRY = {**_PATH, "retry_after_s": 1}
_FRAME = {"match": "", "every": 1}
KINDS: dict[Kind, KindRule] = {
    Kind.DISCONNECT: KindRule(STREAMS, {"every_ms": 0}, once=True),
    Kind.RESET: KindRule(STREAMS, {"every_ms": 0}, once=True),
    Kind.FREEZE: KindRule(STREAMS, {"pong": True}),
    Kind.DROP: KindRule(STREAMS, _FRAME, once=True),
    Kind.DUPLICATE: KindRule(STREAMS, _FRAME, once=True),
    Kind.REORDER: KindRule(STREAMS, _FRAME, once=True),
    Kind.DELAY: KindRule(STREAMS, {"match": "", "delay_ms": 500}),
    Kind.CORRUPT: KindRule(STREAMS, _FRAME, once=True),
    Kind.WRONG_HASH: KindRule(STREAMS, _FRAME, once=True),
    Kind.HALF_FRAME: KindRule(STREAMS, _FRAME, once=True),
    Kind.SLOW: KindRule(_REST, {**_PATH, "delay_ms": 1_000}),
    Kind.LOST_ANSWER: KindRule(_REST, {"method": "POST", "path": "/order", "done": True}, once=True),
    Kind.TOO_EARLY: KindRule(_REST, _RETRY),
    Kind.RATE_LIMITED: KindRule(_REST, _RETRY),
    Kind.UNAUTHORIZED: KindRule(_REST, _PATH),
    Kind.FORBIDDEN: KindRule(_REST, _PATH),
    Kind.SERVER_ERROR: KindRule(_REST, {**_PATH, "done": False}),
    Kind.UNAVAILABLE: KindRule(_REST, {"mode": "disabled", "retry_after_s": 79}),
    Kind.LAGGING_READS: KindRule(_REST, _PATH),
    Kind.EMPTY_READS: KindRule(_REST, _PATH),
    Kind.CANCEL_REFUSED: KindRule(_REST, {"path": "", "reason": "Order not found or already canceled"}, once=True),
    Kind.CLOCK_SKEW: KindRule(_REST, {"skew_s": 60}),
    Kind.RETRYING: KindRule(_TRADES, once=True),
    Kind.FAILED: KindRule(_TRADES, once=True),
    Kind.NO_NEXT_WINDOW: KindRule(frozenset({"gamma"})),
    Kind.CLOSE_EARLY: KindRule(_LIFE, once=True),
    Kind.TICK_CHANGE: KindRule(_LIFE, {"tick": "0.001"}, once=True),
    Kind.HEARTBEAT_EXPIRY: KindRule(_LIFE, once=True),
    Kind.PRICE_JUMP: KindRule(_LIFE, {"bp": 50}, once=True),
}


class Fault(NamedTuple):
    """One order. Strikes until `times` is used up or its time is over, whichever comes first; None is no limit."""

    number: int
    kind: Kind
    channel: str
    times: int | None
    for_ms: int | None
    after_ms: int                   # from the order to its beginning
    with_: Mapping[str, Any]        # the kind's own parameters, complete


def read_fault(order: Any, number: int) -> Fault:
    """An order as JSON → the fault, or Refusal that says what would be right."""
    if not isinstance(order, dict):
        raise Refusal("fault: expected a JSON object, as {\"kind\": \"freeze\", \"channel\": \"market\", \"for_ms\": 3000}.")
    kind = Kind(_one_of(order.get("kind"), "kind", tuple(Kind)))
    rule = KINDS[kind]
    channels = sorted(rule.channels)
    channel = _one_of(order.get("channel", channels[0] if len(channels) == 1 else None), f"channel of {kind}", channels)
    with_ = {name: _value(order[name], name, default) if name in order else default for name, default in rule.takes.items()}
    unknown = sorted(order.keys() - rule.takes.keys() - {"kind", "channel", "times", "for_ms", "after_ms"})
    if unknown:
        known = ", ".join(["channel", "times", "for_ms", "after_ms", *rule.takes])
        raise Refusal(f"fault {kind}: unknown {', '.join(unknown)}; it takes {known}.")
    for_ms = _value(order["for_ms"], "for_ms", 0) if order.get("for_ms") is not None else None
    return Fault(number, kind, channel, _times(order, rule, with_, for_ms), for_ms, _value(order.get("after_ms", 0), "after_ms", 0), with_)


def _times(order: dict[str, Any], rule: KindRule, with_: Mapping[str, Any], for_ms: int | None) -> int | None:
    if order.get("times") is not None:
        return int(_value(order["times"], "times", 0))
    repeats = with_["every_ms"] > 0 if "every_ms" in with_ else for_ms is not None
    return 1 if rule.once and not repeats else None


def _one_of(value: Any, name: str, allowed: Any) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise Refusal(f"fault: {name} was {value!r}, must be one of {', '.join(allowed)}.")
    return value


def _value(value: Any, name: str, default: Any) -> Any:
    if name in ("mode", "tick"):
        return _one_of(value, name, MODES if name == "mode" else tuple(TICKS_BP))
    if type(value) is not type(default):
        raise Refusal(f"fault: {name} was {value!r}, must be like {default!r}.")
    lowest, highest = {"skew_s": (-_MOST, _MOST), "every": (1, _MOST), "bp": (-_MOST_BP, _MOST_BP)}.get(name, (0, _MOST))
    if isinstance(value, int) and not lowest <= value <= highest:
        raise Refusal(f"fault: {name} was {value}, must be {lowest} to {highest}.")
    return value
