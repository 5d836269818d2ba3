"""Every order that may still matter, keyed by the id that the venue knows it by. Owner: the executor."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from trader.model.cycle import Move
from trader.model.order import DONE, NEXT, Kind, OrderSpec, OrderState, Side, Slot, WorkingOrder
from trader.model.units import PriceBp, SizeMicro, complement_bp

# Late events of a finished order are recognised for this long. A trade's statuses take minutes on a busy chain; of an order that nobody
# traded with there is nothing to come, and those are nearly all: what a desk holds in memory follows from how long it keeps them.
FORGET_AFTER_NS = 600 * 1_000_000_000
FORGET_UNTOUCHED_AFTER_NS = 60 * 1_000_000_000


class Tracked:
    """One order's life. Three sizes, because order events and trade events arrive in any order:

    `matched_micro` is the venue's cumulative word on the order, `traded_micro` the sum of the trades that we were shown,
    and the larger of the two is gone from what can still fill.
    """

    __slots__ = ("absent_answers", "absent_since_ns", "asking", "cancel_asked_ns", "cancelling", "changed_ns", "epoch",
                 "final", "matched_micro", "order_id", "slot", "spec", "state", "traded_micro")

    def __init__(self, order_id: str, spec: OrderSpec, slot: Slot, epoch: int, now_ns: int) -> None:
        self.order_id, self.spec, self.slot, self.epoch = order_id, spec, slot, epoch
        self.state = OrderState.PENDING_NEW
        self.changed_ns = now_ns             # when `state` last changed
        self.matched_micro = 0
        self.traded_micro = 0
        self.cancelling = False              # a cancel request for it is unanswered
        self.cancel_asked_ns = 0             # when the first cancel since it last worked was asked; 0: none
        self.asking = False                  # a read by id is unanswered
        self.absent_answers = 0              # how often the venue said that it does not know it
        self.absent_since_ns = 0
        self.final = False                   # the venue has said how much of it was matched in the end

    @property
    def done(self) -> bool:
        return self.state in DONE

    @property
    def quarantined(self) -> bool:
        """The answer to its place was lost, and since then the venue has said at least once that it does not know it, with the
        user stream up. It will hardly come alive, but it may: it counts against every limit, and holds up nothing else
        (docs/decisions/0005)."""
        return self.state is OrderState.UNKNOWN and self.absent_answers > 0

    @property
    def remaining_micro(self) -> SizeMicro:
        """What can still fill."""
        return SizeMicro(max(0, self.spec.size_micro - max(self.matched_micro, self.traded_micro)))

    @property
    def exposure_micro(self) -> int:
        """What may still change our inventory: what can fill, and what filled but was not shown as a trade yet.

        A confirmed cancel alone says nothing of fills before it: the word on them may still be on its way.
        """
        reach = self.matched_micro if self.final else self.spec.size_micro
        return max(0, reach - self.traded_micro)

    @property
    def untouched(self) -> bool:
        """Ended, and by the venue's last word without a trade. Of one that it did not know there may still be a later word."""
        return self.done and self.final and not (self.matched_micro or self.traded_micro or self.absent_answers)

    @property
    def is_bid(self) -> bool:
        """In YES terms: buying YES and selling NO are bids."""
        return self.slot.side is Side.BUY

    @property
    def yes_price_bp(self) -> PriceBp:
        bought = self.spec.side is Side.BUY
        return self.spec.price_bp if bought == self.is_bid else complement_bp(self.spec.price_bp)

    def snapshot(self) -> WorkingOrder:
        return WorkingOrder(self.order_id, self.slot, self.spec.token_id, self.spec.side, self.spec.price_bp,
                            self.remaining_micro, self.state)


class OrderTable:
    """All tracked orders and the only place where their state changes, along `model.order.NEXT`."""

    def __init__(self) -> None:
        self._orders: dict[str, Tracked] = {}
        self._live: dict[str, Tracked] = {}
        self._watched: dict[str, Tracked] = {}       # every exposed one is in here: few, and looked through every cycle
        self._ended: deque[Tracked] = deque()        # oldest first …
        self._traded: deque[Tracked] = deque()       # … and those of them that are kept for longer
        self._moves: list[Move] = []         # since they were last taken
        self._closed: list[str] = []         # since they were last taken
        self.ended: Counter[OrderState] = Counter()
        self.refused_moves = 0               # events that contradict the table: late or duplicated, counted and ignored

    def add(self, order: Tracked) -> None:
        self._orders[order.order_id] = self._watched[order.order_id] = order
        if order.done:
            self._ended.append(order)
        else:
            self._live[order.order_id] = order

    def get(self, order_id: str) -> Tracked | None:
        return self._orders.get(order_id)

    def live(self) -> Iterator[Tracked]:
        """Not known to be dead: pending, working, being cancelled or unknown. Safe to move orders while iterating."""
        return iter(tuple(self._live.values()))

    def move(self, order: Tracked, state: OrderState, now_ns: int) -> bool:
        """True when the order is now in `state`; False when the table forbids it."""
        if state is order.state:
            return True
        if state not in NEXT.get(order.state, ()):
            self.refused_moves += 1
            return False
        order.state, order.changed_ns = state, now_ns
        self._moves.append(Move(order.order_id, state))
        if order.done:
            order.cancelling = False
            self.ended[state] += 1
            self._ended.append(order)
            del self._live[order.order_id]
        return True

    def take_moves(self) -> list[Move]:
        """Every change of state since the last call; for the journal."""
        moves, self._moves = self._moves, []
        return moves

    def take_closed(self) -> list[str]:
        """Every order of which nothing more can be heard since the last call; for the journal, which forgets it then."""
        closed, self._closed = self._closed, []
        return closed

    def exposed(self) -> Iterator[Tracked]:
        """Every order that may still change inventory: live ones, and finished ones whose trades are still to come."""
        return (order for order in tuple(self._watched.values()) if order.exposure_micro > 0)

    def close_finished(self) -> None:
        """Once a cycle: what has ended and was shown whole is watched no longer."""
        for order in [o for o in self._watched.values() if o.done and o.exposure_micro == 0]:
            del self._watched[order.order_id]
            self._closed.append(order.order_id)

    def watch(self, order: Tracked) -> None:
        """It may be exposed again: the venue has named a larger matched size after its end."""
        self._watched[order.order_id] = order

    def forget(self, now_ns: int) -> None:
        """Drops what finished long ago, in the order in which it finished, so that a call costs what it drops. Bounds memory."""
        for order in _before(self._ended, now_ns - FORGET_UNTOUCHED_AFTER_NS):
            if order.untouched:
                self._drop(order)
            else:
                self._traded.append(order)
        for order in _before(self._traded, now_ns - FORGET_AFTER_NS):
            self._drop(order)

    def _drop(self, order: Tracked) -> None:
        del self._orders[order.order_id]
        if self._watched.pop(order.order_id, None) is not None:
            self._closed.append(order.order_id)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._live)


def _before(ended: deque[Tracked], end_ns: int) -> Iterator[Tracked]:
    while ended and ended[0].changed_ns < end_ns:
        yield ended.popleft()


def kind_of(side: Side, sells: bool) -> Kind:
    """The kind of a leg of a quote: selling what we hold, or buying the one or the other outcome."""
    if sells:
        return Kind.REDUCE_SELL
    return Kind.OPEN_BUY if side is Side.BUY else Kind.COMPLEMENT_BUY
