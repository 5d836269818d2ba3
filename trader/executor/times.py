"""How long orders take, leg by leg, and which were the slowest of the last hour. Writer: the executor's thread. Readers: stats, metrics."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from trader.model.event import PlaceResult
from trader.model.intent import QuoteIntent
from trader.runtime.latency import LatencyWindow

SLOWEST = 5
_MINUTE_NS = 60_000_000_000
_MINUTES = 60


class OrderTrace(NamedTuple):
    """The way of one request to place, from the intent that wanted it to the venue's answer."""

    total_ns: int
    answered_ns: int             # monotonic
    intent: int                  # its number
    intent_to_outbox_ns: int
    outbox_to_gateway_ns: int    # a gateway thread takes it
    gateway_to_wire_ns: int      # signature and journal
    wire_to_ack_ns: int


class SlowestOfHour:
    """The slowest few, exact to the minute: five of each minute are kept, and the hour's are among them."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, tuple[OrderTrace, ...]]] = deque([(0, ())], maxlen=_MINUTES)

    def add(self, trace: OrderTrace) -> None:
        minute, (last, slowest) = trace.answered_ns // _MINUTE_NS, self._minutes[-1]
        if minute != last:
            self._minutes.append((minute, (trace,)))
        elif len(slowest) < SLOWEST or trace > slowest[-1]:
            self._minutes[-1] = minute, tuple(sorted((*slowest, trace), reverse=True)[:SLOWEST])

    def read(self, now_ns: int) -> list[OrderTrace]:
        """Slowest first; any thread."""
        oldest = now_ns // _MINUTE_NS - _MINUTES
        return sorted((trace for minute, traces in tuple(self._minutes) if minute > oldest for trace in traces), reverse=True)[:SLOWEST]


class OrderTimes:
    """Only the first places of an intent are traced: later ones waited for the venue, not for us."""

    def __init__(self) -> None:
        self.intent_to_outbox = LatencyWindow()
        self.outbox_to_wire = LatencyWindow()
        self.wire_to_ack = LatencyWindow()
        self.slowest = SlowestOfHour()
        self._put: dict[int, tuple[int, int, int]] = {}      # of each unanswered place: when, of which intent (0: of none), decided when
        self._last_intent = 0

    def put(self, seq: int, now_ns: int, intent: QuoteIntent | None) -> None:
        """A request to place goes into the outbox."""
        if intent is None or intent.seq == self._last_intent:
            self._put[seq] = now_ns, 0, 0
            return
        self._last_intent = intent.seq
        self._put[seq] = now_ns, intent.seq, intent.decided_ns
        self.intent_to_outbox.add(now_ns - intent.decided_ns)

    def answered(self, result: PlaceResult) -> None:
        put_ns, intent, decided_ns = self._put.pop(result.request.seq, (0, 0, 0))
        taken_ns, sent_ns, answered_ns = result.timing
        if not (put_ns and sent_ns):
            return
        self.outbox_to_wire.add(sent_ns - put_ns)
        self.wire_to_ack.add(answered_ns - sent_ns)
        if intent:
            self.slowest.add(OrderTrace(answered_ns - decided_ns, answered_ns, intent, put_ns - decided_ns, taken_ns - put_ns,
                                        sent_ns - taken_ns, answered_ns - sent_ns))
