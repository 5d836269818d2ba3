"""The board of ordered faults: which are on now, and how often each has struck. `fault_kinds` says which there are.

Shared by all threads: REST workers order and ask, WebSocket threads ask and wait, `market-life` asks. `_changed` guards everything
and is a leaf: nobody takes another lock while holding it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from trader.errors import ConfigError
from trader.exchange.fault_kinds import Fault, Kind, read_fault
from trader.exchange.refusal import Refusal
from trader.runtime.clock import Clock

FAULTS_KEPT = 100       # the oldest that are over are forgotten first
MOST_FAULTS = 50        # that are on or to come at once
_OTHER_APIS = ("/gamma", "/binance")


class _Entry:
    def __init__(self, fault: Fault, now_ms: int) -> None:
        self.fault = fault
        self.since_ms = self.next_ms = now_ms + fault.after_ms
        self.until_ms = None if fault.for_ms is None else self.since_ms + fault.for_ms
        self.strikes = self.seen = 0
        self.was_removed = False
        self.ended_ms = now_ms if fault.times == 0 else None        # when it was removed, or struck for the last time

    def is_over(self, now_ms: int) -> bool:
        return self.ended_ms is not None or (self.until_ms is not None and now_ms >= self.until_ms)

    def end_ms(self, now_ms: int, wall_ms: int) -> int | None:
        """Wall time of its end; `wall_ms` is that of monotonic zero."""
        if not self.is_over(now_ms):
            return None
        return wall_ms + min(each for each in (self.ended_ms, self.until_ms) if each is not None)

    def is_on(self, now_ms: int) -> bool:
        return now_ms >= self.since_ms and not self.is_over(now_ms)

    def strikes_now(self, now_ms: int) -> bool:
        """Asked once an occasion: `every` lets only each n-th of them be struck, `every_ms` one in that time."""
        if now_ms < self.next_ms:
            return False
        self.seen += 1
        if self.seen % self.fault.with_.get("every", 1):
            return False
        self.strikes += 1
        self.next_ms = now_ms + int(self.fault.with_.get("every_ms") or 0)
        if self.strikes == self.fault.times:
            self.ended_ms = now_ms
        return True


class FaultBoard:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: deque[_Entry] = deque()
        self._numbers = 0
        self.is_quiet = True            # nothing was ever ordered: asking costs one attribute read

    # ordering --------------------------------------------------------------------------------------------------------

    def add(self, order: Any) -> dict[str, Any]:
        """From the JSON of `POST /control/faults`, or Refusal that says what was wrong."""
        with self._changed:
            now_ms = self.now_ms()
            if sum(not entry.is_over(now_ms) for entry in self._entries) >= MOST_FAULTS:
                raise Refusal(f"faults: {MOST_FAULTS} are on already, which is the limit; DELETE /control/faults ends them.")
            self._numbers += 1
            entry = _Entry(read_fault(order, self._numbers), now_ms)
            self._entries.append(entry)
            while len(self._entries) > FAULTS_KEPT:
                self._entries.remove(next(each for each in self._entries if each.is_over(now_ms)))
            self.is_quiet = False
            return _row(entry, now_ms)

    def remove(self, number: int | None = None) -> list[dict[str, Any]]:
        """Ends one fault or all, and returns them as they ended; whoever waits because of one goes on."""
        with self._changed:
            now_ms = self.now_ms()
            chosen = [entry for entry in self._entries if number in (None, entry.fault.number)]
            for entry in chosen:
                entry.was_removed = True
                entry.ended_ms = now_ms if entry.ended_ms is None else entry.ended_ms
            self._changed.notify_all()
            return [_row(entry, now_ms) for entry in chosen]

    def rows(self) -> list[dict[str, Any]]:
        with self._changed:
            now_ms = self.now_ms()
            return [_row(entry, now_ms) for entry in self._entries]

    def intervals(self) -> list[dict[str, Any]]:
        """The rows with the wall time from which and to which each was on; `to_ms` None while it may still strike."""
        with self._changed:
            now_ms = self.now_ms()
            wall_ms = self._clock.wall_ms() - now_ms
            return [_row(entry, now_ms) | {"from_ms": wall_ms + entry.since_ms, "to_ms": entry.end_ms(now_ms, wall_ms)}
                    for entry in self._entries]

    # asking ----------------------------------------------------------------------------------------------------------

    def strike(self, channel: str, *kinds: Kind, **request: str) -> Fault | None:
        """The oldest fault of these kinds that is on for this channel now, counted; None when all is well."""
        if self.is_quiet:
            return None
        with self._changed:
            now_ms = self.now_ms()
            for entry in self._entries:
                if _fits(entry, channel, kinds, request) and entry.is_on(now_ms) and entry.strikes_now(now_ms):
                    return entry.fault
        return None

    def is_on(self, channel: str, kind: Kind) -> Fault | None:
        """The same without counting."""
        if self.is_quiet:
            return None
        with self._changed:
            return next((entry.fault for entry in self._on(channel, kind)), None)

    def wait_while_on(self, channel: str, kind: Kind) -> None:
        """Parks the caller until no such fault is on; counts one strike if one was."""
        if self.is_quiet or self.strike(channel, kind) is None:
            return
        with self._changed:
            while entry := next(iter(self._on(channel, kind)), None):
                self._changed.wait(None if entry.until_ms is None else max(1, entry.until_ms - self.now_ms()) / 1000)

    def wait(self, fault: Fault, delay_ms: int) -> None:
        """Parks the caller, unless the fault is ended before."""
        end_ms = self.now_ms() + delay_ms
        with self._changed:
            while (left_ms := end_ms - self.now_ms()) > 0 and not self._was_ended(fault):
                self._changed.wait(left_ms / 1000)

    def _was_ended(self, fault: Fault) -> bool:
        return any(each.was_removed and each.fault is fault for each in self._entries)

    def _on(self, channel: str, kind: Kind) -> list[_Entry]:
        now_ms = self.now_ms()
        return [entry for entry in self._entries if _fits(entry, channel, (kind,), {}) and entry.is_on(now_ms)]

    def now_ms(self) -> int:
        """Monotonic; what `for_ms` and `after_ms` are counted in."""
        return self._clock.monotonic_ns() // 1_000_000


def _fits(entry: _Entry, channel: str, kinds: tuple[Kind, ...], request: Mapping[str, str]) -> bool:
    """`path` is the beginning of a path, `method` a whole one, `match` a part of a frame. No path: all but Gamma and Binance."""
    fault = entry.fault
    if fault.channel != channel or (kinds and fault.kind not in kinds):
        return False
    asked, wanted = request.get("path", ""), fault.with_.get("path", "")
    if fault.with_.get("match", "") not in request.get("frame", ""):
        return False
    return fault.with_.get("method", "") in ("", request.get("method")) and (
        asked.startswith(wanted) if wanted else not asked.startswith(_OTHER_APIS))


def _row(entry: _Entry, now_ms: int) -> dict[str, Any]:
    fault = entry.fault
    left_ms = None if entry.until_ms is None else max(0, entry.until_ms - now_ms)
    return {"id": fault.number, "kind": fault.kind.value, "channel": fault.channel, "times": fault.times, "for_ms": fault.for_ms,
            "after_ms": fault.after_ms, **fault.with_, "on": entry.is_on(now_ms), "left_ms": left_ms, "strikes": entry.strikes}


def order_from_file(board: FaultBoard, path: Path) -> None:
    """`--faults FILE`: a JSON array of orders; `after_ms` makes a script of them."""
    remedy = 'Write a JSON array, as [{"kind": "freeze", "channel": "market", "after_ms": 60000, "for_ms": 3000}].'
    try:
        orders = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as failed:
        raise ConfigError(f"--faults {path}: cannot be read: {failed}.", remedy=remedy) from None
    if not isinstance(orders, list):
        raise ConfigError(f"--faults {path}: was {type(orders).__name__}, must be a list of faults.", remedy=remedy)
    for number, order in enumerate(orders, 1):
        try:
            board.add(order)
        except Refusal as refused:
            raise ConfigError(f"--faults {path}: number {number}: {refused}",
                              remedy="docs/exchange.md lists kinds and parameters.") from None
