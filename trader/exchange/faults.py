"""Faults on order: which there are, which are on now, and how often each has struck. docs/exchange.md lists them for users.

A fault is a row. Each channel asks the board at one place: the stream connections (`stream_faults`), the REST port (`http`), the
venue for a new trade's fate, Gamma for its listing, the market's life for its close. A new kind is a row in `KINDS` and a branch
at that place.

Shared by all threads: REST workers order and ask, WebSocket threads ask and wait, `market-life` asks. `_changed` guards everything
and is a leaf: nobody takes another lock while holding it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from trader.exchange.refusal import Refusal
from trader.runtime.clock import Clock

STREAMS = frozenset({"market", "user", "binance"})
FAULTS_KEPT = 100       # the oldest that are over are forgotten first
MOST_FAULTS = 50        # that are on at once


class Kind(StrEnum):
    DISCONNECT = "disconnect"               # the stream's connections are closed in order
    RESET = "reset"                         # … or torn down by a TCP reset
    FREEZE = "freeze"                       # no frames; what was held back comes afterwards
    SLOW = "slow"                           # REST answers come late
    LOST_ANSWER = "lost_answer"             # REST does what was asked, then drops the connection without an answer
    TOO_EARLY = "too_early"                 # 425, as while the matching engine restarts
    RATE_LIMITED = "rate_limited"           # 429
    SERVER_ERROR = "server_error"           # 500
    UNAVAILABLE = "unavailable"             # 503, a venue mode
    RETRYING = "retrying"                   # the next trades settle only at the second attempt
    FAILED = "failed"                       # the next trades fail and are undone
    NO_NEXT_WINDOW = "no_next_window"       # Gamma lists nothing after the running window
    CLOSE_EARLY = "close_early"             # the running market stops trading now


class KindRule(NamedTuple):
    """`takes`: which parameters mean something, with their defaults. `once`: strikes one time unless `times` says otherwise."""

    channels: frozenset[str]
    takes: Mapping[str, Any] = {}
    once: bool = False


_REST = frozenset({"rest"})
_PATH = {"method": "", "path": ""}
_RETRY = {**_PATH, "retry_after_s": 1}
KINDS: dict[Kind, KindRule] = {
    Kind.DISCONNECT: KindRule(STREAMS, {"every_ms": 0}, once=True),
    Kind.RESET: KindRule(STREAMS, {"every_ms": 0}, once=True),
    Kind.FREEZE: KindRule(STREAMS, {"pong": True}),
    Kind.SLOW: KindRule(_REST, {**_PATH, "delay_ms": 1_000}),
    Kind.LOST_ANSWER: KindRule(_REST, {"method": "POST", "path": "/order"}, once=True),
    Kind.TOO_EARLY: KindRule(_REST, _RETRY),
    Kind.RATE_LIMITED: KindRule(_REST, _RETRY),
    Kind.SERVER_ERROR: KindRule(_REST, _PATH),
    Kind.UNAVAILABLE: KindRule(_REST, {"mode": "disabled", "retry_after_s": 79}),
    Kind.RETRYING: KindRule(frozenset({"trades"}), once=True),
    Kind.FAILED: KindRule(frozenset({"trades"}), once=True),
    Kind.NO_NEXT_WINDOW: KindRule(frozenset({"gamma"})),
    Kind.CLOSE_EARLY: KindRule(frozenset({"life"}), once=True),
}
_OTHER_APIS = ("/gamma", "/binance")
MODES = ("disabled", "cancel_only", "post_only")


class Fault(NamedTuple):
    """One order. Strikes until `times` is used up or its time is over, whichever comes first; None is no limit."""

    number: int
    kind: Kind
    channel: str
    times: int | None
    for_ms: int | None
    with_: Mapping[str, Any]        # the kind's own parameters, complete


class _Entry:
    def __init__(self, fault: Fault, now_ms: int) -> None:
        self.fault = fault
        self.until_ms = None if fault.for_ms is None else now_ms + fault.for_ms
        self.next_ms = now_ms
        self.strikes = 0
        self.removed = False

    def is_on(self, now_ms: int) -> bool:
        fault = self.fault
        spent = fault.times is not None and self.strikes >= fault.times
        return not (spent or self.removed or (self.until_ms is not None and now_ms >= self.until_ms))


class FaultBoard:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: deque[_Entry] = deque()
        self._numbers = 0
        self._quiet = True              # nothing was ever ordered: asking costs one attribute read

    # ordering --------------------------------------------------------------------------------------------------------

    def add(self, order: Any) -> dict[str, Any]:
        """From the JSON of `POST /control/faults`, or Refusal that says what was wrong."""
        with self._changed:
            now_ms = self._now_ms()
            if sum(entry.is_on(now_ms) for entry in self._entries) >= MOST_FAULTS:
                raise Refusal(f"faults: {MOST_FAULTS} are on already, which is the limit; DELETE /control/faults ends them.")
            self._numbers += 1
            entry = _Entry(read_fault(order, self._numbers), now_ms)
            self._entries.append(entry)
            while len(self._entries) > FAULTS_KEPT:
                self._entries.remove(next(each for each in self._entries if not each.is_on(now_ms)))
            self._quiet = False
            return _row(entry, now_ms)

    def remove(self, number: int | None = None) -> list[dict[str, Any]]:
        """Ends one fault or all, and returns them as they ended; whoever waits because of one goes on."""
        with self._changed:
            now_ms = self._now_ms()
            chosen = [entry for entry in self._entries if number in (None, entry.fault.number)]
            for entry in chosen:
                entry.removed = True
            self._changed.notify_all()
            return [_row(entry, now_ms) for entry in chosen]

    def rows(self) -> list[dict[str, Any]]:
        with self._changed:
            now_ms = self._now_ms()
            return [_row(entry, now_ms) for entry in self._entries]

    # asking ----------------------------------------------------------------------------------------------------------

    def strike(self, channel: str, *kinds: Kind, **request: str) -> Fault | None:
        """The oldest fault of these kinds that is on for this channel now, counted; None when all is well."""
        if self._quiet:
            return None
        with self._changed:
            now_ms = self._now_ms()
            for entry in self._entries:
                if _fits(entry, channel, kinds, request) and entry.is_on(now_ms) and now_ms >= entry.next_ms:
                    entry.strikes += 1
                    entry.next_ms = now_ms + int(entry.fault.with_.get("every_ms") or 0)
                    return entry.fault
        return None

    def is_on(self, channel: str, kind: Kind) -> Fault | None:
        """The same without counting."""
        if self._quiet:
            return None
        with self._changed:
            return next((entry.fault for entry in self._on(channel, kind)), None)

    def wait_while_on(self, channel: str, kind: Kind) -> None:
        """Parks the caller until no such fault is on; counts one strike if one was."""
        if self._quiet or self.strike(channel, kind) is None:
            return
        with self._changed:
            while entry := next(iter(self._on(channel, kind)), None):
                self._changed.wait(None if entry.until_ms is None else max(1, entry.until_ms - self._now_ms()) / 1000)

    def wait(self, fault: Fault, delay_ms: int) -> None:
        """Parks the caller, unless the fault is ended before."""
        end_ms = self._now_ms() + delay_ms
        with self._changed:
            while (left_ms := end_ms - self._now_ms()) > 0 and not any(each.removed and each.fault is fault for each in self._entries):
                self._changed.wait(left_ms / 1000)

    def _on(self, channel: str, kind: Kind) -> list[_Entry]:
        now_ms = self._now_ms()
        return [entry for entry in self._entries if _fits(entry, channel, (kind,), {}) and entry.is_on(now_ms)]

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000


def _fits(entry: _Entry, channel: str, kinds: tuple[Kind, ...], request: Mapping[str, str]) -> bool:
    """`path` is the beginning of a path, `method` a whole one. No path means the venue's own API, without Gamma and Binance."""
    fault = entry.fault
    if fault.channel != channel or (kinds and fault.kind not in kinds):
        return False
    asked, wanted = request.get("path", ""), fault.with_.get("path", "")
    return fault.with_.get("method", "") in ("", request.get("method")) and (
        asked.startswith(wanted) if wanted else not asked.startswith(_OTHER_APIS))


