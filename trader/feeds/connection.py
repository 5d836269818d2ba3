"""The life of one feed's connection: open with back-off, wait, drain, probe, lose. Shared by the three socket feeds.

Composition, not inheritance: a feed owns a `Connection` and calls it from its own thread; nobody else does. Whatever ends a
connection is raised as ConnectionLost from `reopen`, `receive` or `send`; the feed then calls `drop` at one place.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from trader.errors import ConnectionLost, ConnectionRefused
from trader.feeds import frames
from trader.feeds.frames import FrameReader
from trader.feeds.line import Connect, Line, Wait, lost
from trader.model.book import FeedHealth
from trader.model.record import NOT_RECORDED, Recorder
from trader.runtime.backoff import Backoff
from trader.runtime.clock import Clock
from trader.runtime.role import CYCLE_LIMIT_MS, Posture

log = logging.getLogger(__name__)

MAX_READS = 64               # of one cycle: a flood must not keep the thread from its other duties
CONNECT_LIMIT_MS = 30_000    # DNS and TLS have no better bound
MIN_LIFE_NS = 10_000_000_000     # a server that says goodbye to every newcomer must not be dialled in a hot loop
_NS_PER_MS = 1_000_000


class Wakeable(Protocol):
    def fileno(self) -> int: ...


class ProbePlan(NamedTuple):
    """When to ask "are you there?" and what silence means. Any frame is an answer."""

    text: str | None         # text to send; None: a ping frame
    idle_ms: int             # nothing came for this long: probe
    gap_ms: int              # least time between two probes
    keepalive_ms: int        # probe this often in any case: the venue wants to hear from its clients too
    lost_ms: int             # a probe that stays unanswered this long ends the connection


class Connection:
    """Owner: one feed's thread. `received_ns` is the monotonic time at which the last batch left the socket."""

    def __init__(self, name: str, url: str, plan: ProbePlan, backoff: Backoff, clock: Clock, posture: Posture, *,
                 wake: Wakeable | None, connect: Connect, wait: Wait, recorder: Recorder = NOT_RECORDED) -> None:
        self._name, self._url, self._plan, self._backoff = name, url, plan, backoff
        self._clock, self._posture, self._connect, self._wait = clock, posture, connect, wait
        self._wake = () if wake is None else (wake.fileno(),)
        self._recorder = recorder
        self._line: Line | None = None
        self._reader = FrameReader()
        self._proven = False                 # data came: the next loss starts the back-off anew
        self._more = False                   # the last drain ended at its limit, not at an empty socket
        self._ended: ConnectionLost | None = None        # found behind frames that had to be delivered first
        self._probe_ns: int | None = None    # oldest unanswered
        self._last_probe_ns = self._last_data_ns = self._last_frame_ns = 0
        self.opened_ns = self.received_ns = 0
        self._retry_ns = clock.monotonic_ns()
        self.opens = self.attempts = self.frames = 0

    @property
    def is_open(self) -> bool:
        return self._line is not None

    def rest(self, until_ns: int | None = None) -> None:
        """Parks without a connection, until woken by an order."""
        self._wait(self._wake, self._park_ms(self._clock.monotonic_ns(), until_ns))

    def reopen(self) -> bool:
        """One step towards an open connection: parks while the back-off lasts, then dials. True when it is open."""
        if self._clock.monotonic_ns() < self._retry_ns:
            self.rest(self._retry_ns)
            return False
        self._posture.declare("connecting", CONNECT_LIMIT_MS)
        self.attempts += 1
        try:
            self._line = self._connect(self._url)
        except ConnectionRefused:
            self._backoff.reset()
            raise
        self._posture.declare("cycle")
        self._begin(self._clock.monotonic_ns())
        return True

    def _begin(self, now_ns: int) -> None:
        self.opens += 1
        self._reader, self._proven, self._ended, self._probe_ns = FrameReader(), False, None, None
        self._more = True            # frames behind the handshake may be inside the TLS layer, where no wait can see them
        self.opened_ns = self.received_ns = self._last_frame_ns = self._last_probe_ns = now_ns
        log.info("%s: connected to %s", self._name, self._url)

    def receive(self, until_ns: int | None = None) -> list[bytes]:
        """Parks for frames, an order, the next probe or `until_ns`; then everything that has arrived, without waiting."""
        if self._ended is not None:
            raise self._ended
        line = self._open_line()
        if not self._more:
            now_ns = self._clock.monotonic_ns()
            due_ns = self._probe_due_ns()
            until_ns = due_ns if until_ns is None else min(until_ns, due_ns)
            self._wait((line.fileno(), *self._wake), self._park_ms(now_ns, until_ns))
        self.received_ns = self._clock.monotonic_ns()
        payloads = self._drain(line)
        if payloads:
            self._recorder.keep(self.received_ns, payloads)
        self._probe(line, self.received_ns)
        return payloads

    def send(self, texts: Sequence[str]) -> None:
        line = self._open_line()
        for text in texts:
            line.send(text)

    def saw_data(self) -> None:
        """The feed read data in the last batch. Only data proves a connection: a server may accept and then drop."""
        self._last_data_ns = self.received_ns
        if not self._proven:
            self._proven = True
            self._backoff.reset()

    def proven_by_pong(self) -> None:
        """For a stream that is silent while nothing happens: its PONG is all the proof there is."""
        self._proven = True
        self._backoff.reset()

    def drop(self, reason: str) -> None:
        """Ends the connection, or the attempt at one, and sets the time of the next attempt."""
        was_open = self.is_open
        self.close()
        pause_s = self._backoff.next_s()
        self._retry_ns = self._clock.monotonic_ns() + int(pause_s * 1e9)
        if was_open:
            log.warning("%s: lost %s (%s); next attempt in %.1f s", self._name, self._url, reason, pause_s)
        else:
            log.warning("%s: cannot connect to %s (%s); next attempt in %.1f s", self._name, self._url, reason, pause_s)

    def renew(self, reason: str) -> None:
        """A planned end: the next attempt follows at once, unless this connection has hardly lived itself."""
        if self._clock.monotonic_ns() - self.opened_ns < MIN_LIFE_NS:
            self.drop(reason)
            return
        self.close()
        self._retry_ns = self._clock.monotonic_ns()
        log.info("%s: renewing the connection to %s (%s)", self._name, self._url, reason)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        self._probe_ns = self._ended = None

    def health(self, generation: int, *, suspect: bool) -> FeedHealth:
        return FeedHealth(self.is_open, self._clock.monotonic_ns(), self._last_frame_ns, self._last_data_ns, self._probe_ns,
                          generation, suspect)

    def _drain(self, line: Line) -> list[bytes]:
        payloads: list[bytes] = []
        self._more = False
        try:
            for _ in range(MAX_READS):
                data = line.read()
                if not data:
                    return payloads
                self._sort(line, self._reader.feed(data), payloads)
                if not line.has_more():
                    return payloads
            self._more = True
        except ConnectionLost as end:
            if not payloads:
                raise
            self._ended = end                # what came before the end is delivered first: it may be a fill
        return payloads

    def _sort(self, line: Line, messages: Iterable[frames.Message], payloads: list[bytes]) -> None:
        before, ping = self.frames, None
        for opcode, payload in messages:
            self.frames += 1
            if opcode == frames.TEXT or opcode == frames.BINARY:
                payloads.append(payload)
            elif opcode == frames.PING:
                ping = payload               # of many the newest is answered, as RFC 6455 allows: a flood is not echoed
            elif opcode == frames.CLOSE:
                raise lost(_goodbye(payload))
        if self.frames > before:
            self._last_frame_ns = self.received_ns
            self._probe_ns = None
        if ping is not None:
            line.pong(ping)

    def _probe(self, line: Line, now_ns: int) -> None:
        plan = self._plan
        if self._probe_ns is not None and now_ns - self._probe_ns >= plan.lost_ms * _NS_PER_MS:
            raise lost(f"nothing came for {(now_ns - self._last_frame_ns) // _NS_PER_MS} ms in spite of probes")
        if now_ns < self._probe_due_ns():
            return
        line.ping() if plan.text is None else line.send(plan.text)
        self._last_probe_ns = now_ns
        if self._probe_ns is None:
            self._probe_ns = now_ns

    def _probe_due_ns(self) -> int:
        plan = self._plan
        idle_ns = max(self._last_frame_ns + plan.idle_ms * _NS_PER_MS, self._last_probe_ns + plan.gap_ms * _NS_PER_MS)
        return min(idle_ns, self._last_probe_ns + plan.keepalive_ms * _NS_PER_MS)

    def _open_line(self) -> Line:
        if self._line is None:
            raise lost("not connected")
        return self._line

    @staticmethod
    def _park_ms(now_ns: int, until_ns: int | None) -> int:
        """Rounded up, so that a deadline has passed when the wait for it ends."""
        if until_ns is None:
            return CYCLE_LIMIT_MS
        return min(CYCLE_LIMIT_MS, max(0, -((now_ns - until_ns) // _NS_PER_MS)))


def _goodbye(payload: bytes) -> str:
    if len(payload) < 2:
        return "closed by the other side"
    code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")
    return f"closed by the other side: {code} {reason}".rstrip()