def _row(entry: _Entry, now_ms: int) -> dict[str, Any]:
    fault = entry.fault
    left_ms = None if entry.until_ms is None else max(0, entry.until_ms - now_ms)
    return {"id": fault.number, "kind": fault.kind.value, "channel": fault.channel, "times": fault.times, "for_ms": fault.for_ms,
            **fault.with_, "on": entry.is_on(now_ms), "left_ms": left_ms, "strikes": entry.strikes}


# reading an order --------------------------------------------------------------------------------------------------------


def read_fault(order: Any, number: int) -> Fault:
    if not isinstance(order, dict):
        raise Refusal("fault: expected a JSON object, as {\"kind\": \"freeze\", \"channel\": \"market\", \"for_ms\": 3000}.")
    kind = _one_of(order.get("kind"), "kind", tuple(Kind))
    rule = KINDS[Kind(kind)]
    channels = sorted(rule.channels)
    channel = _one_of(order.get("channel", channels[0] if len(channels) == 1 else None), f"channel of {kind}", channels)
    with_ = {name: _value(order[name], name, default) if name in order else default for name, default in rule.takes.items()}
    unknown = sorted(order.keys() - rule.takes.keys() - {"kind", "channel", "times", "for_ms"})
    if unknown:
        raise Refusal(f"fault {kind}: unknown {', '.join(unknown)}; it takes {', '.join(['channel', 'times', 'for_ms', *rule.takes])}.")
    for_ms = _value(order["for_ms"], "for_ms", 0) if order.get("for_ms") is not None else None
    repeats = with_["every_ms"] > 0 if "every_ms" in with_ else for_ms is not None
    times = 1 if rule.once and not repeats else None
    if order.get("times") is not None:
        times = _value(order["times"], "times", 0)
    return Fault(number, Kind(kind), channel, times, for_ms, with_)


def _one_of(value: Any, name: str, allowed: Any) -> str:
    if value not in allowed:
        raise Refusal(f"fault: {name} was {value!r}, must be one of {', '.join(allowed)}.")
    return str(value)


def _value(value: Any, name: str, default: Any) -> Any:
    if name == "mode":
        return _one_of(value, name, MODES)
    if type(value) is not type(default):
        raise Refusal(f"fault: {name} was {value!r}, must be like {default!r}.")
    if isinstance(value, int) and not 0 <= value <= 86_400_000:
        raise Refusal(f"fault: {name} was {value}, must be 0 to 86400000.")
    return value
